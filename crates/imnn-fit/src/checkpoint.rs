//! Checkpoints: the whole state of training, kept every so often, so that whatever ends a process loses only minutes.

use crate::description::Description;
use crate::error::{FitError, Result, refuse};
use crate::files::{CHECKPOINT, PREVIOUS};
use crate::keys::RunKeys;
use crate::observer::Observer;
use crate::state::TrainingState;
use imnn_io::manifest::NAME;
use imnn_io::{FileError, Lock, Manifest, atomic};
use imnn_models::{Element, Model};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

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
    every: Duration,
    iterations: Option<usize>,
    control: Control,
}

/// What is asked of training while it goes on, from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Request {
    /// Make a checkpoint now and go on.
    Save = 1,
    /// Make a checkpoint and end training as an observer would: with the results that there are.
    End = 2,
    /// Make a checkpoint and stop at once, with the error [`FitError::Suspended`].
    Suspend = 3,
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
    fn asked(&self) -> Option<Request> {
        match self.0.load(Ordering::SeqCst) {
            1 => Some(Request::Save),
            2 => Some(Request::End),
            3 => Some(Request::Suspend),
            _ => None,
        }
    }

    /// What was asked is done.
    fn done(&self, request: Request) {
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

    /// Writes one.
    fn save<E: Element>(&self, state: &TrainingState<E>, description: &Description) -> Result<()> {
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

/// When the last checkpoint was made.
#[derive(Debug, Default)]
pub(crate) struct Last {
    /// When, and after how many iterations.
    at: Option<(Instant, usize)>,
    /// Whether it has been said that none can be made.
    said: bool,
    /// Whether training was asked to end, and has one that it can go on from.
    pub(crate) goes_on: bool,
}

/// Makes checkpoints while training goes on.
pub(crate) struct Keeper<'a> {
    pub(crate) checkpoints: Option<&'a Checkpoints>,
    pub(crate) description: Option<&'a Description>,
    pub(crate) last: &'a mut Last,
}

impl Keeper<'_> {
    /// Between two iterations: makes a checkpoint if one is due or asked for, of the state that `state` brings up to date.
    /// Breaks if training is to end.
    pub(crate) fn between<'s, E: Element>(
        &mut self,
        iteration: usize,
        state: impl FnOnce() -> Result<&'s TrainingState<E>>,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        let (Some(checkpoints), Some(description)) = (self.checkpoints, self.description) else {
            return Ok(ControlFlow::Continue(()));
        };
        let asked = checkpoints.control.asked();
        let is_due = self.last.at.is_none_or(|(time, iterations)| {
            time.elapsed() >= checkpoints.every || checkpoints.iterations.is_some_and(|n| iteration >= iterations + n)
        });
        if !is_due && asked.is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        // What another process has taken over is not written to, and there is no use in going on.
        if let Some(Err(error @ FileError::Held { .. })) = checkpoints.lock.upgrade().map(|lock| lock.check()) {
            return Err(error.into());
        }
        let saved = state().and_then(|state| checkpoints.save(state, description));
        self.last.at = Some((Instant::now(), iteration));
        match (&saved, asked) {
            (Err(error), None) if !self.last.said => {
                observer
                    .notice(&format!("no checkpoint could be made: {error}; training goes on, and it is tried again"));
                self.last.said = true;
            }
            (Ok(()), _) => self.last.said = false,
            _ => {}
        }
        let Some(asked) = asked else { return Ok(ControlFlow::Continue(())) };
        checkpoints.control.done(asked);
        match (asked, saved) {
            (Request::Suspend, saved) => Err(FitError::Suspended { iteration, lost: saved.err().map(Box::new) }),
            (Request::End, saved) => {
                self.last.goes_on = saved.is_ok();
                Ok(ControlFlow::Break(()))
            }
            (Request::Save, saved) => {
                match saved {
                    Ok(()) => observer.notice(&format!("checkpoint made after {iteration} iterations")),
                    Err(error) => observer.notice(&format!("no checkpoint could be made: {error}")),
                }
                Ok(ControlFlow::Continue(()))
            }
        }
    }
}
