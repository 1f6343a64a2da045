//! The kinds of files that arrays lie in: a file or folder for each, and its name in the list below.

mod alike;
pub(crate) mod archive_writer;
mod array_reader;
mod folder;
mod foreign;
mod format;
mod keyed;
pub(crate) mod pass;
mod patterns;
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
use self::format::{Created, Format, Location, Opened, Shelf, read_by_rows};
pub use self::patterns::numbers;
use self::patterns::open_keyed;
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

            fn may_start(self, start: &[u8]) -> bool {
                match self { $(Self::$format => $module::$format::may_start(start)),* }
            }

            fn keys(self, file: &Path) -> Result<Option<Vec<String>>, DataError> {
                match self { $(Self::$format => $module::$format::keys(file)),* }
            }

            fn shelf<E: Real>(self, file: &Path, group: &str) -> Result<Option<Box<dyn Shelf<E>>>, DataError> {
                match self { $(Self::$format => $module::$format::shelf(file, group)),* }
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

formats! { tfrecord::TfRecord, hdf5::Hdf5, text::Text, npz::Npz, npy::Npy }

impl Kind {
    /// That of a name.
    fn named(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_str()?;
        Self::FORMATS.iter().copied().find(|format| format.endings().contains(&ending))
    }

    /// That of a path, by the first bytes of the file or else its name; what nothing fits is said to be no `.npy` file.
    fn of<'a>(path: &'a ArrayPath) -> (Self, Location<'a>) {
        let (file, key) = path.locate();
        (Self::of_file(&file), Location { path, file, key })
    }

    /// The first bytes of a file.
    fn start(file: &Path) -> Vec<u8> {
        let mut start = vec![];
        // If it cannot be read, whoever opens it says why; a pipe would be waited for without end.
        if file.is_file() {
            let _ = File::open(file).and_then(|file| file.take(8).read_to_end(&mut start));
        }
        start
    }

    fn of_file(file: &Path) -> Self {
        let start = Self::start(file);
        let of = |fits: &dyn Fn(Self) -> bool| Self::FORMATS.iter().copied().find(|format| fits(*format));
        let kind = of(&|format| format.starts(&start)).or_else(|| Self::named(file));
        kind.or_else(|| of(&|format| format.may_start(&start))).unwrap_or(Self::Npy)
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
/// | arrays of one file, as `many.h5:run/{seed}` | one array for each row, in the order of the numbers in their names |
/// | a text table | from memory, if its numbers fit `options.memory` |
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
        Some(pattern) => open_pattern(pattern, options),
        None => open_file(path, row, options),
    }
}

fn open_pattern<E: Real>(pattern: Pattern, options: &RowOptions) -> Opened<E> {
    match open_keyed(&pattern, options) {
        Some(keyed) => keyed,
        None => Ok(Box::new(Folder::open::<E>(pattern, options)?)),
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
        return read_by_rows(&*open_pattern::<E>(pattern, &RowOptions::default())?, n_rows);
    }
    let (kind, at) = Kind::of(path);
    kind.read(&at, n_rows)
}

/// The names of the arrays of a file, without looking at these; nothing where it holds one array without a name.
///
/// # Errors
/// If the file is not there, or its list of names cannot be read.
pub fn keys(file: &Path) -> Result<Option<Vec<String>>, DataError> {
    Kind::of_file(file).keys(file)
}

/// How names of files end that hold arrays.
pub fn endings() -> impl Iterator<Item = &'static str> {
    Kind::FORMATS.iter().flat_map(|format| format.endings()).copied()
}

/// Whether the bytes that a file starts with may be those of arrays or of a table, whatever it is called.
pub fn resembles_array(file: &Path) -> bool {
    let start = Kind::start(file);
    Kind::FORMATS.iter().any(|format| format.starts(&start) || format.may_start(&start))
}

/// What a file is that holds no array, and how to make one of it; nothing where that is not known.
pub fn what(file: &Path) -> Option<String> {
    foreign::what(file)
}

/// Whether files of such a name are parts of one array together, which `*` in the name stands for.
pub fn is_shard(file: &Path) -> bool {
    Kind::named(file).is_some_and(Kind::seeds)
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
