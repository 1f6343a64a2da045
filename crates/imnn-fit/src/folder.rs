//! The folder of a run, which appears whole or not at all.

use crate::error::{FitError, Result};
use imnn_io::Partial;
use std::path::{Path, PathBuf};

/// A folder being written: its files go to a hidden folder beside it, which takes its place at the end.
///
/// Made before training begins, it finds out at once whether there will be a place for the results. If it is dropped
/// without [`RunFolder::finish`], nothing of it remains.
#[derive(Debug)]
pub struct RunFolder(Partial);

impl RunFolder {
    /// Prepares to write `target`. With `replace`, a folder of that name is replaced at the end; without, it must not be
    /// there, or be empty.
    ///
    /// # Errors
    /// If the folder is there already, is a file, or its parent cannot be written to.
    pub fn create(target: impl Into<PathBuf>, replace: bool) -> Result<Self> {
        let target: PathBuf = target.into();
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

pub(crate) fn refuse(path: &Path, message: impl Into<String>) -> FitError {
    FitError::File { path: path.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("run");
        let folder = RunFolder::create(&target, false).unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        assert!(!target.exists());
        drop(folder);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);

        let folder = RunFolder::create(&target, false).unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        folder.finish().unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "1");
        let message = RunFolder::create(&target, false).unwrap_err().to_string();
        assert!(message.contains("exists already"), "{message}");

        let folder = RunFolder::create(&target, true).unwrap();
        fs::write(folder.path().join("b"), "2").unwrap();
        folder.finish().unwrap();
        assert!(target.join("b").exists() && !target.join("a").exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_at_once() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        for target in [file.clone(), file.join("run")] {
            let message = RunFolder::create(&target, false).unwrap_err().to_string();
            assert!(message.contains("file"), "{message}");
        }
    }
}
