//! Checkpoints: the whole state of training, kept every so often, so that whatever ends a process loses only minutes.

use crate::description::Description;
use crate::error::{Result, refuse};
use crate::files::{CHECKPOINT, PREVIOUS};
use crate::keys::RunKeys;
use crate::state::TrainingState;
use imnn_io::manifest::NAME;
use imnn_io::{FileError, Lock, Manifest, atomic};
use imnn_models::{Element, Model};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// One that is being written.
const NEXT: &str = "checkpoint.next";

/// Where and how often checkpoints are kept: [`RunFolder::checkpoints`](crate::RunFolder::checkpoints).
///
/// A checkpoint is made between two iterations. It is a folder of the same files as a saved run, `state.toml` with the rest, and
/// a manifest, without which it does not count. The one before stays, in case that somebody damages the last.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    lock: Weak<Lock>,
    pub(crate) every: Duration,
    pub(crate) iterations: Option<usize>,
    pub(crate) control: Control,
}

/// What is asked of training while it goes on, from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Request {
    /// Make a checkpoint now and go on.
    Save = 1,
    /// Make a checkpoint and end training as an observer would: with the results that there are.
    End = 2,
    /// Make a checkpoint and stop at once, with the error [`FitError::Suspended`](crate::FitError::Suspended).
    Suspend = 3,
}

impl Request {
    /// That of this number, if there is one.
    pub(crate) fn of(number: u8) -> Option<Request> {
        [Request::Save, Request::End, Request::Suspend].into_iter().find(|&request| request as u8 == number)
    }
}

/// Asks something of training while it goes on, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<AtomicU8>);

impl Control {
    /// Asks; what is asked later and is more counts.
    pub fn ask(&self, request: Request) {
        self.0.fetch_max(request as u8, Ordering::SeqCst);
    }

    /// What is asked, if anything.
    pub(crate) fn asked(&self) -> Option<Request> {
        Request::of(self.0.load(Ordering::SeqCst))
    }

    /// What was asked is done.
    pub(crate) fn done(&self, request: Request) {
        // Something else may have been asked since.
        let _ = self.0.compare_exchange(request as u8, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Checkpoints {
    pub(crate) fn new(folder: PathBuf, lock: Weak<Lock>) -> Self {
        Checkpoints { folder, lock, every: Duration::from_secs(600), iterations: None, control: Control::default() }
    }

    /// Makes one after so much time. Default 10 minutes.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// Makes one after so many iterations as well. Default: after time alone.
    #[must_use]
    pub fn every_iterations(mut self, iterations: usize) -> Self {
        self.iterations = Some(iterations.max(1));
        self
    }

    /// What another thread asks by.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Reads the last one that is whole, of a run that is `expected`; `None` where there is none.
    pub(crate) fn load<E: Element>(
        &self,
        model: &Model,
        expected: &Description,
        keys: RunKeys,
    ) -> Result<Option<TrainingState<E>>> {
        let mut damage = None;
        for folder in [CHECKPOINT, PREVIOUS].map(|name| self.folder.join(name)).into_iter().filter(|path| path.exists())
        {
            match is_whole(&folder) {
                Ok(()) => return Ok(Some(TrainingState::checkpoint(&folder, model, expected, keys)?)),
                // The cause that is told is that of the last one.
                Err(error) => damage = damage.or(Some(error)),
            }
        }
        damage.map_or(Ok(None), Err)
    }

    /// Whether the folder is this process's to write to.
    pub(crate) fn check_lock(&self) -> Result<()> {
        match self.lock.upgrade().map(|lock| lock.check()) {
            Some(Err(error @ FileError::Held { .. })) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Writes one.
    pub(crate) fn save<E: Element>(&self, state: &TrainingState<E>, description: &Description) -> Result<()> {
        let [next, last, previous] = [NEXT, CHECKPOINT, PREVIOUS].map(|name| self.folder.join(name));
        remove(&next)?;
        fs::create_dir(&next).map_err(FileError::of("create", &next))?;
        description.save(&next)?;
        state.save(&next)?;
        state.save_call(&next)?;
        let names = imnn_io::folder::names(&next).map_err(FileError::of("read the folder", &next))?;
        Manifest::of(&next, names.iter().map(String::as_str))?.write(&next)?;
        if last.exists() {
            remove(&previous)?;
            fs::rename(&last, &previous).map_err(FileError::of("write", &previous))?;
        }
        fs::rename(&next, &last).map_err(FileError::of("write", &last))?;
        atomic::sync_folder(&self.folder);
        Ok(())
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(FileError::of("remove", folder))?;
    }
    Ok(())
}

fn is_whole(folder: &Path) -> Result<()> {
    let manifest =
        Manifest::read(folder)?.ok_or_else(|| refuse(folder, format!("there is no {NAME} in this checkpoint")))?;
    Ok(manifest.check_all(folder)?)
}
