//! Arrays in `.npy` and `.npz` files, read into the precision asked for and checked completely.
//!
//! What can be read: format versions 1 to 3; `float16`, `float32`, `float64`, integers and `bool` of either byte order,
//! converted to `f32` or `f64`; C and Fortran order; archives stored or deflated, zip64 included.
//! Whatever the bytes are, the answer is an array or a [`DataError`] that names the file and key; no more memory is taken
//! than the file can fill. Datasets and records are read in the same way.
//!
//! ```
//! use imnn_data::{ArrayPath, arrays};
//! use ndarray::array;
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("train.npz");
//! let fiducial = array![[1.0, 2.0], [3.0, 4.0]].into_dyn();
//! arrays::write_npz(&file, &[("fiducial", fiducial.view().into())])?;
//!
//! let path = ArrayPath::with_key(&file, "fiducial");
//! assert_eq!(arrays::read::<f64>(&path)?, fiducial);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{BufWriter, Write};
use std::path::Path;

use imnn_io::atomic::write_with;
use imnn_io::{FileError, npy};
use imnn_sim::Real;
use ndarray::{ArrayD, ArrayViewD};

use crate::formats::archive_writer::ArchiveWriter;
use crate::formats::npz::OpenArchive;
use crate::{ArrayPath, DataError, formats};

/// Reads an array, in row-major order.
///
/// Integers of more than 53 bits are rounded; NaN and infinities are read as they are.
///
/// # Errors
/// Whatever is wrong with the path, the file or its contents; finite values beyond the range of `E` too.
pub fn read<E: Real>(path: &ArrayPath) -> Result<ArrayD<E>, DataError> {
    formats::read(path, None)
}

/// Reads the first `n_rows` rows of an array, or all where it has fewer, in row-major order.
///
/// Of an array in C order only these are taken into memory.
///
/// # Errors
/// As [`read`].
pub fn read_rows<E: Real>(path: &ArrayPath, n_rows: usize) -> Result<ArrayD<E>, DataError> {
    formats::read(path, Some(n_rows))
}

/// Reads an array of one axis, such as parameter values.
///
/// # Errors
/// As [`read`], and [`DataError::Shape`] for another number of axes.
pub fn read_vector<E: Real>(path: &ArrayPath) -> Result<Vec<E>, DataError> {
    let array = read(path)?;
    if array.ndim() != 1 {
        return Err(DataError::shape(path, array.shape(), "one axis", "save it as np.ravel(x)"));
    }
    // One axis in row-major order: the elements as they are.
    Ok(array.into_iter().collect())
}

/// The names of the arrays in an archive, in its order.
///
/// # Errors
/// If the file is missing or not a zip archive.
pub fn keys(path: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    Ok(OpenArchive::open(path.as_ref())?.keys().to_vec())
}

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

macro_rules! any_array {
    ($($kind:ident: $element:ty),*) => {$(
        impl<'a> From<ArrayViewD<'a, $element>> for AnyArray<'a> {
            fn from(array: ArrayViewD<'a, $element>) -> Self {
                Self::$kind(array)
            }
        }
    )*};
}

any_array!(F32: f32, F64: f64, I64: i64);

/// Writes one array as a `.npy` file.
///
/// The file appears whole or not at all: it is written beside its place and then renamed.
///
/// # Errors
/// [`DataError::File`] if the folder cannot be written to or the disk is full.
pub fn write_npy<'a>(path: impl AsRef<Path>, array: impl Into<AnyArray<'a>>) -> Result<(), DataError> {
    let (path, array) = (path.as_ref(), array.into());
    write_with(path, |file| {
        let mut writer = BufWriter::new(file);
        let written = writer.write_all(&npy::header(array.descr(), array.shape()));
        let written = written.and_then(|()| array.write(&mut writer)).and_then(|()| writer.flush());
        Ok(written.map_err(FileError::of("write", path))?)
    })
}

/// Writes named arrays as a `.npz` file without compression; the same arrays give the same bytes.
///
/// The file appears whole or not at all: it is written beside its place and then renamed.
///
/// # Errors
/// [`DataError::Target`] for an empty or repeated name, [`DataError::File`] if the folder cannot be written to or
/// the disk is full.
pub fn write_npz<K: AsRef<str>>(path: impl AsRef<Path>, arrays: &[(K, AnyArray<'_>)]) -> Result<(), DataError> {
    let mut archive = ArchiveWriter::create(path, true)?;
    for (key, array) in arrays {
        archive.array(key.as_ref(), (array.descr(), array.shape()), |to| array.write(to))?;
    }
    archive.end()?.keep()
}

impl AnyArray<'_> {
    fn descr(&self) -> &'static str {
        match self {
            Self::F32(_) => npy::descr::<f32>(),
            Self::F64(_) => npy::descr::<f64>(),
            Self::I64(_) => "<i8",
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => array.shape(),
            Self::F64(array) => array.shape(),
            Self::I64(array) => array.shape(),
        }
    }

    /// Writes the values, row-major and little-endian.
    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        match self {
            Self::F32(array) => npy::write_values(array, to),
            Self::F64(array) => npy::write_values(array, to),
            Self::I64(array) => array.iter().try_for_each(|value| to.write_all(&value.to_le_bytes())),
        }
    }
}
