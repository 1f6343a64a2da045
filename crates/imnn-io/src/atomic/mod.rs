//! Files and folders that appear whole or not at all.
//!
//! Everything is written under a hidden name beside its target, synced to the disk, and then renamed; at last the folder
//! is synced, so that a crash of the machine loses neither the bytes nor the name. A folder that is replaced changes its
//! name with the new one in one step where the system can (Linux, on local disks), so that there is always one of them;
//! elsewhere the old one is set aside under a hidden name for an instant, and put back by [`restore`] if the process was
//! killed in that instant.
//!
//! Hidden names hold a random number: several processes, also of several machines, can write the same target. What a
//! killed process left is removed by whoever writes the same target next. A process holds an advisory lock on what it
//! writes for as long as it lives, so that on one machine (one running kernel, which the hidden name tells) the lock says
//! whether the writer is gone.
//!
//! On network disks:
//!
//! - Locks may hold on one machine only, or not be had at all. What another machine began is removed when nothing in it has
//!   been written to for a day, by the clock of the file server alone: a time of its own of the same disk is compared.
//!   A process that writes for longer than a day has to write something in it every day.
//! - Renaming is one step on the server, and what was synced before it is there after it.
//! - A rename that the server did and of which the answer was lost is an error here, of a file that is in its place.

#[cfg(test)]
mod kill_tests;
mod leftover;
mod partial;
mod place;
mod set;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

pub use self::leftover::restore;
pub use self::partial::Partial;
pub use self::place::sync_folder;
use self::place::{is_occupied, sync, sync_folder_of};
pub use self::set::FileSet;

/// Why a file or folder could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(action, source))]
    Io {
        /// `"read"`, `"write"`, `"create"`, `"find"` or `"remove"`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The target exists, and it was not asked to be replaced.
    #[error("{} exists already; choose another name, or replace it (--force)", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Another process works there.
    #[error("{} is held by {by}; wait for it to end, or choose another folder", path.display())]
    Held {
        /// The lock.
        path: PathBuf,
        /// The process and its machine.
        by: String,
    },
}

impl FileError {
    /// Gives an error of the operating system its file: `File::open(path).map_err(FileError::of("read", path))`.
    pub fn of(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}

/// What the user can do about an error of the operating system.
fn advice(action: &str, error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound if action == "write" => "; does its folder exist?",
        ErrorKind::NotFound | ErrorKind::NotADirectory if action == "create" => "; choose another place",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose another place or change its permissions"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free space on this disk or choose another",
        _ => "",
    }
}

/// Refuses a target that exists, unless it is to be replaced or an empty folder.
///
/// # Errors
/// [`FileError::Exists`].
pub fn check_free(target: &Path, replace: bool) -> Result<(), FileError> {
    match replace || !is_occupied(target) {
        true => Ok(()),
        false => Err(FileError::Exists { path: target.to_owned() }),
    }
}

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

/// A random number that no other process has, on any machine.
pub fn token() -> u64 {
    RandomState::new().build_hasher().finish()
}
