//! What is being written beside its target.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::leftover::{self, Leftover};
use super::name::Name;
use super::place::{check_free, is_same, place, remove, sync, sync_folder_of};

/// A file or folder that is being written beside its target. If it is dropped before [`Partial::finish`], nothing of it
/// remains.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    replace: bool,
    /// Open and locked for as long as this lives.
    lock: File,
}

/// How often another name is tried: a number that was drawn twice, or somebody who takes the new file for a dead one.
const TRIES: usize = 16;

impl Partial {
    /// A new file beside `target`. With `replace`, what `target` is now is replaced at the end.
    ///
    /// # Errors
    /// [`FileError::Exists`] if `target` exists and is not to be replaced; [`FileError::Io`] if the folder cannot be
    /// written to.
    pub fn file(target: impl Into<PathBuf>, replace: bool) -> Result<(Self, File), FileError> {
        let target = target.into();
        let partial = Self::begin(target.clone(), replace, |path| File::create_new(path))
            .map_err(|failed| failed.with("write", &target))?;
        let file = partial.lock.try_clone().map_err(FileError::of("write", &target))?;
        Ok((partial, file))
    }

    /// A new folder beside `target`, whose parents are created. An empty folder at `target` does not have to be replaced.
    ///
    /// # Errors
    /// As [`Partial::file`].
    pub fn folder(target: impl Into<PathBuf>, replace: bool) -> Result<Self, FileError> {
        let target = target.into();
        if let (Some(parent), Some(_)) = (target.parent(), target.file_name()) {
            let missing: Vec<&Path> = parent.ancestors().take_while(|folder| !folder.exists()).collect();
            if !missing.is_empty() {
                fs::create_dir_all(parent).map_err(FileError::of("create", &target))?;
            }
            missing.into_iter().filter(|folder| folder.file_name().is_some()).for_each(sync_folder_of);
        }
        let create = |path: &Path| {
            fs::create_dir(path)?;
            // Before it is locked, somebody may have taken it for a dead one.
            File::open(path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => ErrorKind::AlreadyExists.into(),
                _ => error,
            })
        };
        Self::begin(target.clone(), replace, create).map_err(|failed| failed.with("create", &target))
    }

    /// Puts back what a killed process was replacing, creates a file or folder beside the target, and removes what killed
    /// processes have left there.
    fn begin(target: PathBuf, replace: bool, create: impl Fn(&Path) -> io::Result<File>) -> Result<Self, Failed> {
        if target.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "this is not the name of a file or folder").into());
        }
        let left = Leftover::of(&target);
        leftover::put_back(&left, &target);
        check_free(&target, replace)?;
        let mut tries = 1..=TRIES;
        let (path, lock) = loop {
            let path = Name::new().partial(&target);
            let last = tries.next().is_none();
            match create(&path) {
                Ok(lock) => {
                    // Where locks are not to be had, nobody else can take one either, and age decides.
                    let taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
                    if (!taken && is_same(&lock, &path)) || last {
                        break (path, lock);
                    }
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !last => {}
                Err(error) => return Err(error.into()),
            }
        };
        leftover::clear(&left, &target, &lock);
        Ok(Self { path, target, replace, lock })
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
        sync(&self.path).map_err(FileError::of("write", &self.target))?;
        place(&self.path, &self.target, self.replace)?;
        sync_folder_of(&self.target);
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After `finish` there is nothing left; what cannot be removed can only be left.
        remove(&self.path);
    }
}

/// Why nothing could be begun.
enum Failed {
    Io(io::Error),
    File(FileError),
}

impl Failed {
    fn with(self, action: &'static str, target: &Path) -> FileError {
        match self {
            Self::Io(source) => FileError::of(action, target)(source),
            Self::File(error) => error,
        }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}
