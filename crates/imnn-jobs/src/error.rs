//! What can be wrong with a set of simulations that programs make.

use std::fmt;
use std::path::{Path, PathBuf};

use imnn_data::DataError;
use imnn_io::{ConfigError, FileError};

/// Why simulations could not be made or put together.
///
/// That a program fails is no such error: it is a [`Failure`](crate::Failure), and the others go on.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum JobsError {
    /// What is to be simulated is described wrongly.
    #[error("\"{key}\": {reason}")]
    Design {
        /// The key at fault, as it is called in files.
        key: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A part of all work is described wrongly.
    #[error("\"{text}\" is not a valid shard: {reason}")]
    Shard {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The folder holds something else, or simulations of another design.
    #[error("{}: {reason}; choose another folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        reason: String,
    },
    /// The record of what a folder holds cannot be understood.
    #[error("{}: {reason}; this file is managed by `imnn simulate`; do not edit it", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The record of what a folder holds cannot be read.
    #[error("{0}; this file is managed by `imnn simulate`; do not edit it")]
    Config(#[from] ConfigError),
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The set is to be put together, and too little of it is there.
    #[error("no seed is complete yet: {missing} of {all} simulations are not there")]
    Incomplete {
        /// How many are not there.
        missing: usize,
        /// How many there should be.
        all: usize,
    },
    /// An array cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl JobsError {
    pub(crate) fn folder(path: &Path, reason: String) -> Self {
        Self::Folder { path: path.to_owned(), reason }
    }

    pub(crate) fn record(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Record { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// The text of the message, which is what a program prints whose `main` returns it.
impl fmt::Debug for JobsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
