//! Patterns: the files of a folder, or the arrays of a file.

use std::path::Path;

use imnn_sim::Real;

use super::Kind;
use super::folder::Folder;
use super::format::{Opened, RowOptions, Shelf};
use super::keyed::Keyed;
use crate::DataError;
use crate::rows::{Numbered, Pattern};

/// Opens what a pattern names as the rows of one array.
pub(super) fn open_pattern<E: Real>(pattern: Pattern, options: &RowOptions) -> Opened<E> {
    match pattern.in_file() {
        Some((file, group, rest)) => {
            let (shelf, rest) = (shelf::<E>(&pattern, file, group)?, rest.to_owned());
            Ok(Box::new(Keyed::open(pattern, rest, shelf, options)?))
        }
        None => Ok(Box::new(Folder::open::<E>(pattern, options)?)),
    }
}

/// Opens the file of a pattern whose numbers are in the names of its arrays.
fn shelf<E: Real>(pattern: &Pattern, file: &Path, group: &str) -> Result<Box<dyn Shelf<E>>, DataError> {
    // Says what is there in place of a file that is missing.
    crate::file::open(file)?;
    Kind::of_file(file).shelf(file, group)?.ok_or_else(|| {
        let reason =
            "{seed} in a key stands for arrays of one file, an HDF5 file or an archive, and this file has none by name";
        DataError::unusable(pattern.label(), reason)
    })
}

/// The numbers that a pattern finds, ascending.
///
/// # Errors
/// If there are none, or the same twice, and if the folder or file cannot be read.
pub fn numbers(pattern: &Pattern) -> Result<Vec<Numbered>, DataError> {
    match pattern.in_file() {
        Some((file, group, _)) => pattern.among(shelf::<f64>(pattern, file, group)?.names()),
        None => pattern.of_files(),
    }
}
