//! Files of weights: their formats, and reading them.

use crate::error::{ModelError, Result};
use std::path::Path;

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    Npz,
}

impl Format {
    /// The format that the name of the file ends in.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Format::Safetensors),
            Some("npz") => Ok(Format::Npz),
            _ => refuse(path, "weights are kept in files that end in .safetensors or .npz"),
        }
    }
}

/// The error `path: message`.
pub(super) fn refuse<T>(path: &Path, message: impl Into<String>) -> Result<T> {
    Err(ModelError::File { path: path.into(), message: message.into() })
}

/// All bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).or_else(|error| refuse(path, format!("cannot read it: {error}")))
}
