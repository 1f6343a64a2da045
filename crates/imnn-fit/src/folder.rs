//! The folder of a run, which appears whole or not at all.

use crate::error::{FitError, Result, refuse};
use imnn_io::folder::names_if_there;
use imnn_io::{FileError, Partial};
use std::path::{Path, PathBuf};

/// The files of a run. A folder with anything else in it is not replaced.
const OF_A_RUN: [&str; 11] = [
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

/// What is in a folder, if there is one: one that cannot be listed is not taken for empty.
fn names(folder: &Path) -> Result<Vec<String>> {
    Ok(names_if_there(folder).map_err(FileError::of("read the folder", folder))?)
}

/// A folder being written: its files go to a hidden folder beside it, which takes its place at the end.
///
/// Made before training begins, it finds out at once whether there will be a place for the results. If it is dropped
/// without [`RunFolder::finish`], nothing of it remains.
#[derive(Debug)]
pub struct RunFolder(Partial);

impl RunFolder {
    /// Prepares to write `target`, which must not be there, or be empty.
    ///
    /// # Errors
    /// [`FitError::Occupied`] if there is anything in the folder; if it is a file, or its parent cannot be written to.
    pub fn create(target: impl Into<PathBuf>) -> Result<Self> {
        let target = target.into();
        match names(&target)?.is_empty() {
            true => RunFolder::prepare(target, false),
            false => Err(FitError::Occupied { path: target }),
        }
    }

    /// Prepares to write `target`; a run that is there is replaced at the end.
    ///
    /// # Errors
    /// [`FitError::Foreign`] if there is anything in the folder that no run has; if it is a file, or its parent cannot be
    /// written to.
    pub fn replacing(target: impl Into<PathBuf>) -> Result<Self> {
        let target = target.into();
        match names(&target)?.into_iter().find(|name| !OF_A_RUN.contains(&name.as_str())) {
            Some(entry) => Err(FitError::Foreign { path: target, entry }),
            None => RunFolder::prepare(target, true),
        }
    }

    /// Writes a new folder `target` with `write`, or where that is occupied the first free one of `target-2`, `target-3`,
    /// ..., which is an error that says so.
    pub(crate) fn beside(target: &Path, write: impl Fn(&RunFolder) -> Result<()>) -> Result<()> {
        let save = |target: &Path| -> Result<()> {
            let folder = RunFolder::create(target)?;
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

    fn prepare(target: PathBuf, replace: bool) -> Result<Self> {
        if target.is_file() {
            return Err(refuse(&target, "this is a file; give the name of a folder"));
        }
        Ok(RunFolder(Partial::folder(target, replace)?))
    }

    /// Where to write files to, until the folder is finished.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts the folder in its place.
    ///
    /// # Errors
    /// If it cannot be moved there.
    pub fn finish(self) -> Result<()> {
        Ok(self.0.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("run");
        let folder = RunFolder::create(&target).unwrap();
        fs::write(folder.path().join("model.toml"), "1").unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);

        let folder = RunFolder::create(&target).unwrap();
        fs::write(folder.path().join("model.toml"), "1").unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read_to_string(target.join("model.toml")).unwrap(), "1");
        let message = RunFolder::create(&target).unwrap_err().to_string();
        assert!(message.contains("exists already"), "{message}");

        let folder = RunFolder::replacing(&target).unwrap();
        fs::write(folder.path().join("best.safetensors"), "2").unwrap();
        folder.finish().unwrap();
        assert!(target.join("best.safetensors").exists() && !target.join("model.toml").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_runs_are_replaced_and_none_is_lost() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("run");
        let write = |folder: &RunFolder| {
            fs::write(folder.path().join("model.toml"), "").unwrap();
            Ok(())
        };
        RunFolder::beside(&target, write).unwrap();
        for saved in ["run-2", "run-3"] {
            let error = RunFolder::beside(&target, write).unwrap_err();
            assert!(matches!(&error, FitError::SavedElsewhere { .. }) && error.to_string().contains(saved), "{error}");
            assert!(parent.path().join(saved).join("model.toml").exists());
        }
        drop(RunFolder::replacing(&target).unwrap());
        fs::create_dir(target.join("train")).unwrap();
        let message = RunFolder::replacing(&target).unwrap_err().to_string();
        assert!(message.contains("\"train\"") && target.join("train").exists(), "{message}");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_at_once() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for target in [file.clone(), file.join("run")] {
            let message = RunFolder::create(&target).unwrap_err().to_string();
            assert!(message.contains("file"), "{message}");
        }
    }
}
