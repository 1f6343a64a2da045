//! Where the programs of one process write before their output is checked, and the sign that the process lives.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use imnn_io::atomic::token;
use imnn_io::lock::Lock;
use serde::{Deserialize, Serialize};

use crate::JobsError;
use crate::disk::{create_folder, names};

/// The folder of all sessions.
pub(crate) const RUNNING: &str = ".running";
/// The lock that a session holds while its process lives, on this machine or another.
pub(crate) const ALIVE: &str = "alive";
/// What a session has done so far.
pub(crate) const PROGRESS: &str = "progress";
/// How often that is written.
const EVERY: Duration = Duration::from_secs(1);
/// How long a lock without a holder is left to whoever has just made it.
const BEING_MADE: Duration = Duration::from_millis(500);

/// A folder that no other process uses, removed at the end.
#[derive(Debug)]
pub(crate) struct Session {
    folder: PathBuf,
    name: String,
    start: Instant,
    began: Option<SystemTime>,
    progress: Mutex<(Progress, Option<Instant>)>,
    lock: Lock,
}

/// What a session has done, and in which time: by its own clock, so that no two clocks are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) seconds: f64,
}

impl Session {
    /// Makes the folder, and removes those of processes of this machine that were killed.
    pub(crate) fn begin(root: &Path) -> Result<Self, JobsError> {
        let all = root.join(RUNNING);
        create_folder(&all)?;
        let machine = machine();
        remove_dead(&all, &machine)?;
        let name = format!("{machine}-{}-{:016x}", std::process::id(), token());
        let folder = all.join(&name);
        let alive = folder.join(ALIVE);
        let lock = loop {
            create_folder(&folder)?;
            match Lock::take(&alive, &|_| {}) {
                // Whoever found everything done removed the folder, for there was nobody in it yet.
                Err(_) if !folder.exists() => {}
                lock => break lock?,
            }
        };
        // The time is that of the disk, as it is for all that is compared with it.
        let began = std::fs::metadata(&alive).and_then(|metadata| metadata.modified()).ok();
        Ok(Self { folder, name, start: Instant::now(), began, progress: Mutex::default(), lock })
    }

    /// An empty folder of this name.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, JobsError> {
        let folder = self.folder.join(name);
        remove_folder(&folder);
        create_folder(&folder)?;
        Ok(folder)
    }

    /// The name of the folder, which no other session has.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a file was written since the session began; one that is not there was not.
    pub(crate) fn is_newer(&self, path: &Path) -> bool {
        let written = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        matches!((written, self.began), (Some(written), Some(began)) if written >= began)
    }

    /// Refuses to go on where another process took this one for dead, as it may if it was stopped for a long time.
    pub(crate) fn check(&self) -> Result<(), JobsError> {
        Ok(self.lock.check()?)
    }

    /// Counts what has ended.
    pub(crate) fn count(&self, done: usize, failed: usize) {
        let mut held = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let (progress, written) = &mut *held;
        progress.done += done;
        progress.failed += failed;
        progress.seconds = self.start.elapsed().as_secs_f64();
        if written.is_some_and(|written| written.elapsed() < EVERY) {
            return;
        }
        *written = Some(Instant::now());
        // People look at it; simulations do not depend on it.
        let (new, path) = (self.folder.join(format!(".{PROGRESS}")), self.folder.join(PROGRESS));
        if let Ok(text) = serde_json::to_string(progress) {
            let _ = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, &path));
        }
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

/// Removes what processes of any machine have left, once there is nothing more to be done; those of this machine that live,
/// and find that out as well, remove theirs themselves.
pub(crate) fn remove_all(root: &Path) {
    let all = root.join(RUNNING);
    let own = format!("{}-", machine());
    for name in names(&all).unwrap_or_default() {
        let folder = all.join(&name);
        let lives = || File::open(folder.join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_err());
        if !name.starts_with(&own) || !lives() {
            remove_folder(&folder);
        }
    }
    // Fails while there are others, as it should.
    let _ = std::fs::remove_dir(all);
}

/// What cannot be removed is in nobody's way.
pub(crate) fn remove_folder(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

fn remove_dead(all: &Path, machine: &str) -> Result<(), JobsError> {
    for name in names(all)?.iter().filter(|name| name.starts_with(&format!("{machine}-"))) {
        let folder = all.join(name);
        let alive = folder.join(ALIVE);
        if has_holder(&alive)
            && let Ok(alive) = File::open(alive)
            && alive.try_lock().is_ok()
        {
            remove_folder(&folder);
        }
    }
    Ok(())
}

/// Whether a lock names its holder, or nobody is any more about to take it; not if there is none.
fn has_holder(alive: &Path) -> bool {
    let len = || std::fs::metadata(alive).map(|metadata| metadata.len()).ok();
    match len() {
        Some(0) => {
            std::thread::sleep(BEING_MADE);
            len() == Some(0)
        }
        len => len.is_some(),
    }
}

/// The name of this machine, as part of a file name.
pub(crate) fn machine() -> String {
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

    #[test]
    fn a_session_that_lost_its_folder_is_told() {
        let root = tempfile::tempdir().unwrap();
        let session = Session::begin(root.path()).unwrap();
        session.check().unwrap();
        // It lives, so nobody of this machine removes it; another may take it for dead.
        remove_all(root.path());
        session.check().unwrap();
        remove_folder(&root.path().join(RUNNING));
        let message = session.check().unwrap_err().to_string();
        assert!(message.contains("was removed"), "{message}");
    }

    #[test]
    fn what_was_written_before_a_session_is_not_newer() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old"), root.path().join("new"));
        std::fs::write(&old, "").unwrap();
        let past = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&old).unwrap().set_modified(past).unwrap();
        let session = Session::begin(root.path()).unwrap();
        std::fs::write(&new, "").unwrap();
        assert!(session.is_newer(&new) && !session.is_newer(&old) && !session.is_newer(&root.path().join("none")));
    }
}
