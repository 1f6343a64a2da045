//! Claims: several processes that share a folder take the next simulation each, and no two of them the same.
//!
//! A claim is a file of the simulation's name, which one process alone can create; in it is the name of its session. It is
//! removed when the simulation is in its place, so that there are never more claims than programs that run.
//!
//! What a killed process had claimed is taken over: one process at a time, under a lock, asks of each session that is named
//! in a claim whether its process is gone, as [`Lock`] says it, and removes the claims of those that are. Of a shared disk
//! no more is asked than by that lock. A process that was stopped so long that others took it for dead makes a simulation a
//! second time at worst, with the same result.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use imnn_io::FileError;
use imnn_io::lock::Lock;

use crate::JobsError;
use crate::disk::{create_folder, names, read, remove};
use crate::session::{ALIVE, RUNNING, Session, remove_folder};
use crate::shelf::Block;

/// The folder of all claims.
const CLAIMS: &str = ".claims";
/// The lock of the process that looks for those who are gone; no claim has a name without a seed.
const TAKING_OVER: &str = "taking_over";
/// How long a claim without a name is left to whoever has just made it.
const BEING_MADE: Duration = Duration::from_millis(500);
/// How many processes are watched at a time for a sign of life, which takes seconds for each on another machine.
const AT_ONCE: usize = 64;

/// The claims of one session.
#[derive(Debug)]
pub(crate) struct Claims<'a> {
    root: &'a Path,
    session: &'a Session,
}

/// A simulation that is this process's to make, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    path: PathBuf,
    owner: &'a str,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(root: &'a Path, session: &'a Session) -> Result<Self, JobsError> {
        create_folder(&root.join(CLAIMS))?;
        Ok(Self { root, session })
    }

    /// Takes a simulation, unless another process has it.
    pub(crate) fn take(&self, vector: &str, seed: u64) -> Result<Option<Claim<'a>>, JobsError> {
        self.take_file(&format!("{vector}-{seed}"))
    }

    /// Takes a block of simulations, to put them together, unless another process has it.
    pub(crate) fn take_block(&self, vector: &str, (first, last): Block) -> Result<Option<Claim<'a>>, JobsError> {
        self.take_file(&format!("{vector}-{first}-{last}"))
    }

    fn take_file(&self, name: &str) -> Result<Option<Claim<'a>>, JobsError> {
        let path = self.root.join(CLAIMS).join(name);
        let owner = self.session.name();
        loop {
            match File::create_new(&path) {
                Ok(mut file) => {
                    let claim = Claim { path, owner };
                    file.write_all(owner.as_bytes()).map_err(FileError::of("write", &claim.path))?;
                    return Ok(Some(claim));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
                // Whoever found everything done removed the folder.
                Err(error) if error.kind() == ErrorKind::NotFound => create_folder(&self.root.join(CLAIMS))?,
                Err(error) => return Err(FileError::of("write", &path)(error).into()),
            }
        }
    }

    /// Removes the claims of processes that are gone, with their folders; returns how many claims.
    ///
    /// None while another process does just that: it will go on with what it finds.
    pub(crate) fn take_over(&self) -> Result<usize, JobsError> {
        let folder = self.root.join(CLAIMS);
        let _alone = match Lock::take(folder.join(TAKING_OVER), &|_| {}) {
            Ok(lock) => lock,
            Err(FileError::Held { .. }) => return Ok(0),
            // Whoever found everything done removed the folder.
            Err(_) if !folder.exists() => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut of_owners = BTreeMap::<String, Vec<PathBuf>>::new();
        for name in names(&folder)?.into_iter().filter(|name| name != TAKING_OVER) {
            let path = folder.join(name);
            if let Some(owner) = owner(&path)? {
                of_owners.entry(owner).or_default().push(path);
            }
        }
        of_owners.remove(self.session.name());
        let mut removed = 0;
        let all: Vec<_> = of_owners.into_iter().collect();
        for some in all.chunks(AT_ONCE) {
            let gone = std::thread::scope(|scope| {
                let asked: Vec<_> = some.iter().map(|(owner, _)| scope.spawn(|| self.gone(owner))).collect();
                asked.into_iter().map(|thread| thread.join().unwrap_or(None)).collect::<Vec<_>>()
            });
            for ((owner, claims), gone) in some.iter().zip(gone) {
                let Some(gone) = gone else { continue };
                for claim in claims {
                    // It may have been removed by its owner and made anew by another process, before the owner ended.
                    if read(claim)?.as_ref() == Some(owner) {
                        remove(claim)?;
                        removed += 1;
                    }
                }
                if !owner.is_empty() {
                    remove_folder(&self.root.join(RUNNING).join(owner));
                }
                drop(gone);
            }
        }
        Ok(removed)
    }

    /// Whether the process of a session is gone; if there was something left of it, with its lock.
    fn gone(&self, owner: &str) -> Option<Option<Lock>> {
        // A name that was never written.
        if owner.is_empty() {
            return Some(None);
        }
        let alive = self.root.join(RUNNING).join(owner).join(ALIVE);
        match File::open(&alive) {
            Err(error) if error.kind() == ErrorKind::NotFound => Some(None),
            Err(_) => None,
            // What cannot be said is left to the next who asks.
            Ok(_) => Lock::take(alive, &|_| {}).ok().map(Some),
        }
    }
}

