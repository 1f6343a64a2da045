//! Writes arrays into `.npy` and `.npz` files.

use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::Path;

use imnn_io::FileError;
use imnn_io::atomic::write_with;
use ndarray::ArrayViewD;
use ndarray_npy::{NpzWriter, WriteNpyError, WriteNpyExt, WriteNpzError};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::DataError;

/// An array of one of the types that are written.
#[derive(Clone, Debug)]
pub enum AnyArray<'a> {
    /// `float32`
    F32(ArrayViewD<'a, f32>),
    /// `float64`
    F64(ArrayViewD<'a, f64>),
    /// `int64`
    I64(ArrayViewD<'a, i64>),
}

impl<'a> From<ArrayViewD<'a, f32>> for AnyArray<'a> {
    fn from(array: ArrayViewD<'a, f32>) -> Self {
        Self::F32(array)
    }
}

impl<'a> From<ArrayViewD<'a, f64>> for AnyArray<'a> {
    fn from(array: ArrayViewD<'a, f64>) -> Self {
        Self::F64(array)
    }
}

impl<'a> From<ArrayViewD<'a, i64>> for AnyArray<'a> {
    fn from(array: ArrayViewD<'a, i64>) -> Self {
        Self::I64(array)
    }
}

/// Writes one array as a `.npy` file.
///
/// The file appears whole or not at all: it is written beside its place and then renamed.
///
/// # Errors
/// [`DataError::File`] if the folder cannot be written to or the disk is full.
pub fn write_npy<'a>(path: impl AsRef<Path>, array: impl Into<AnyArray<'a>>) -> Result<(), DataError> {
    let array = array.into();
    write(path.as_ref(), |file| {
        let mut writer = BufWriter::new(file);
        let written = match &array {
            AnyArray::F32(array) => array.write_npy(&mut writer),
            AnyArray::F64(array) => array.write_npy(&mut writer),
            AnyArray::I64(array) => array.write_npy(&mut writer),
        };
        written.map_err(npy_error)?;
        writer.flush()
    })
}

/// Writes named arrays as a `.npz` file without compression; the same arrays give the same bytes.
///
/// The file appears whole or not at all: it is written beside its place and then renamed.
///
/// # Errors
/// [`DataError::WriteKey`] for an empty or repeated name, [`DataError::File`] if the folder cannot be written to or
/// the disk is full.
pub fn write_npz<K: AsRef<str>>(path: impl AsRef<Path>, arrays: &[(K, AnyArray<'_>)]) -> Result<(), DataError> {
    let path = path.as_ref();
    for (i, (key, _)) in arrays.iter().enumerate() {
        let key = key.as_ref();
        let reason = if key.is_empty() {
            "the name is empty"
        } else if arrays[..i].iter().any(|(other, _)| other.as_ref() == key) {
            "there is another array of that name"
        } else {
            continue;
        };
        return Err(DataError::WriteKey { path: path.to_owned(), key: key.to_owned(), reason });
    }
    write(path, |file| {
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        // Lets a single array pass 4 GiB, as numpy does.
        let mut npz = NpzWriter::new_with_options(BufWriter::new(file), stored.large_file(true));
        for (key, array) in arrays {
            match array {
                AnyArray::F32(array) => npz.add_array(key.as_ref(), array),
                AnyArray::F64(array) => npz.add_array(key.as_ref(), array),
                AnyArray::I64(array) => npz.add_array(key.as_ref(), array),
            }
            .map_err(npz_error)?;
        }
        npz.finish().map_err(npz_error)?;
        Ok(())
    })
}

fn write(path: &Path, write: impl FnOnce(&File) -> Result<(), Error>) -> Result<(), DataError> {
    Ok(write_with(path, |file| write(file).map_err(FileError::of("write", path)))?)
}

fn npy_error(error: WriteNpyError) -> Error {
    match error {
        WriteNpyError::Io(error) => error,
        other => Error::other(other),
    }
}

fn npz_error(error: WriteNpzError) -> Error {
    match error {
        WriteNpzError::Npy(error) => npy_error(error),
        other => Error::other(other),
    }
}
