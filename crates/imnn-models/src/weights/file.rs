//! Whole files, read and written.

use crate::error::{ModelError, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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

/// Writes a file beside its place and renames it, so that it appears whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = beside(path);
    let written = File::create_new(&beside).and_then(|mut file| {
        let renamed =
            file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&beside, path));
        if renamed.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&beside);
        }
        renamed
    });
    written.or_else(|error| refuse(path, format!("cannot write it: {error}")))
}

/// A name in the same folder that no other writer uses.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.partial", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}
