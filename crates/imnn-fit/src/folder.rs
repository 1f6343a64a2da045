//! A folder that appears whole or not at all.

use crate::error::{FitError, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder being written: its files go to a hidden folder beside it, which takes its place at the end.
///
/// Made before training begins, it finds out at once whether there will be a place for the results. If it is dropped
/// without [`RunFolder::finish`], nothing of it remains.
#[derive(Debug)]
pub struct RunFolder {
    target: PathBuf,
    partial: PathBuf,
}

impl RunFolder {
    /// Prepares to write `target`. With `replace`, a folder of that name is replaced at the end; without, it must not be
    /// there, or be empty.
    ///
    /// # Errors
    /// If the folder is there already, is no folder, or its parent cannot be written to.
    pub fn create(target: impl Into<PathBuf>, replace: bool) -> Result<Self> {
        let target: PathBuf = target.into();
        if target.exists() && !target.is_dir() {
            return Err(refuse(&target, "this is a file; give the name of a folder"));
        }
        let occupied = fs::read_dir(&target).is_ok_and(|mut entries| entries.next().is_some());
        if occupied && !replace {
            return Err(refuse(
                &target,
                "the folder is there already and is not empty; choose another, or have it replaced (`--force`)",
            ));
        }
        let name = target.file_name().ok_or_else(|| refuse(&target, "this is no name for a folder"))?.to_string_lossy();
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let partial = parent.join(format!(".{name}.partial-{}", std::process::id()));
        fs::create_dir_all(&partial).map_err(|error| {
            refuse(
                &target,
                format!(
                    "the output folder cannot be written ({error}); choose another place or change its permissions"
                ),
            )
        })?;
        Ok(RunFolder { target, partial })
    }

    /// Where to write files to, until the folder is finished.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Puts the folder in its place.
    ///
    /// # Errors
    /// If it cannot be moved there.
    pub fn finish(self) -> Result<()> {
        let failed =
            |error: std::io::Error| refuse(&self.target, format!("the folder cannot be put in place ({error})"));
        let old = self.partial.with_extension("replaced");
        let replaces = self.target.exists();
        if replaces {
            fs::rename(&self.target, &old).map_err(failed)?;
        }
        fs::rename(&self.partial, &self.target).map_err(failed)?;
        if replaces {
            fs::remove_dir_all(&old).map_err(failed)?;
        }
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // After `finish` there is nothing left to remove, and if removing fails there is nobody to tell.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

pub(crate) fn refuse(path: &Path, message: impl Into<String>) -> FitError {
    FitError::File { path: path.to_owned(), message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(message.contains("there already"), "{message}");

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
