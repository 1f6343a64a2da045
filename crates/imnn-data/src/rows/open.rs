//! Opens an array of any kind of file for reading by rows.

use imnn_sim::Real;

use super::RowArray;
use super::folder::Folder;
use super::member::open_member;
use super::npy::NpyRows;
use super::pattern::Pattern;
use crate::arrays::read::open;
use crate::hdf5::is_hdf5;
use crate::tfrecord::{TfRecords, is_tfrecord};
use crate::{ArrayPath, DataError};

/// How arrays are opened for reading by rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowOptions {
    /// The bytes that an array may take in memory which cannot be read by rows, such as a compressed one; 1 GiB by
    /// default.
    pub memory: usize,
    /// Whether the checksums of an archive are compared when it is opened, which reads it once; they are by default.
    /// Reading single rows compares none.
    pub checksums: bool,
}

impl Default for RowOptions {
    fn default() -> Self {
        Self { memory: 1 << 30, checksums: true }
    }
}

/// Opens an array for reading a few rows at a time.
///
/// | File | Rows |
/// | --- | --- |
/// | `.npy`, C order | one read of the file for consecutive rows |
/// | `.npy`, Fortran order | a read for each value of a row, or for a block of them: correct, and slow |
/// | `.npz`, stored | as `.npy` |
/// | `.npz`, compressed | from memory, where the whole array fits `options.memory` |
/// | `.h5:group/dataset`, with the feature `hdf5` | the rows of plain data; whole chunks of packed data |
/// | `.tfrecords`, or many as `name_*.tfrecords` | one read for each record; rows are flat, see [`TfRecords`] |
/// | many, as `run/{seed}.npy` | one file for each row, in the order of the numbers in their names |
///
/// In a pattern `{seed}` stands for a number in the name of the files or of a folder above them; `{seed:05}` for one that
/// is filled up with zeros to five digits. A key may follow, as in `{seed}.npz:map`. Each file is opened once to compare
/// them, and again whenever its row is read.
///
/// Files are read, not mapped: what is not read takes no memory, and a file that is cut short while it is open is an
/// error. One that is written to while it is open is an error too, at the next read; one that is replaced by another of
/// its name is read on as it was.
///
/// ```
/// use imnn_data::{ArrayPath, RowArray, RowOptions, arrays, open_rows};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("x.npy");
/// arrays::write_npy(&file, array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].into_dyn().view())?;
///
/// let rows = open_rows::<f32>(&ArrayPath::from(file), &RowOptions::default())?;
/// assert_eq!(rows.shape(), [3, 2]);
/// let mut last = [0.0; 2];
/// rows.read(2..3, &mut last)?;
/// assert_eq!(last, [5.0, 6.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where there is no file, no such array in it or no array of real numbers, and where it neither can be read by rows nor
/// fits the memory.
pub fn open_rows<E: Real>(path: &ArrayPath, options: &RowOptions) -> Result<Box<dyn RowArray<E>>, DataError> {
    if is_tfrecord(path) {
        return Ok(Box::new(TfRecords::open(path)?));
    }
    match Pattern::of(path)? {
        Some(pattern) => Ok(Box::new(Folder::open::<E>(pattern, options)?)),
        None => open_file(path, options),
    }
}

/// Opens an array in one file.
pub(super) fn open_file<E: Real>(path: &ArrayPath, options: &RowOptions) -> Result<Box<dyn RowArray<E>>, DataError> {
    let (file, key) = path.locate();
    let label = path.to_string();
    if is_hdf5(&file) {
        return crate::hdf5::open(&file, key);
    }
    match Kind::of(&file)? {
        Kind::Archive => open_member(&file, key, label, options),
        Kind::Npy => match key {
            Some(key) => Err(DataError::KeyOfOneArray { path: file, key: key.to_owned() }),
            None => Ok(Box::new(NpyRows::open(&file, label)?)),
        },
    }
}

/// What a file is.
enum Kind {
    Npy,
    Archive,
}

impl Kind {
    /// By name and first bytes.
    fn of(file: &std::path::Path) -> Result<Self, DataError> {
        Ok(if open(file)?.zip { Self::Archive } else { Self::Npy })
    }
}
