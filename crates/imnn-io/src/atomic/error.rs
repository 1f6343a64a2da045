//! What can go wrong with files.

use std::io::{self, ErrorKind};
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
