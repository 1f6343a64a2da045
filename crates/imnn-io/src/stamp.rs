//! Whether a file is still what it was when it was opened.

use std::fs::{File, Metadata};
use std::time::SystemTime;

/// The length of a file and when it was last written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    /// That of an open file.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn of(file: &File) -> std::io::Result<Self> {
        file.metadata().map(Self::from)
    }
}

impl From<Metadata> for Stamp {
    fn from(metadata: Metadata) -> Self {
        Self { len: metadata.len(), modified: metadata.modified().ok() }
    }
}
