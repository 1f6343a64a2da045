//! Where the programs of one process write before their output is checked.

use std::fs::File;
use std::path::{Path, PathBuf};

use imnn_io::FileError;
use imnn_io::atomic::token;

use crate::JobsError;
use crate::disk::{create_folder, names};

/// The folder of all sessions.
const RUNNING: &str = ".running";
/// The file that a session keeps locked while its process lives.
const ALIVE: &str = "alive";

/// A folder that no other process uses, removed at the end.
#[derive(Debug)]
pub(crate) struct Session {
    folder: PathBuf,
    _alive: File,
}

impl Session {
    /// Makes the folder, and removes those of processes of this machine that were killed.
    pub(crate) fn begin(root: &Path) -> Result<Self, JobsError> {
        let all = root.join(RUNNING);
        create_folder(&all)?;
        let machine = machine();
        remove_dead(&all, &machine)?;
        // It gets its name when its lock is held, so that nobody takes it for dead before.
        let (pid, token) = (std::process::id(), token());
        let new = all.join(format!("new-{token:016x}"));
        create_folder(&new)?;
        let alive = new.join(ALIVE);
        let alive = File::create_new(&alive).map_err(FileError::of("write", &alive))?;
        // Where locks are not to be had, nobody else can take one either.
        let _ = alive.try_lock();
        let folder = all.join(format!("{machine}-{pid}-{token:016x}"));
        std::fs::rename(&new, &folder).map_err(FileError::of("write", &folder))?;
        Ok(Self { folder, _alive: alive })
    }

    /// An empty folder of this name.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, JobsError> {
        let folder = self.folder.join(name);
        remove_folder(&folder);
        create_folder(&folder)?;
        Ok(folder)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        remove_folder(&self.folder);
        if let Some(all) = self.folder.parent() {
            // Fails while others are running, as it should.
            let _ = std::fs::remove_dir(all);
        }
    }
}

/// Removes what processes of any machine have left, once there is nothing more to be done.
pub(crate) fn remove_all(root: &Path) {
    remove_folder(&root.join(RUNNING));
}

/// What cannot be removed is in nobody's way.
pub(crate) fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

fn remove_dead(all: &Path, machine: &str) -> Result<(), JobsError> {
    for name in names(all)?.iter().filter(|name| name.starts_with(&format!("{machine}-"))) {
        let folder = all.join(name);
        if let Ok(alive) = File::open(folder.join(ALIVE))
            && alive.try_lock().is_ok()
        {
            remove_folder(&folder);
        }
    }
    Ok(())
}

/// The name of this machine, as part of a file name.
fn machine() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dead_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let dead = root.path().join(RUNNING).join(format!("{}-1-00", machine()));
        let elsewhere = root.path().join(RUNNING).join("another@machine-1-00");
        for folder in [&dead, &elsewhere] {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(ALIVE), "").unwrap();
        }
        let one = Session::begin(root.path()).unwrap();
        let job = one.folder("fiducial-1").unwrap();
        std::fs::write(job.join("out.npy"), "").unwrap();
        let two = Session::begin(root.path()).unwrap();
        assert!(!dead.exists() && elsewhere.exists());
        assert!(job.join("out.npy").exists());
        assert!(!one.folder("fiducial-1").unwrap().join("out.npy").exists());
        drop(one);
        assert!(!job.exists());
        drop(two);
        assert!(elsewhere.exists());
        remove_all(root.path());
        assert!(!root.path().join(RUNNING).exists());
    }
}
