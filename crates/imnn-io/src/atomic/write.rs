//! Single files.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::error::FileError;
use super::partial::Partial;
use super::place::{sync, sync_folder_of};

/// Writes a file, replacing what was there.
///
/// # Errors
/// [`FileError::Io`] if the folder cannot be written to or the disk is full.
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
    let path = path.as_ref();
    write_with(path, |mut file| file.write_all(bytes.as_ref()).map_err(FileError::of("write", path)))
}

/// Lets `write` fill a file, which replaces what was there if all went well.
///
/// # Errors
/// That of `write`, or as [`write()`].
pub fn write_with<E: From<FileError>>(
    path: impl AsRef<Path>,
    write: impl FnOnce(&File) -> Result<(), E>,
) -> Result<(), E> {
    let (partial, file) = Partial::file(path.as_ref(), true)?;
    write(&file)?;
    Ok(partial.finish()?)
}

/// Writes a file unless it exists; says whether it wrote it. Of several processes one writes.
///
/// # Errors
/// As [`write()`].
pub fn write_new(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<bool, FileError> {
    let path = path.as_ref();
    let (partial, mut file) = Partial::file(path, true)?;
    file.write_all(bytes.as_ref()).and_then(|()| file.sync_all()).map_err(FileError::of("write", path))?;
    let written = match fs::hard_link(partial.path(), path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        // Some disks have no links; there two processes that start in the same instant may overwrite each other.
        Err(_) if !path.exists() => {
            fs::rename(partial.path(), path).map(|()| true).map_err(FileError::of("write", path))?
        }
        Err(_) => false,
    };
    sync_folder_of(path);
    Ok(written)
}

/// Moves a complete file to its target on the same disk, replacing what was there.
///
/// # Errors
/// [`FileError::Io`] if the system refuses.
pub fn put(file: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<(), FileError> {
    let (file, target) = (file.as_ref(), target.as_ref());
    sync(file).map_err(FileError::of("write", file))?;
    fs::rename(file, target).map_err(FileError::of("write", target))?;
    sync_folder_of(target);
    Ok(())
}
