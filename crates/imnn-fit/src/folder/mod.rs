//! The folder of a run, from the first checkpoint to the finished results.
//!
//! ```text
//! run/lock                      while a process works here
//! run/unfinished/               what belongs to a run that is not finished: run.toml, checkpoint/, checkpoint.previous/
//! run/manifest.json, ...        a finished run
//! ```
//!
//! Results are written into `unfinished/`, its `manifest.json` last: from then on the run is finished. The folder becomes
//! `finishing/`, and its files are moved up one by one; whoever finds that interrupted, goes on with it, and readers look in both places (`SavedFiles`). So a folder that
//! may not be renamed (the root of a disk, a link) is as good as any, and of a run that is replaced nothing is lost before the new
//! one is whole.

mod commit;
mod copies;

use crate::checkpoint::Checkpoints;
use crate::error::{FitError, Result, refuse};
use crate::files::{CHECKPOINT, FINISHING, LOCK, OF_A_RUN, PREVIOUS, UNFINISHED};
use imnn_io::folder::names_if_there;
use imnn_io::{FileError, Lock};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is in a folder beside what a process at work has there, if there is one: one that cannot be listed is not taken for empty.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = names_if_there(folder).map_err(FileError::of("read the folder", folder))?;
    names.retain(|name| ![LOCK, UNFINISHED, FINISHING].contains(&name.as_str()));
    Ok(names)
}

/// A folder in which a run is made. It is locked: no other process works in it.
///
/// Made before training begins, it finds out at once whether there is a place for the results. If it is dropped without
/// [`RunFolder::finish`], the last checkpoint stays, and where there is none nothing remains.
#[derive(Debug)]
pub struct RunFolder {
    target: PathBuf,
    /// Whether it was not there before.
    made: bool,
    /// What there is of a run that is replaced at the end.
    replaced: Vec<String>,
    /// Whether the run was interrupted, and keeps its checkpoint when it is finished.
    interrupted: AtomicBool,
    /// Whether it is a copy for this process alone, of which nothing is kept.
    is_copy: bool,
    lock: Option<Arc<Lock>>,
}

impl RunFolder {
    /// Whether a saved run has a file of this name.
    pub fn has_file(name: &str) -> bool {
        OF_A_RUN.contains(&name)
    }

    /// Prepares to make a run in `target`, which must not be there, or be empty, or hold a run that was interrupted: that
    /// goes on. `say` is told if it takes a while to find out whether another process works there.
    ///
    /// # Errors
    /// [`FitError::Occupied`] if there is anything else in the folder, [`FitError::Placed`] if there was a finished run in it that had not
    /// come to its place; if it is a file, another process works there, or it cannot
    /// be written to.
    pub fn create(target: impl Into<PathBuf>, say: &dyn Fn(&str)) -> Result<Self> {
        let target = target.into();
        let is_free = |names: &[String]| names.is_empty() || names.iter().any(|name| name == CHECKPOINT);
        let check = |target: &Path| match is_free(&names(target)?) {
            true => Ok(()),
            false => Err(FitError::Occupied { path: target.to_owned() }),
        };
        RunFolder::open(target, &check, say)
    }

    /// Prepares to make a run in `target`; a run that is there is replaced at the end, one that was interrupted goes on.
    ///
    /// # Errors
    /// [`FitError::Foreign`] if there is anything in the folder that no run has; otherwise as [`RunFolder::create`].
    pub fn replacing(target: impl Into<PathBuf>, say: &dyn Fn(&str)) -> Result<Self> {
        RunFolder::open(target.into(), &check_ours, say)
    }

    /// Prepares to go on with the run in `target` that was interrupted.
    ///
    /// # Errors
    /// If there is no such run; if another process works there, or the folder cannot be written to.
    pub fn resume(target: impl Into<PathBuf>, say: &dyn Fn(&str)) -> Result<Self> {
        let target = target.into();
        if !target.is_dir() {
            return Err(refuse(&target, "there is no such folder: give the folder of a run that was interrupted"));
        }
        let folder = RunFolder::open(target, &check_ours, say)?;
        if folder.has_checkpoint() {
            return Ok(folder);
        }
        let message = match names(&folder.target)?.iter().any(|name| name == "model.toml") {
            true => "the run in this folder came to its end: there is nothing to go on with",
            false => "there is no checkpoint in this folder: give the folder of a run that was interrupted",
        };
        Err(refuse(&folder.target, message))
    }

    /// Writes a new folder `target` with `write`, or where that is occupied the first free one of `target-2`, `target-3`,
    /// ..., which is an error that says so.
    pub(crate) fn beside(target: &Path, write: impl Fn(&RunFolder) -> Result<()>) -> Result<()> {
        let save = |target: &Path| -> Result<()> {
            // Another's checkpoint is not ours to go on with.
            if names_if_there(target).is_ok_and(|names| !names.is_empty()) {
                return Err(FitError::Occupied { path: target.to_owned() });
            }
            let folder = RunFolder::create(target, &|_| {})?;
            write(&folder)?;
            folder.finish()
        };
        match save(target) {
            Err(FitError::Occupied { path }) => {
                let name = path.file_name().unwrap_or("run".as_ref()).to_string_lossy().into_owned();
                let mut others = (2..).map(|k| path.with_file_name(format!("{name}-{k}")));
                let saved = others.find(|other| !other.exists()).unwrap_or_default();
                save(&saved)?;
                Err(FitError::SavedElsewhere { path, saved })
            }
            other => other,
        }
    }

