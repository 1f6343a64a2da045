//! Ensembles and states of training in files: safetensors, which other programs read too.
//!
//! The header's only metadata key `imnn` holds the name of the format with its version, and then TOML. Arrays of the passes
//! are in the precision of the flow, all others in f64.

mod archive;
mod ensemble;
mod state;

use crate::error::{FlowError, Result};
use std::path::Path;

/// All bytes of a file, and what a message about it looks like.
fn read<T>(path: &Path, decode: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T> {
    let refuse = |message| FlowError::File { path: path.into(), message };
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot read it: {error}")))?;
    decode(&bytes).map_err(refuse)
}

/// Writes a file, which appears whole or not at all.
fn write(path: &Path, bytes: Result<Vec<u8>, String>) -> Result<()> {
    let bytes = bytes.map_err(|message| FlowError::File { path: path.into(), message })?;
    Ok(imnn_io::atomic::write(path, bytes)?)
}

#[cfg(test)]
mod tests;