/// Who made a claim: nobody where the name was never written, `None` where the claim is gone.
fn owner(path: &Path) -> Result<Option<String>, JobsError> {
    let found = read(path)?;
    if found.as_ref().is_some_and(String::is_empty) {
        std::thread::sleep(BEING_MADE);
        return Ok(read(path)?);
    }
    Ok(found)
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Another process may have taken it over. What cannot be removed is taken over by whoever looks for it.
        if matches!(read(&self.path), Ok(Some(owner)) if owner == self.owner || owner.is_empty()) {
            let _ = remove(&self.path);
        }
    }
}

/// Removes the folder where there is no claim in it.
pub(crate) fn remove_empty(root: &Path) {
    let _ = std::fs::remove_dir(root.join(CLAIMS));
}

/// Removes what is left, once there is nothing more to be done.
pub(crate) fn remove_all(root: &Path) {
    remove_folder(&root.join(CLAIMS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_is_taken_once_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let (one, two) = (Session::begin(root.path()).unwrap(), Session::begin(root.path()).unwrap());
        let (ones, twos) = (Claims::new(root.path(), &one).unwrap(), Claims::new(root.path(), &two).unwrap());
        let claim = ones.take("fiducial", 3).unwrap().unwrap();
        assert!(ones.take("fiducial", 3).unwrap().is_none() && twos.take("fiducial", 3).unwrap().is_none());
        assert!(twos.take("fiducial", 4).unwrap().is_some() && twos.take("Om_p", 3).unwrap().is_some());
        // Both live.
        assert_eq!((ones.take_over().unwrap(), twos.take_over().unwrap()), (0, 0));
        drop(claim);
        assert!(twos.take("fiducial", 3).unwrap().is_some());
        remove_all(root.path());
        assert!(twos.take("fiducial", 3).unwrap().is_some());
    }

    #[test]
    fn of_many_at_once_one_has_it() {
        let root = tempfile::tempdir().unwrap();
        let session = Session::begin(root.path()).unwrap();
        let claims = Claims::new(root.path(), &session).unwrap();
        for seed in 0..50 {
            let taken: usize = std::thread::scope(|scope| {
                let take = || claims.take("fiducial", seed).unwrap().map(std::mem::forget).is_some();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
            });
            assert_eq!(taken, 1);
        }
    }

    #[test]
    fn those_who_are_gone_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let session = Session::begin(root.path()).unwrap();
        let claims = Claims::new(root.path(), &session).unwrap();
        let alive = claims.take("fiducial", 0).unwrap().unwrap();
        let folder = root.path().join(CLAIMS);
        // Killed before it wrote its name, killed with its folder removed since, and killed in the midst of its work.
        std::fs::write(folder.join("fiducial-1"), "").unwrap();
        std::fs::write(folder.join("fiducial-2"), "here-1-01").unwrap();
        let dead = root.path().join(RUNNING).join("here-1-02");
        std::fs::create_dir_all(dead.join("fiducial-3")).unwrap();
        std::fs::write(dead.join(ALIVE), "").unwrap();
        std::fs::write(folder.join("fiducial-3"), "here-1-02").unwrap();
        assert!((1..4).all(|seed| claims.take("fiducial", seed).unwrap().is_none()));
        assert_eq!(claims.take_over().unwrap(), 3);
        assert!(!dead.exists() && alive.path.exists());
        assert!((1..4).all(|seed| claims.take("fiducial", seed).unwrap().is_some()));
    }

    #[test]
    fn what_was_taken_over_is_not_removed_by_who_had_it() {
        let root = tempfile::tempdir().unwrap();
        let session = Session::begin(root.path()).unwrap();
        let claim = Claims::new(root.path(), &session).unwrap().take("fiducial", 0).unwrap().unwrap();
        let path = claim.path.clone();
        std::fs::write(&path, "another").unwrap();
        drop(claim);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "another");
    }
}