    fn open(target: PathBuf, check: &dyn Fn(&Path) -> Result<()>, say: &dyn Fn(&str)) -> Result<Self> {
        if target.is_file() {
            return Err(refuse(&target, "this is a file; give the name of a folder"));
        }
        if target.is_symlink() && !target.exists() {
            return Err(refuse(&target, "this is a link to something that is not there; give the name of a folder"));
        }
        // Before anything is written into a folder that may be another's. Where a run was begun it is ours, whatever else has appeared.
        let check = |target: &Path| match has_checkpoint(&target.join(UNFINISHED)) {
            true => Ok(()),
            false => check(target),
        };
        if !target.join(FINISHING).exists() && !target.join(UNFINISHED).exists() {
            check(&target)?;
        }
        let made = !target.exists();
        fs::create_dir_all(&target).map_err(FileError::of("create", &target))?;
        let lock = Some(Arc::new(Lock::take(target.join(LOCK), say)?));
        let mut folder = RunFolder { target, made, replaced: vec![], interrupted: false.into(), is_copy: false, lock };
        if commit::go_on(&folder.target)? && !folder.target.join(CHECKPOINT).exists() {
            folder.made = false;
            return Err(FitError::Placed { path: folder.target.clone() });
        }
        check(&folder.target)?;
        folder.replaced = names(&folder.target)?;
        fs::create_dir_all(folder.path()).map_err(FileError::of("create", folder.path()))?;
        commit::take_up(&folder.target)?;
        Ok(folder)
    }

    /// Where to write files to, until the folder is finished.
    pub fn path(&self) -> PathBuf {
        self.target.join(UNFINISHED)
    }

    /// The folder itself.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Keeps checkpoints in this folder, for [`ImnnBuilder::checkpoints`](crate::ImnnBuilder::checkpoints).
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.path(), self.lock.as_ref().map(Arc::downgrade).unwrap_or_default())
    }

    /// Whether there is a run here that was interrupted and can go on.
    pub fn has_checkpoint(&self) -> bool {
        has_checkpoint(&self.path())
    }

    /// Forgets the run here that was interrupted.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn begin_anew(&self) -> Result<()> {
        let path = self.path();
        fs::remove_dir_all(&path).and_then(|()| fs::create_dir(&path)).map_err(FileError::of("remove", &path))?;
        Ok(())
    }

    /// Whether the finished run is to keep its checkpoint, with which it can go on; by default not.
    pub(crate) fn keep_checkpoint(&self, keep: bool) {
        self.interrupted.store(keep, Ordering::SeqCst);
    }

    /// Puts the run in its place.
    ///
    /// # Errors
    /// If a file cannot be written, or there is something in the folder now that was not there when this began; what was written
    /// stays in `unfinished` then.
    pub fn finish(mut self) -> Result<()> {
        if let Some(lock) = &self.lock {
            lock.check()?;
        }
        commit::commit(&self.target, &self.replaced, self.interrupted.load(Ordering::SeqCst))?;
        self.lock = None;
        Ok(())
    }

    /// What is to be done where a program ends at once, without dropping this: as if it had been dropped.
    pub fn on_exit(&self) -> impl FnOnce() + Send + 'static {
        let (target, made) = (self.target.clone(), self.made);
        move || leave(&target, made)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take()
            && lock.check().is_ok()
        {
            leave(&self.target, self.made);
        }
        if self.is_copy {
            // What cannot be removed can only be left.
            let _ = fs::remove_dir_all(&self.target);
        }
    }
}

/// Removes what a run has that is not finished and has no checkpoint, and the folder if it was `made` for that.
fn leave(target: &Path, made: bool) {
    let unfinished = target.join(UNFINISHED);
    // What cannot be removed can only be left.
    if !has_checkpoint(&unfinished) && !unfinished.join(imnn_io::manifest::NAME).exists() {
        let _ = fs::remove_dir_all(unfinished);
    }
    let _ = fs::remove_file(target.join(LOCK));
    if made {
        let _ = fs::remove_dir(target);
    }
}

fn has_checkpoint(unfinished: &Path) -> bool {
    [CHECKPOINT, PREVIOUS].iter().any(|name| unfinished.join(name).join(imnn_io::manifest::NAME).exists())
}

/// Refuses a folder with something in it that no run has.
fn check_ours(target: &Path) -> Result<()> {
    match names(target)?.into_iter().find(|name| !OF_A_RUN.contains(&name.as_str())) {
        Some(entry) => Err(FitError::Foreign { path: target.to_owned(), entry }),
        None => Ok(()),
    }
}
