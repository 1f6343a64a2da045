//! Patterns: the files of a folder, or the arrays of a file.

use std::path::Path;

use imnn_sim::Real;

use super::Kind;
use super::format::{Opened, RowOptions, Shelf};
use super::keyed::Keyed;
use crate::DataError;
use crate::rows::{Numbered, Pattern};

/// Opens the arrays of a file that a pattern names as the rows of one array; nothing where it names files.
pub(super) fn open_keyed<E: Real>(pattern: &Pattern, options: &RowOptions) -> Option<Opened<E>> {
    let (file, group, rest) = pattern.in_file()?;
    let keyed = shelf::<E>(pattern, file, group)
        .and_then(|shelf| Keyed::open(pattern.clone(), rest.to_owned(), shelf, options));
    Some(keyed.map(|keyed| Box::new(keyed) as _))
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
