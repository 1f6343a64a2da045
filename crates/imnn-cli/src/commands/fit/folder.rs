//! The folder of a run while it is being made.

use std::path::Path;

use imnn::fit::{FitError, RunFolder};

use super::interrupt;
use crate::CliError;

/// A [`RunFolder`] that an interruption does not leave half made.
pub(super) struct OutputFolder(RunFolder);

impl OutputFolder {
    /// Finds out whether there will be a place for the results.
    pub(super) fn create(target: &Path, force: bool) -> Result<Self, CliError> {
        let folder = if force { RunFolder::replacing(target) } else { RunFolder::create(target) };
        let folder = folder.map_err(|error| match error {
            FitError::Foreign { path, entry } => CliError::NotARun { path, entry },
            FitError::Occupied { path } => CliError::Occupied { path },
            other => other.into(),
        })?;
        interrupt::remove_on_exit(folder.path());
        Ok(Self(folder))
    }

    pub(super) fn run(&self) -> &RunFolder {
        &self.0
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), CliError> {
        Ok(imnn::io::atomic::write(self.path().join(name), text)?)
    }

    /// From here on the first interrupt ends training, no longer the program.
    pub(super) fn begin_training(&self) {
        interrupt::ends_training();
    }

    /// Puts the folder in its place.
    pub(super) fn finish(self) -> Result<(), CliError> {
        // Between the two renames there is nothing to be removed and much to be lost.
        interrupt::keep();
        Ok(self.0.finish()?)
    }
}
