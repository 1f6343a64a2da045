//! Arrays of any size, written a few rows at a time.
//!
//! A file or folder appears whole or not at all: it is written beside its place, may be read there to compare, and
//! [`Written::keep`] then renames it. What is not kept is removed.
//!
//! ```
//! use imnn_data::writing::{WriteOptions, create_rows};
//! use imnn_data::{ArrayPath, arrays};
//! use ndarray::array;
//!
//! let folder = tempfile::tempdir()?;
//! let path = ArrayPath::from(folder.path().join("x.npy"));
//! let mut writer = create_rows::<f32>(&path, &[2, 3], &WriteOptions::default())?;
//! writer.write(&[1.0, 2.0, 3.0])?;
//! writer.write(&[4.0, 5.0, 6.0])?;
//! writer.finish()?.keep()?;
//! assert_eq!(arrays::read::<f32>(&path)?, array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod folder;
mod npy;

use std::io::Write;
use std::path::Path;

use imnn_io::atomic::check_free;
use imnn_io::{FileError, Partial};
use imnn_sim::Real;

pub use archive::ArchiveWriter;

use crate::rows::Pattern;
use crate::{ArrayPath, DataError};

/// How arrays are written.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Whether what is there already is replaced.
    pub replace: bool,
    /// The numbers in the names of files where there is one for each row; 0, 1, 2, ... by default.
    pub seeds: Option<Vec<u64>>,
}

/// An array that is being written.
pub trait RowWriter<E: Real> {
    /// Writes the next values, row-major.
    ///
    /// # Errors
    /// Where they cannot be written, or are more than the shape has.
    fn write(&mut self, values: &[E]) -> Result<(), DataError>;

    /// Ends the array, which is then to be put in its place.
    ///
    /// # Errors
    /// Where it cannot be written, or there were fewer values than the shape has.
    fn finish(self: Box<Self>) -> Result<Written, DataError>;
}

/// Begins an array of this shape.
///
/// | Name | What is written |
/// | --- | --- |
/// | `x.npy` | a file in C order, little-endian |
/// | `x.npz:key` | an archive of this array alone, not compressed |
/// | `folder/{seed}.npy` | a new folder with a file for each row |
///
/// # Errors
/// Where the name is none of these, something is there already that is not to be replaced, or the folder cannot be written
/// to.
pub fn create_rows<E: Real>(
    path: &ArrayPath,
    shape: &[usize],
    options: &WriteOptions,
) -> Result<Box<dyn RowWriter<E> + Send>, DataError> {
    match Format::of(path)? {
        Format::Npy => Ok(Box::new(npy::NpyWriter::create(path.file(), shape, options.replace)?)),
        Format::Archive => {
            let mut archive = ArchiveWriter::create(path.file(), options.replace)?;
            archive.begin::<E>(path.key().unwrap_or("data"), shape)?;
            Ok(Box::new(archive))
        }
        Format::Folder(pattern) => Ok(Box::new(folder::FolderWriter::create(pattern, shape, options)?)),
    }
}

/// Refuses a name that nothing is written under, or that is taken.
///
/// # Errors
/// As [`create_rows`], of which this is the part that costs nothing.
pub fn check_target(path: &ArrayPath, replace: bool) -> Result<(), DataError> {
    let place = match Format::of(path)? {
        Format::Npy | Format::Archive => path.file().to_owned(),
        Format::Folder(pattern) => pattern.folder().to_owned(),
    };
    Ok(check_free(&place, replace)?)
}

/// An array that is written and not yet in its place.
#[derive(Debug)]
pub struct Written {
    partial: Partial,
    array: ArrayPath,
}

impl Written {
    /// Where it can be read now.
    pub fn array(&self) -> &ArrayPath {
        &self.array
    }

    /// Puts it in its place; without this it is removed.
    ///
    /// # Errors
    /// If something has appeared there that is not to be replaced, or the system refuses.
    pub fn keep(self) -> Result<(), DataError> {
        Ok(self.partial.finish()?)
    }
}

pub(crate) fn io(path: &Path, source: std::io::Error) -> DataError {
    FileError::of("write", path)(source).into()
}

/// What a name stands for.
enum Format {
    Npy,
    Archive,
    Folder(Pattern),
}

impl Format {
    fn of(path: &ArrayPath) -> Result<Self, DataError> {
        let refuse = |reason: &str| Err(DataError::Target { path: path.to_string(), reason: reason.to_owned() });
        if let Some(pattern) = Pattern::of(path)? {
            if !pattern.numbers_files() || pattern.extension() != Some("npy") {
                return refuse("one file for each row is written as folder/{seed}.npy");
            }
            return Ok(Self::Folder(pattern));
        }
        match path.file().extension().and_then(|extension| extension.to_str()) {
            Some("npy") if path.key().is_some() => refuse("a .npy file holds one array without a name"),
            Some("npy") => Ok(Self::Npy),
            Some("npz") if path.key() == Some("") => refuse("the name of the array is empty"),
            Some("npz") => Ok(Self::Archive),
            _ => refuse("write file.npy, file.npz:key, or folder/{seed}.npy"),
        }
    }
}

/// What is to be written, and how much of it has been.
struct Progress {
    label: String,
    shape: Vec<usize>,
    len: usize,
    done: usize,
}

