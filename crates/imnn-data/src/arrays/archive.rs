//! The arrays of a `.npz` archive.

use std::io::{Read, Seek};
use std::path::Path;

use imnn_sim::Real;
use ndarray::ArrayD;
use zip::ZipArchive;
use zip::result::ZipError;

use super::npy::Npy;
use super::read::{Opened, open};
use crate::DataError;

/// The names of the arrays in an archive, in its order.
///
/// # Errors
/// Where the file is missing or not a zip archive.
pub fn keys(path: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    let path = path.as_ref();
    let archive = ZipArchive::new(open(path)?.reader).map_err(|error| unreadable(path, error))?;
    Ok(members(&archive).into_iter().map(|(key, _)| key).collect())
}

/// Reads the array `key` of an archive, or its only one.
pub(super) fn read_member<E: Real>(
    opened: Opened,
    path: &Path,
    key: Option<&str>,
    label: String,
    n_rows: Option<usize>,
) -> Result<ArrayD<E>, DataError> {
    let unreadable = |error| unreadable(path, error);
    let mut archive = ZipArchive::new(opened.reader).map_err(unreadable)?;
    let index = find(&archive, path, key)?;
    let member = archive.by_index(index).map_err(unreadable)?;
    let len = member.size();
    // The size in the directory may be wrong; the file cannot unpack to more than this.
    let at_most = opened.len.saturating_mul(DEFLATE_AT_MOST).min(len);
    Npy { label, reader: member, len, at_most }.read(n_rows)
}

/// The place in an archive of the array `key`, or of its only one.
pub(crate) fn find<R: Read + Seek>(
    archive: &ZipArchive<R>,
    path: &Path,
    key: Option<&str>,
) -> Result<usize, DataError> {
    let members = members(archive);
    let there = || members.iter().map(|(key, _)| key.clone()).collect();
    match (key, &members[..]) {
        (None, [(_, index)]) => Ok(*index),
        (None | Some(""), _) => Err(DataError::KeyNeeded { path: path.to_owned(), there: there() }),
        (Some(key), _) => match members.iter().find(|(name, _)| name == key) {
            Some((_, index)) => Ok(*index),
            None => Err(DataError::MissingKey { path: path.to_owned(), key: key.to_owned(), there: there() }),
        },
    }
}

/// The greatest ratio of deflate: 258 bytes from two bits, in round numbers.
pub(crate) const DEFLATE_AT_MOST: u64 = 1032;

/// The key and place of every member; numpy appends `.npy` to the keys.
fn members<R: Read + Seek>(archive: &ZipArchive<R>) -> Vec<(String, usize)> {
    let names = archive.file_names().enumerate().filter(|(_, name)| !name.ends_with('/'));
    names.map(|(index, name)| (name.strip_suffix(".npy").unwrap_or(name).to_owned(), index)).collect()
}

pub(crate) fn unreadable(path: &Path, error: ZipError) -> DataError {
    DataError::Archive {
        path: path.to_owned(),
        reason: format!("{error}; if it was copied, it may be truncated: copy or write it again"),
    }
}
