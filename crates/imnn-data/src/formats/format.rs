//! What a kind of file has to be able to do.

use std::path::{Path, PathBuf};

use imnn_io::text::saturating_product;
use imnn_sim::Real;
use ndarray::ArrayD;

use super::writing::{RowWriter, WriteOptions};
use crate::rows::RowArray;
use crate::values::zeros;
use crate::{ArrayPath, DataError};

/// A kind of file that arrays lie in.
///
/// Only the first four items are needed to read one; by default it is not written, and read by rows alone.
pub(crate) trait Format {
    /// How the names of its files end.
    const ENDINGS: &'static [&'static str];

    /// What `imnn data inspect` calls an array of it.
    const NAME: &'static str;

    /// Opens an array for reading by rows.
    fn rows<E: Real>(at: &Location<'_>, row: RowShape<'_>, options: &RowOptions) -> Opened<E>;

    /// What arrays there are, or the one that is named, without reading values.
    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError>;

    /// Whether a file of another name, which starts with these bytes, is one.
    fn starts(start: &[u8]) -> bool {
        let _ = start;
        false
    }

    /// Whether a file whose name says nothing may be one, by the bytes that it starts with.
    fn may_start(start: &[u8]) -> bool {
        let _ = start;
        false
    }

    /// The names of the arrays of a file, without looking at them; nothing where it holds one array without a name.
    fn keys(file: &Path) -> Result<Option<Vec<String>>, DataError> {
        let _ = file;
        Ok(None)
    }

    /// Keeps a file open of which many arrays are read, those of a group; nothing where it holds one.
    fn shelf<E: Real>(file: &Path, group: &str) -> Result<Option<Box<dyn Shelf<E>>>, DataError> {
        let _ = (file, group);
        Ok(None)
    }

    /// Whether its rows have seeds, by which they are matched.
    const SEEDS: bool = false;

    /// How its arrays are named when they are written; nothing where they are not.
    const TARGET: Option<&'static str> = None;

    /// Reads an array, or its first `n_rows` rows, in row-major order.
    fn read<E: Real>(at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        read_by_rows(&*Self::rows::<E>(at, RowShape::AsStored, &RowOptions::default())?, n_rows)
    }

    /// Goes through an array in less memory than its rows need; says whether it could. By default it cannot.
    fn pass<E: Real>(at: &Location<'_>, visit: &mut Visit<'_, E>) -> Result<bool, DataError> {
        let _ = (at, visit);
        Ok(false)
    }

    /// Begins an array of this shape.
    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        let _ = (shape, options);
        Err(DataError::target(path, format!("{} files are not written here", Self::NAME)))
    }
}

/// An array opened for reading by rows, or why it could not be.
pub(crate) type Opened<E> = Result<Box<dyn RowArray<E>>, DataError>;

/// An array that is begun to be written, or why it could not be.
pub(crate) type Created<E> = Result<Box<dyn RowWriter<E> + Send>, DataError>;

/// A group of arrays in a file that is kept open.
pub(crate) trait Shelf<E: Real>: Send + Sync {
    /// The names in the group, of arrays and of groups.
    fn names(&self) -> &[String];

    /// Opens the array of a name, or `rest` in the group of that name; `path` is what messages call it.
    fn array(&self, name: &str, rest: &str, path: &ArrayPath, options: &RowOptions) -> Opened<E>;
}

/// What is done with a few rows: it takes the number of the first and the values.
pub type Visit<'a, E> = dyn FnMut(usize, &[E]) -> Result<(), DataError> + 'a;

pub(crate) struct Location<'a> {
    /// As it was given, which is what messages call it.
    pub(crate) path: &'a ArrayPath,
    pub(crate) file: PathBuf,
    pub(crate) key: Option<&'a str>,
}

