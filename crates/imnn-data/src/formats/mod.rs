//! The kinds of files that arrays lie in: a file or folder for each, and its name in the list below.

pub(crate) mod archive_writer;
mod array_reader;
mod folder;
mod format;
pub(crate) mod pass;
pub mod writing;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use imnn_sim::Real;
use ndarray::ArrayD;

pub use self::array_reader::ArrayReader;
use self::folder::Folder;
pub(crate) use self::format::RowShape;
pub use self::format::{ArrayInfo, Member, RowOptions, Visit};
use self::format::{Created, Format, Location, Opened, read_by_rows};
use self::writing::{RowWriter, WriteOptions};
use crate::rows::{Pattern, RowArray};
use crate::{ArrayPath, DataError};

/// Makes of the formats an enumeration that does what [`Format`] says. A file is of the first to which it belongs.
macro_rules! formats {
    ($($module:ident::$format:ident),*) => {
        $(pub mod $module;)*

        /// A kind of file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Kind { $($format),* }

        impl Kind {
            const FORMATS: &[Self] = &[$(Self::$format),*];

            fn endings(self) -> &'static [&'static str] {
                match self { $(Self::$format => $module::$format::ENDINGS),* }
            }

            fn starts(self, start: &[u8]) -> bool {
                match self { $(Self::$format => $module::$format::starts(start)),* }
            }

            fn seeds(self) -> bool {
                match self { $(Self::$format => $module::$format::SEEDS),* }
            }

            fn target(self) -> Option<&'static str> {
                match self { $(Self::$format => $module::$format::TARGET),* }
            }

            fn rows<E: Real>(self, at: &Location<'_>, row: RowShape<'_>, options: &RowOptions) -> Opened<E> {
                match self { $(Self::$format => $module::$format::rows(at, row, options)),* }
            }

            fn contents(self, at: &Location<'_>) -> Result<Vec<Member>, DataError> {
                match self { $(Self::$format => $module::$format::contents(at)),* }
            }

            fn read<E: Real>(self, at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
                match self { $(Self::$format => $module::$format::read(at, n_rows)),* }
            }

            fn pass<E: Real>(self, at: &Location<'_>, visit: &mut Visit<'_, E>) -> Result<bool, DataError> {
                match self { $(Self::$format => $module::$format::pass(at, visit)),* }
            }

            fn create<E: Real>(self, path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
                match self { $(Self::$format => $module::$format::create(path, shape, options)),* }
            }
        }
    };
}

formats! { tfrecord::TfRecord, hdf5::Hdf5, npz::Npz, npy::Npy }

impl Kind {
    /// That of a name.
    fn named(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_str()?;
        Self::FORMATS.iter().copied().find(|format| format.endings().contains(&ending))
    }

    /// That of a file, by its first bytes or else its name; what nothing fits is said to be no `.npy` file.
    fn of<'a>(path: &'a ArrayPath) -> (Self, Location<'a>) {
        let (file, key) = path.locate();
        let mut start = vec![];
        // If it cannot be read, whoever opens it says why; a pipe would be waited for without end.
        if file.is_file() {
            let _ = File::open(&file).and_then(|file| file.take(8).read_to_end(&mut start));
        }
        let kind = Self::FORMATS.iter().copied().find(|format| format.starts(&start));
        let kind = kind.or_else(|| Self::named(&file)).unwrap_or(Self::Npy);
        (kind, Location { path, file, key })
    }
}

