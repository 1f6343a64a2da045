//! Files and folders that are written beside their place.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::arrays::write::beside;
use crate::{ArrayPath, DataError};

/// Something that is being written beside its place; removed where it is not put there.
#[derive(Debug)]
pub(crate) struct Partial {
    beside: PathBuf,
    place: PathBuf,
    replace: bool,
}

impl Partial {
    /// A file.
    pub(crate) fn file(place: &Path, replace: bool) -> Result<(Self, File), DataError> {
        check_free(place, replace)?;
        let beside = beside(place);
        let file = File::create_new(&beside).map_err(|source| io(place, source))?;
        Ok((Self { beside, place: place.to_owned(), replace }, file))
    }

    /// A name for a file that somebody else makes.
    #[cfg(feature = "hdf5")]
    pub(crate) fn reserved(place: &Path, replace: bool) -> Result<Self, DataError> {
        check_free(place, replace)?;
        Ok(Self { beside: beside(place), place: place.to_owned(), replace })
    }

    /// A folder.
    pub(crate) fn folder(place: &Path, replace: bool) -> Result<Self, DataError> {
        check_free(place, replace)?;
        let beside = beside(place);
        std::fs::create_dir(&beside).map_err(|source| io(place, source))?;
        Ok(Self { beside, place: place.to_owned(), replace })
    }

    /// Where it is now.
    pub(crate) fn path(&self) -> &Path {
        &self.beside
    }

    /// Puts it in its place.
    pub(crate) fn keep(self) -> Result<(), DataError> {
        check_free(&self.place, self.replace)?;
        let io = |source| io(&self.place, source);
        if self.beside.is_dir() && self.place.exists() {
            // A folder cannot be renamed onto one that is not empty.
            let old = beside(&self.place);
            std::fs::rename(&self.place, &old).map_err(io)?;
            std::fs::rename(&self.beside, &self.place).map_err(io)?;
            return std::fs::remove_dir_all(&old).map_err(io);
        }
        std::fs::rename(&self.beside, &self.place).map_err(io)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already where it was put in its place; if it cannot be removed there is nothing left to be done.
        let _ = if self.beside.is_dir() {
            std::fs::remove_dir_all(&self.beside)
        } else {
            std::fs::remove_file(&self.beside)
        };
    }
}

/// An array that is written and not yet in its place.
#[derive(Debug)]
pub struct Written {
    pub(super) partial: Partial,
    pub(super) array: ArrayPath,
}

impl Written {
    /// Where it can be read now.
    pub fn array(&self) -> &ArrayPath {
        &self.array
    }

    /// Puts it in its place; without this it is removed.
    ///
    /// # Errors
    /// Where something has appeared there that is not to be replaced, or the system refuses.
    pub fn keep(self) -> Result<(), DataError> {
        self.partial.keep()
    }
}

/// Refuses a place where something is, unless that is to be replaced.
pub(crate) fn check_free(place: &Path, replace: bool) -> Result<(), DataError> {
    if !replace && place.symlink_metadata().is_ok() {
        return Err(DataError::Exists { path: place.to_owned() });
    }
    Ok(())
}

pub(crate) fn io(place: &Path, source: std::io::Error) -> DataError {
    DataError::Io { action: "write", label: place.display().to_string(), source }
}
