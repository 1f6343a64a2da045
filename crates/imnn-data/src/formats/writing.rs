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

use imnn_io::Partial;
use imnn_io::atomic::FileSet;
use imnn_sim::Real;

use crate::{ArrayPath, DataError};

/// How arrays are written.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Whether what is there already is replaced; records never are.
    pub replace: bool,
    /// The numbers in the names of files where there is one for each row; 0, 1, 2, ... by default.
    pub seeds: Option<Vec<u64>>,
    /// Whether rows are simulations below and above, `(n, 2, n_params, *input)`, in which records differ.
    pub numerical: bool,
    /// The level of gzip compression of HDF5 files, 1 to 9; none by default.
    pub gzip: Option<u8>,
    /// The bytes of a chunk of HDF5 files; 1 MiB by default.
    pub chunk: usize,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { replace: false, seeds: None, numerical: false, gzip: None, chunk: 1 << 20 }
    }
}

/// An array that is being written.
pub trait RowWriter<E: Real> {
    /// Writes the next values, row-major.
    ///
    /// # Errors
    /// If they cannot be written, or are more than the shape has.
    fn write(&mut self, values: &[E]) -> Result<(), DataError>;

    /// Ends the array, which is then to be put in its place.
    ///
    /// # Errors
    /// If it cannot be written, or there were fewer values than the shape has.
    fn finish(self: Box<Self>) -> Result<Written, DataError>;
}

/// An array that is written and not yet kept.
#[derive(Debug)]
pub struct Written {
    array: ArrayPath,
    place: Place,
}

/// Where what was written is.
#[derive(Debug)]
enum Place {
    /// Beside its place.
    Beside(Partial),
    /// Beside its place, as several files.
    Set(FileSet),
}

impl Written {
    /// An array in a file or folder beside its place.
    pub(crate) fn new(partial: Partial, array: ArrayPath) -> Self {
        Self { array, place: Place::Beside(partial) }
    }

    /// An array in several files beside their places.
    pub(crate) fn in_set(set: FileSet, array: ArrayPath) -> Self {
        Self { array, place: Place::Set(set) }
    }

    /// Where it can be read now.
    pub fn array(&self) -> &ArrayPath {
        &self.array
    }

    /// Puts it in its place; without this it is removed.
    ///
    /// # Errors
    /// If something has appeared there that is not to be replaced, or the system refuses.
    pub fn keep(self) -> Result<(), DataError> {
        match self.place {
            Place::Beside(partial) => partial.finish()?,
            Place::Set(set) => drop(set.finish()?),
        }
        Ok(())
    }
}

pub(crate) fn io(label: impl ToString, source: std::io::Error) -> DataError {
    DataError::io("write", label, source)
}

/// What is to be written, and how much of it has been.
pub(crate) struct Progress {
    pub(crate) label: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) len: usize,
    pub(crate) done: usize,
}

impl Progress {
    pub(crate) fn new(label: String, shape: &[usize]) -> Self {
        Self { label, shape: shape.to_vec(), len: shape.iter().product(), done: 0 }
    }

    pub(crate) fn more(&mut self, n: usize) -> Result<(), DataError> {
        self.done += n;
        if self.done > self.len { Err(self.wrong()) } else { Ok(()) }
    }

    pub(crate) fn end(&self) -> Result<(), DataError> {
        if self.done == self.len { Ok(()) } else { Err(self.wrong()) }
    }

    fn wrong(&self) -> DataError {
        DataError::target(&self.label, format!("{} values of the {} of shape {:?}", self.done, self.len, self.shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays;
    use crate::formats::create_rows;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn begin(path: &ArrayPath, replace: bool) -> Result<Box<dyn RowWriter<f64> + Send>, DataError> {
        create_rows::<f64>(path, &[2, 2], &WriteOptions { replace, ..WriteOptions::default() })
    }

    #[test]
    fn what_is_written_in_pieces_is_one_array() {
        let folder = folder();
        for name in ["x.npy", "x.npz:key", "x.h5:a/key", "f/{seed}.npy"] {
            let path = ArrayPath::from(name).resolve(folder.path());
            let mut writer = begin(&path, false).unwrap();
            writer.write(&[1.0]).unwrap();
            writer.write(&[2.0, 3.0, f64::NAN]).unwrap();
            writer.finish().unwrap().keep().unwrap();
            let rows = crate::open_rows::<f64>(&path, &crate::RowOptions::default()).unwrap();
            assert_eq!((rows.shape(), rows.dtype().trim_start_matches('<')), (&[2, 2][..], "f8"), "{name}");
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
        for name in ["x.npy", "x.npz:key", "x.h5:a/key", "f/{seed}.npy"] {
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
        for (name, place) in [("x.npy", "x.npy"), ("x.npz:key", "x.npz"), ("x.h5:key", "x.h5"), ("f/{seed}.npy", "f")] {
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
            assert!(matches!(begin(&name.into(), true), Err(DataError::Target { .. })), "{name}");
        }
    }
}
