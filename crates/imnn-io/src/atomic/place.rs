//! How what was written comes into its place.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::FileError;
use super::name::Name;

/// How often a folder is tried to be put in its place where others do the same.
const TRIES: usize = 16;

/// Renames a file or folder to its target; with `replace`, what is there is removed afterwards.
///
/// # Errors
/// [`FileError::Exists`] if there is something and it is not to be replaced, or if the system refuses.
pub(super) fn place(from: &Path, to: &Path, replace: bool) -> Result<(), FileError> {
    let placed = match from.is_dir() {
        true => place_folder(from, to, replace),
        false if replace => fs::rename(from, to),
        false => rename_new(from, to),
    };
    placed.map_err(|error| match is_in_the_way(&error) && !replace {
        true => FileError::Exists { path: to.to_owned() },
        false => FileError::of("write", to)(error),
    })
}

fn place_folder(from: &Path, to: &Path, replace: bool) -> io::Result<()> {
    for _ in 0..TRIES {
        // Onto nothing, or an empty folder.
        let error = match fs::rename(from, to) {
            Err(error) if replace && is_in_the_way(&error) => error,
            other => return other,
        };
        match exchange(from, to) {
            Ok(()) => {
                remove(from);
                return Ok(());
            }
            Err(failed) if failed.kind() == ErrorKind::NotFound => continue,
            Err(failed) if !is_unsupported(&failed) => return Err(failed),
            Err(_) => {}
        }
        if set_aside(from, to, error)? {
            return Ok(());
        }
    }
    Err(ErrorKind::DirectoryNotEmpty.into())
}

/// Replaces `to` in two steps, where the system has no single one; says whether it did. Between them
/// [`restore`](super::restore) puts one of the two in its place.
fn set_aside(from: &Path, to: &Path, error: io::Error) -> io::Result<bool> {
    // The same number, from which it is seen that they belong together.
    let Some(old) = Name::of_partial(from, to).map(|name| name.old(to)) else { return Err(error) };
    match fs::rename(to, &old) {
        Err(failed) if failed.kind() == ErrorKind::NotFound => return Ok(false),
        moved => moved?,
    }
    match fs::rename(from, to) {
        Ok(()) => {
            remove(&old);
            Ok(true)
        }
        Err(failed) => {
            // Somebody else was faster, whose result is replaced in its turn; or the old one is put back.
            match rename_new(&old, to) {
                Err(error) if is_in_the_way(&error) => remove(&old),
                other => other?,
            }
            if is_in_the_way(&failed) { Ok(false) } else { Err(failed) }
        }
    }
}

/// Whether something at the target is why a rename failed.
fn is_in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory)
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

/// Exchanges two names in one step.
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (a, b);
        Err(ErrorKind::Unsupported.into())
    }
}

/// Renames where there is nothing at the target.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if there is something, or if the system refuses.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
            Err(error) if is_unsupported(&error) => {}
            renamed => return renamed,
        }
    }
    // Two processes that get here in the same instant may overwrite each other; folders are safe from it.
    if to.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

/// Whether there is anything but an empty folder.
pub(super) fn is_occupied(path: &Path) -> bool {
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    path.symlink_metadata().is_ok() && !is_empty()
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

/// Removes a file, or a folder with all that is in it; what cannot be removed is left.
pub(super) fn remove(path: &Path) {
    let is_dir = path.symlink_metadata().is_ok_and(|of| of.is_dir());
    let _ = if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// Whether an open file is what is at `path`.
pub(super) fn is_same(file: &File, path: &Path) -> bool {
    let Ok((open, there)) = file.metadata().and_then(|open| Ok((open, path.symlink_metadata()?))) else { return false };
    (open.dev(), open.ino()) == (there.dev(), there.ino())
}

/// Syncs a file, or a folder with all that is in it.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync(&entry?.path())?;
        }
        let _ = File::open(path).and_then(|folder| folder.sync_all());
        return Ok(());
    }
    File::open(path)?.sync_all()
}

/// Syncs the folder that a file or folder is in.
pub(super) fn sync_folder_of(path: &Path) {
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
}

/// Syncs the names in a folder. Not every disk can; on one that cannot, they are as safe as it gets.
pub fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
