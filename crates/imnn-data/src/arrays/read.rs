//! Reads an array from the file its path names.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use imnn_sim::Real;
use ndarray::ArrayD;

use super::ArrayPath;
use super::archive::read_member;
use super::npy::Npy;
use crate::hdf5::is_hdf5;
use crate::tfrecord::is_tfrecord;
use crate::{DataError, RowOptions, open_rows};
use imnn_io::text::saturating_product;

/// Reads an array, in row-major order.
///
/// Integers of more than 53 bits are rounded; NaN and infinities are read as they are.
///
/// # Errors
/// Whatever is wrong with the path, the file or its contents; finite values beyond the range of `E` too.
pub fn read<E: Real>(path: &ArrayPath) -> Result<ArrayD<E>, DataError> {
    read_at_most(path, None)
}

/// Reads the first `n_rows` rows of an array, or all where it has fewer, in row-major order.
///
/// Of an array in C order only these are taken into memory.
///
/// # Errors
/// As [`read`].
pub fn read_rows<E: Real>(path: &ArrayPath, n_rows: usize) -> Result<ArrayD<E>, DataError> {
    read_at_most(path, Some(n_rows))
}

/// Reads an array of one axis, such as parameter values.
///
/// # Errors
/// As [`read`], and [`DataError::Shape`] for another number of axes.
pub fn read_vector<E: Real>(path: &ArrayPath) -> Result<Vec<E>, DataError> {
    let array = read(path)?;
    if array.ndim() != 1 {
        return Err(DataError::Shape {
            label: path.to_string(),
            found: array.shape().to_vec(),
            expected: "one axis".to_owned(),
            advice: "save it as np.ravel(x)".to_owned(),
        });
    }
    // One axis in row-major order: the elements as they are.
    Ok(array.into_iter().collect())
}

pub(super) fn read_at_most<E: Real>(path: &ArrayPath, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
    let (file, key) = path.locate();
    if is_tfrecord(path) || is_hdf5(&file) {
        return read_by_rows(path, n_rows);
    }
    let mut opened = open(&file)?;
    let label = path.to_string();
    if opened.zip {
        return read_member(opened, &file, key, label, n_rows);
    }
    if let Some(key) = key {
        return Err(DataError::KeyOfOneArray { path: file, key: key.to_owned() });
    }
    Npy { label, reader: &mut opened.reader, len: opened.len, at_most: opened.len }.read(n_rows)
}

/// Reads an array of a kind of file that is read by rows.
fn read_by_rows<E: Real>(path: &ArrayPath, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
    let array = open_rows::<E>(path, &RowOptions::default())?;
    let mut shape = array.shape().to_vec();
    if let (Some(n_rows), Some(rows)) = (n_rows, shape.first_mut()) {
        *rows = n_rows.min(*rows);
    }
    let label = || path.to_string();
    let len = saturating_product(&shape);
    let mut values = vec![];
    let too_large = |_| DataError::Io { action: "read", label: label(), source: ErrorKind::OutOfMemory.into() };
    values.try_reserve_exact(len).map_err(too_large)?;
    values.resize(len, E::zero());
    array.read(0..shape.first().copied().unwrap_or(1), &mut values)?;
    ArrayD::from_shape_vec(shape, values)
        .map_err(|error| DataError::Header { label: label(), reason: error.to_string() })
}

/// A file opened for reading.
pub(crate) struct Opened {
    pub(crate) reader: BufReader<File>,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// Whether it starts as a zip archive does, or is named like one.
    pub(crate) zip: bool,
}

pub(crate) fn open(path: &Path) -> Result<Opened, DataError> {
    let io = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            DataError::Missing { path: path.to_owned(), hint: hint(path) }
        }
        _ => DataError::Io { action: "read", label: path.display().to_string(), source },
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(DataError::Folder { path: path.to_owned() });
    }
    if !metadata.is_file() {
        // A pipe would be waited for without end, and nothing can be read twice from it.
        let source = std::io::Error::new(ErrorKind::InvalidInput, "it is a device or a pipe, a file is needed");
        return Err(io(source));
    }
    let mut reader = BufReader::new(File::open(path).map_err(io)?);
    let mut start = Vec::new();
    reader.by_ref().take(2).read_to_end(&mut start).map_err(io)?;
    reader.rewind().map_err(io)?;
    let zip = start == b"PK" || path.extension().is_some_and(|extension| extension == "npz");
    Ok(Opened { reader, len: metadata.len(), zip })
}

/// What there is in place of a missing file.
fn hint(path: &Path) -> String {
    if let Some(hint) = crate::rows::hint(path) {
        return hint;
    }
    for extension in ["npy", "npz"] {
        let mut longer = path.as_os_str().to_owned();
        longer.push(".");
        longer.push(extension);
        for other in [Path::new(&longer), &path.with_extension(extension)] {
            if other != path && other.is_file() {
                return format!("; there is {}", other.display());
            }
        }
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            format!("; its folder {} does not exist", parent.display())
        }
        _ => String::new(),
    }
}