impl Progress {
    fn new(label: String, shape: &[usize]) -> Self {
        Self { label, shape: shape.to_vec(), len: shape.iter().product(), done: 0 }
    }

    fn more(&mut self, n: usize) -> Result<(), DataError> {
        self.done += n;
        if self.done > self.len { Err(self.wrong()) } else { Ok(()) }
    }

    fn end(&self) -> Result<(), DataError> {
        if self.done == self.len { Ok(()) } else { Err(self.wrong()) }
    }

    fn wrong(&self) -> DataError {
        let reason = format!("{} values of the {} of shape {:?}", self.done, self.len, self.shape);
        DataError::Target { path: self.label.clone(), reason }
    }
}

/// The header of a `.npy` file, little-endian and in C order.
fn header<E: Real>(shape: &[usize]) -> Vec<u8> {
    let descr = if is_single::<E>() { "<f4" } else { "<f8" };
    let shape = imnn_io::text::tuple(shape);
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic string, version and length take 10 bytes; data start at a multiple of 64, as numpy has them.
    let unpadded = 10 + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut bytes = crate::arrays::header::MAGIC.to_vec();
    // A shape of the few axes that arrays have here is far from 65535 bytes.
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes numbers, little-endian.
fn encode<E: Real>(values: &[E], to: &mut impl Write) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(values.len().min(CHUNK) * size_of::<E>());
    for values in values.chunks(CHUNK) {
        bytes.clear();
        if is_single::<E>() {
            // Exact: it was single precision before.
            values.iter().for_each(|value| bytes.extend((value.f64() as f32).to_le_bytes()));
        } else {
            values.iter().for_each(|value| bytes.extend(value.f64().to_le_bytes()));
        }
        to.write_all(&bytes)?;
    }
    Ok(())
}

/// The values turned into bytes at once.
const CHUNK: usize = 1 << 14;

fn is_single<E: Real>() -> bool {
    size_of::<E>() == size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn begin(path: &ArrayPath, replace: bool) -> Result<Box<dyn RowWriter<f64> + Send>, DataError> {
        create_rows::<f64>(path, &[2, 2], &WriteOptions { replace, seeds: None })
    }

    #[test]
    fn what_is_written_in_pieces_is_one_array() {
        let folder = folder();
        for name in ["x.npy", "x.npz:key", "f/{seed}.npy"] {
            let path = ArrayPath::from(name).resolve(folder.path());
            let mut writer = begin(&path, false).unwrap();
            writer.write(&[1.0]).unwrap();
            writer.write(&[2.0, 3.0, f64::NAN]).unwrap();
            writer.finish().unwrap().keep().unwrap();
            let rows = crate::open_rows::<f64>(&path, &crate::RowOptions::default()).unwrap();
            assert_eq!((rows.shape(), rows.dtype()), (&[2, 2][..], "<f8"), "{name}");
            let mut values = [0.0; 4];
            rows.read(0..2, &mut values).unwrap();
            assert_eq!(values[..3], [1.0, 2.0, 3.0]);
            assert!(values[3].is_nan());
        }
        assert_eq!(arrays::keys(folder.path().join("x.npz")).unwrap(), ["key"]);
    }

    #[test]
    fn nothing_is_left_of_what_is_not_kept() {
        let folder = folder();
        for name in ["x.npy", "x.npz:key", "f/{seed}.npy"] {
            let path = ArrayPath::from(name).resolve(folder.path());
            let mut writer = begin(&path, false).unwrap();
            writer.write(&[1.0, 2.0]).unwrap();
            assert!(writer.finish().err().unwrap().to_string().contains("2 values of the 4"), "{name}");
            let mut writer = begin(&path, false).unwrap();
            assert!(writer.write(&[0.0; 5]).is_err());
            drop(writer);
            let mut writer = begin(&path, false).unwrap();
            writer.write(&[0.0; 4]).unwrap();
            drop(writer.finish().unwrap());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
        }
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let folder = folder();
        for (name, place) in [("x.npy", "x.npy"), ("x.npz:key", "x.npz"), ("f/{seed}.npy", "f")] {
            let path = ArrayPath::from(name).resolve(folder.path());
            let write = |replace| {
                let mut writer = begin(&path, replace)?;
                writer.write(&[0.0; 4])?;
                writer.finish()?.keep()
            };
            write(false).unwrap();
            let message = write(false).unwrap_err().to_string();
            assert!(message.contains(place) && message.contains("exists already"), "{message}");
            write(true).unwrap();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{name}");
            let place = folder.path().join(place);
            if place.is_dir() {
                std::fs::write(place.join("notes.txt"), "").unwrap();
                assert!(write(true).unwrap_err().to_string().contains("notes.txt"));
                std::fs::remove_dir_all(place).unwrap();
            } else {
                std::fs::remove_file(place).unwrap();
            }
        }
    }

    #[test]
    fn names_that_nothing_is_written_under_are_refused() {
        for name in ["x", "x.txt", "x.npy:key", "{seed}/x.npy", "f/{seed}.npz:x", "x.npz:"] {
            assert!(matches!(check_target(&name.into(), true), Err(DataError::Target { .. })), "{name}");
        }
    }

    #[test]
    fn headers_are_those_of_numpy() {
        let bytes = header::<f32>(&[3, 4]);
        assert_eq!(bytes.len(), 128);
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   "));
        assert_eq!(bytes.last(), Some(&b'\n'));
    }
}
