//! Writes arrays into `.npy` and `.npz` files.

use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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
/// [`DataError::Io`] where the folder cannot be written to or the disk is full.
pub fn write_npy<'a>(path: impl AsRef<Path>, array: impl Into<AnyArray<'a>>) -> Result<(), DataError> {
    let array = array.into();
    whole_or_not(path.as_ref(), |file| {
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
/// [`DataError::WriteKey`] for an empty or repeated name, [`DataError::Io`] where the folder cannot be written to or
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
    whole_or_not(path, |file| {
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

/// Lets `write` fill a file beside `path` and renames it, or removes it where that fails.
pub(crate) fn whole_or_not(path: &Path, write: impl FnOnce(&File) -> Result<(), Error>) -> Result<(), DataError> {
    let beside = beside(path);
    let written = File::create_new(&beside).and_then(|file| {
        let renamed = write(&file).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&beside, path));
        if renamed.is_err() {
            // The first error is the one to report.
            let _ = std::fs::remove_file(&beside);
        }
        renamed
    });
    written.map_err(|source| DataError::Io { action: "write", label: path.display().to_string(), source })
}

/// Renames a file that was written beside `path`, or removes it where that failed.
#[cfg(feature = "hdf5")]
pub(crate) fn finished(path: &Path, beside: &Path, written: Result<(), DataError>) -> Result<(), DataError> {
    let renamed = written.and_then(|()| {
        std::fs::rename(beside, path).map_err(|source| DataError::Io {
            action: "write",
            label: path.display().to_string(),
            source,
        })
    });
    if renamed.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(beside);
    }
    renamed
}

/// A name in the same folder that no other writer uses.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{count}.partial", std::process::id()));
    path.with_file_name(name)
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
