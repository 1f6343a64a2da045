//! The folder of a run while it is being made.

use std::path::Path;

use imnn::fit::RunFolder;

use super::interrupt;
use crate::CliError;

/// What `imnn fit` writes: a folder with anything else in it is not replaced.
const WRITTEN: [&str; 11] = [
    "run.toml",
    "model.toml",
    "weights.safetensors",
    "final.safetensors",
    "best.safetensors",
    "initial.safetensors",
    "optimiser.safetensors",
    "history.npz",
    "statistics.json",
    "statistics.npz",
    "plot.png",
];

/// A [`RunFolder`] that an interruption does not leave half made.
pub(super) struct OutputFolder(RunFolder);

impl OutputFolder {
    /// Finds out whether there will be a place for the results.
    pub(super) fn create(target: &Path, force: bool) -> Result<Self, CliError> {
        if force {
            only_a_run(target)?;
        }
        let folder = RunFolder::create(target, force)?;
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

/// Refuses a folder in which there is anything that `imnn fit` did not write.
fn only_a_run(target: &Path) -> Result<(), CliError> {
    let Ok(entries) = std::fs::read_dir(target) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !WRITTEN.iter().any(|written| name == *written) {
            let entry = name.to_string_lossy().into_owned();
            return Err(CliError::NotARun { path: target.to_owned(), entry });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        only_a_run(folder.path()).unwrap();
        only_a_run(&folder.path().join("not there")).unwrap();
        std::fs::write(folder.path().join("run.toml"), "").unwrap();
        only_a_run(folder.path()).unwrap();
        std::fs::create_dir(folder.path().join("train")).unwrap();
        let message = only_a_run(folder.path()).unwrap_err().to_string();
        assert!(message.contains("\"train\""), "{message}");
    }
}