impl Location<'_> {
    /// Refuses a key for a file that holds one array without a name.
    pub(crate) fn without_key(&self) -> Result<&Path, DataError> {
        match self.key {
            Some(key) => {
                let reason = format!("holds one array, so `:{key}` names nothing; leave it out");
                Err(DataError::unusable(self.file.display(), reason))
            }
            None => Ok(&self.file),
        }
    }
}

/// The shape of a row where the file does not say, which only some formats ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowShape<'a> {
    /// Flat.
    AsStored,
    /// A simulation of this shape, or those below and above.
    Input(&'a [usize]),
    /// The exact derivatives of a simulation of this shape.
    Exact(&'a [usize]),
}

/// How arrays are opened for reading by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOptions {
    /// The bytes that an array may take in memory which cannot be read by rows, such as a compressed one; 1 GiB by
    /// default.
    pub memory: usize,
    /// Whether the checksums of an archive are compared when it is opened, which reads it once; they are by default.
    /// Reading single rows compares none.
    pub checksums: bool,
    /// Whether of numbered files those that cannot be read, as they are damaged, are left out; they are an error by default.
    pub skip_damaged: bool,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self { memory: 1 << 30, checksums: true, skip_damaged: false }
    }
}

/// One array of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayInfo {
    /// What to write where the path of an array is taken.
    pub path: ArrayPath,
    /// What kind of file it is in: `npy`, `HDF5 dataset`.
    pub format: &'static str,
    /// The type of its elements as numpy writes it, with the byte order: `<f4`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The names of its columns, where the file has them.
    pub columns: Vec<String>,
    /// The seeds of its rows, where the file has them.
    pub seeds: Option<Vec<u64>>,
    /// Whether the first axis moves fastest, as in Fortran.
    pub fortran_order: bool,
    /// The bytes of its values.
    pub bytes: u64,
    /// The bytes that they take in the file where they are compressed and cannot be read by rows.
    pub compressed: Option<u64>,
}

/// What a table is called, of which columns may be asked for.
pub(crate) const TEXT_TABLE: &str = "text table";

impl ArrayInfo {
    /// Whether it is a table of which columns may be asked for.
    pub fn has_columns(&self) -> bool {
        self.format == TEXT_TABLE
    }

    /// An array that is read by rows, whose elements have a type such as `<f4`.
    pub(crate) fn of_rows<E: Real>(path: ArrayPath, format: &'static str, array: &dyn RowArray<E>) -> Self {
        let (dtype, shape) = (array.dtype().to_owned(), array.shape().to_vec());
        let size = dtype.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(1);
        let bytes = saturating_product(&shape).saturating_mul(size) as u64;
        let seeds = array.seeds().map(<[u64]>::to_vec);
        Self { path, format, dtype, shape, columns: vec![], seeds, fortran_order: false, bytes, compressed: None }
    }
}

/// What a file holds under a name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Member {
    /// An array.
    Array(ArrayInfo),
    /// What cannot be read as an array of real numbers, and why.
    Other {
        /// Its name.
        path: ArrayPath,
        /// What is wrong.
        reason: String,
    },
}

impl Member {
    /// What came of looking at an array.
    pub(crate) fn of(path: ArrayPath, info: Result<ArrayInfo, DataError>) -> Self {
        match info {
            Ok(info) => Self::Array(info),
            Err(error) => Self::Other { path, reason: error.to_string() },
        }
    }
}

/// Reads an array by rows, or its first ones.
pub(crate) fn read_by_rows<E: Real>(array: &dyn RowArray<E>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
    let mut shape = array.shape().to_vec();
    if let (Some(n_rows), Some(rows)) = (n_rows, shape.first_mut()) {
        *rows = n_rows.min(*rows);
    }
    let mut values = zeros(array.label(), saturating_product(&shape))?;
    array.read(0..shape.first().copied().unwrap_or(1), &mut values)?;
    // There are as many values as the shape has.
    ArrayD::from_shape_vec(shape, values).map_err(|error| DataError::other(error.to_string()))
}
