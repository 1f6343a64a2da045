//! Files and folders that appear whole or not at all.
//!
//! Everything is written under a hidden name beside its target, synced to the disk, and then renamed; at last the folder
//! is synced, so that a crash of the machine loses neither the bytes nor the name. Hidden names hold a random number:
//! several processes, also of several machines, can write the same target.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

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

/// A file or folder that is being written beside its target. If it is dropped before [`Partial::finish`], nothing of it
/// remains.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    replace: bool,
}

impl Partial {
    /// A name beside `target`, for a file that somebody else creates. With `replace`, what `target` is now is replaced at
    /// the end.
    ///
    /// # Errors
    /// [`FileError::Exists`] if `target` exists and is not to be replaced.
    pub fn reserve(target: impl Into<PathBuf>, replace: bool) -> Result<Self, FileError> {
        let target = target.into();
        if target.file_name().is_none() {
            let source = io::Error::new(ErrorKind::InvalidInput, "this is not the name of a file or folder");
            return Err(FileError::of("write", &target)(source));
        }
        check_free(&target, replace)?;
        Ok(Self { path: beside(&target), target, replace })
    }

    /// A new file beside `target`.
    ///
    /// # Errors
    /// As [`Partial::reserve`], or if the folder cannot be written to.
    pub fn file(target: impl Into<PathBuf>, replace: bool) -> Result<(Self, File), FileError> {
        let partial = Self::reserve(target, replace)?;
        let file = File::create_new(&partial.path).map_err(FileError::of("write", &partial.target))?;
        Ok((partial, file))
    }

    /// A new folder beside `target`, whose parents are created. An empty folder at `target` does not have to be replaced.
    ///
    /// # Errors
    /// As [`Partial::file`].
    pub fn folder(target: impl Into<PathBuf>, replace: bool) -> Result<Self, FileError> {
        let partial = Self::reserve(target, replace)?;
        fs::create_dir_all(&partial.path).map_err(FileError::of("create", &partial.target))?;
        Ok(partial)
    }

    /// Where to write to, until it is finished.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs what was written and renames it to its target.
    ///
    /// # Errors
    /// [`FileError::Exists`] if something has appeared at the target, [`FileError::Io`] if the system refuses.
    pub fn finish(self) -> Result<(), FileError> {
        check_free(&self.target, self.replace)?;
        let failed = || FileError::of("write", &self.target);
        sync(&self.path).map_err(failed())?;
        if self.path.is_dir() && is_occupied(&self.target) {
            // A folder cannot be renamed onto one that is not empty.
            let old = beside(&self.target);
            fs::rename(&self.target, &old).map_err(failed())?;
            fs::rename(&self.path, &self.target).map_err(failed())?;
            fs::remove_dir_all(&old).map_err(failed())?;
        } else {
            fs::rename(&self.path, &self.target).map_err(failed())?;
        }
        sync_folder_of(&self.target);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` there is nothing left; what cannot be removed can only be left.
        let _ = if self.path.is_dir() { fs::remove_dir_all(&self.path) } else { fs::remove_file(&self.path) };
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

/// A hidden name in the same folder that no other writer uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.partial", token()));
    path.with_file_name(name)
}

/// Whether there is anything but an empty folder.
fn is_occupied(path: &Path) -> bool {
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    path.symlink_metadata().is_ok() && !is_empty()
}

/// Syncs a file, or a folder with all that is in it.
fn sync(path: &Path) -> io::Result<()> {
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
fn sync_folder_of(path: &Path) {
    sync_folder(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")));
}

/// Syncs the names in a folder. Not every disk can; on one that cannot, they are as safe as it gets.
pub fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn files_appear_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, "one").unwrap();
        let failed = write_with(&path, |mut file| {
            file.write_all(b"tw").unwrap();
            Err(FileError::Exists { path: "x".into() })
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let (partial, mut file) = Partial::file(&path, true).unwrap();
        file.write_all(b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        partial.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        drop(Partial::file(folder.path().join("b"), false).unwrap());
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_new_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(write_new(&path, "one").unwrap());
        assert!(!write_new(&path, "two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a"]);
        let other = folder.path().join("b");
        fs::write(&other, "three").unwrap();
        put(&other, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn folders_appear_whole_or_not_at_all() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("new/run");
        fs::create_dir_all(&target).unwrap();
        let folder = Partial::folder(&target, false).unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        assert_eq!(names(&target), [""; 0]);
        folder.finish().unwrap();
        assert_eq!(names(&target), ["a"]);

        let message = Partial::folder(&target, false).unwrap_err().to_string();
        assert!(message.contains("run exists already; choose another name"), "{message}");
        let folder = Partial::folder(&target, true).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c"), "1").unwrap();
        folder.finish().unwrap();
        assert_eq!(names(&target), ["b"]);
        drop(Partial::folder(&target, true).unwrap());
        assert_eq!(names(target.parent().unwrap()), ["run"]);
    }

    #[test]
    fn what_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (partial, _) = Partial::file(&path, false).unwrap();
        fs::write(&path, "another's").unwrap();
        assert!(matches!(partial.finish(), Err(FileError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"another's");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn errors_name_the_file_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let message = write(folder.path().join("none/a"), "").unwrap_err().to_string();
        assert!(message.starts_with("cannot write ") && message.contains("none/a: "), "{message}");
        let denied = FileError::of("write", "a")(ErrorKind::PermissionDenied.into()).to_string();
        assert!(denied.ends_with("; choose another place or change its permissions"), "{denied}");
    }
}