/// Opens an array for reading a few rows at a time.
///
/// | File | Rows |
/// | --- | --- |
/// | `.npy`, C order | one read of the file for consecutive rows |
/// | `.npy`, Fortran order | a read for each value of a row, or for a block of them: correct, and slow |
/// | `.npz`, stored | as `.npy` |
/// | `.npz`, compressed | from memory, if the whole array fits `options.memory` |
/// | a dataset of an HDF5 file | the rows of plain data; whole chunks of packed data |
/// | records, one file or many with `*` in their name | one read for each record; rows are flat |
/// | many, as `run/{seed}.npy` | one file for each row, in the order of the numbers in their names |
/// | many, as `run/{seeds}.npy` | the same, where files may hold consecutive ones |
///
/// In a pattern `{seed}` stands for a number in the name of the files or of a folder above them; `{seed:05}` for one that
/// is filled up with zeros to five digits; `{seeds}` for a number, or for the first and last of consecutive ones of which
/// the file holds a row each: `0-999.npy`, `(1000, *row)`. A key may follow, as in `{seed}.npz:map`. Each file is opened
/// once to compare them, and again whenever a row of it is read.
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
/// If there is no file, no such array in it or no array of real numbers, and if it neither can be read by rows nor fits
/// the memory.
pub fn open_rows<E: Real>(path: &ArrayPath, options: &RowOptions) -> Result<Box<dyn RowArray<E>>, DataError> {
    open_shaped(path, RowShape::AsStored, options)
}

/// As [`open_rows`], with rows of this shape where the file does not say.
pub(crate) fn open_shaped<E: Real>(path: &ArrayPath, row: RowShape<'_>, options: &RowOptions) -> Opened<E> {
    match Pattern::of(path)? {
        Some(pattern) => Ok(Box::new(Folder::open::<E>(pattern, options)?)),
        None => open_file(path, row, options),
    }
}

fn open_file<E: Real>(path: &ArrayPath, row: RowShape<'_>, options: &RowOptions) -> Opened<E> {
    let (kind, at) = Kind::of(path);
    kind.rows(&at, row, options)
}

/// Whether the rows of an array have seeds, by which they are matched with those of others.
///
/// # Errors
/// If the path is a pattern that cannot be understood.
pub fn has_seeds(path: &ArrayPath) -> Result<bool, DataError> {
    Ok(Pattern::of(path)?.is_some() || Kind::of(path).0.seeds())
}

/// The arrays of a file, or the one that is named, without reading their values.
///
/// # Errors
/// If the file is not there or not of a kind that is known.
pub fn members(path: &ArrayPath) -> Result<Vec<Member>, DataError> {
    let (kind, at) = Kind::of(path);
    kind.contents(&at)
}

/// Reads an array, or its first `n_rows` rows, in row-major order.
pub(crate) fn read<E: Real>(path: &ArrayPath, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
    if let Some(pattern) = Pattern::of(path)? {
        return read_by_rows(&Folder::open::<E>(pattern, &RowOptions::default())?, n_rows);
    }
    let (kind, at) = Kind::of(path);
    kind.read(&at, n_rows)
}

/// How names of files end that each hold whole arrays, or several.
pub fn array_endings() -> impl Iterator<Item = &'static str> {
    let whole = Kind::FORMATS.iter().filter(|format| !format.seeds());
    whole.flat_map(|format| format.endings()).copied()
}

/// Begins an array of this shape, in the format of its name.
///
/// | Name | What is written |
/// | --- | --- |
/// | `x.npy` | a file in C order, little-endian |
/// | `x.npz:key` | an archive of this array alone, not compressed |
/// | `x.h5:group/key` | a file with this dataset alone, in chunks with checksums, compressed by gzip if that is asked for |
/// | `folder/{seed}.npy` | a new folder with a file for each row |
/// | `name_*.tfrecords` | files of records, one for each row, or for each simulation below and above |
///
/// # Errors
/// If the name is none of these, something is there already that is not to be replaced, or the folder cannot be written
/// to.
pub fn create_rows<E: Real>(
    path: &ArrayPath,
    shape: &[usize],
    options: &WriteOptions,
) -> Result<Box<dyn RowWriter<E> + Send>, DataError> {
    if let Some(pattern) = Pattern::of(path)? {
        return Ok(Box::new(folder::FolderWriter::create(pattern, shape, options)?));
    }
    match Kind::named(path.file()).filter(|format| format.target().is_some()) {
        Some(format) => format.create(path, shape, options),
        None => {
            let targets: Vec<&str> = Kind::FORMATS.iter().rev().filter_map(|format| format.target()).collect();
            Err(DataError::target(path, format!("write {}, or folder/{{seed}}.npy", targets.join(", "))))
        }
    }
}
