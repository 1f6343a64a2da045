//! What is in a file: names, types and shapes without reading the values, and statistics of the values in one pass.
//!
//! ```
//! use imnn_data::{ArrayPath, arrays, inspect};
//! use ndarray::array;
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("x.npy");
//! arrays::write_npy(&file, array![[1.0, 2.0], [3.0, 4.0]].into_dyn().view())?;
//!
//! let inspect::Contents::Array(info) = inspect::contents(&ArrayPath::from(file))? else { panic!("an array") };
//! assert_eq!((info.shape, info.dtype.as_str()), (vec![2, 2], "<f8"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod numbered;
mod statistics;
mod uses;

use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

pub use numbered::{Numbered, numbered};
pub use statistics::{Statistics, statistics};
pub use uses::{Use, uses};

use crate::arrays::archive::{find, unreadable};
use crate::arrays::header::Header;
use crate::arrays::npy::Npy;
use crate::arrays::read::open;
use crate::rows::is_pattern;
use crate::{ArrayPath, DataError};

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Contents {
    /// One array.
    Array(ArrayInfo),
    /// The arrays of an archive.
    Archive(Vec<Member>),
    /// Files with a number in their names, one row each.
    Numbered(Numbered),
    /// The numbered files of a folder and of those in it, by pattern, and its other arrays.
    Folder(Vec<Contents>),
}

/// One array.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ArrayInfo {
    /// What to write where the path of an array is taken.
    pub path: ArrayPath,
    /// The type of its elements as numpy writes it, with the byte order: `<f4`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether the first axis moves fastest, as in Fortran.
    pub fortran_order: bool,
    /// The bytes of its values.
    pub bytes: u64,
    /// The bytes that they take in an archive where they are compressed.
    pub compressed: Option<u64>,
}

/// What an archive holds under a name.
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

/// The type of the values as numpy's documentation names it: `float32, little-endian`.
pub fn type_name(dtype: &str) -> String {
    let (order, code) = match dtype.as_bytes() {
        [order @ (b'<' | b'>' | b'=' | b'|'), ..] => (*order, &dtype[1..]),
        _ => (b'=', dtype),
    };
    let bits = |kind: &str| code[1..].parse::<usize>().map(|bytes| format!("{kind}{}", 8 * bytes)).ok();
    let name = match code.as_bytes().first() {
        Some(b'f') => bits("float"),
        Some(b'i') => bits("int"),
        Some(b'u') => bits("uint"),
        Some(b'b' | b'?') => Some("bool".to_owned()),
        _ => None,
    };
    let Some(name) = name else { return dtype.to_owned() };
    match order {
        _ if code.ends_with('1') || code == "?" => name,
        b'>' => format!("{name}, big-endian"),
        b'<' => format!("{name}, little-endian"),
        _ => name,
    }
}

/// Whether single precision holds every value of such a type.
pub fn fits_single(dtype: &str) -> bool {
    let code = dtype.trim_start_matches(['<', '>', '=', '|']);
    ["f2", "f4", "i1", "i2", "u1", "u2", "b1", "?"].contains(&code)
}

/// The datasets of an HDF5 file, or the one that is named.
///
/// # Errors
/// Where the file cannot be read, or the program was built without HDF5.
pub fn datasets(path: &ArrayPath) -> Result<Vec<ArrayPath>, DataError> {
    if path.key().is_some() {
        return Ok(vec![path.clone()]);
    }
    #[cfg(feature = "hdf5")]
    let keys = crate::hdf5::datasets(path.file())?;
    #[cfg(not(feature = "hdf5"))]
    let keys = {
        // Opening it says which feature is missing.
        crate::hdf5::open::<f64>(path.file(), None)?;
        Vec::<String>::new()
    };
    Ok(keys.into_iter().map(|key| ArrayPath::with_key(path.file(), key)).collect())
}

/// What is in a file or folder.
///
/// # Errors
/// Where it is not there, cannot be read, or is of no kind that is known.
pub fn contents(path: &ArrayPath) -> Result<Contents, DataError> {
    if is_pattern(path)? {
        return Ok(Contents::Numbered(numbered(path)?));
    }
    let (file, key) = path.locate();
    if file.is_dir() {
        return numbered::folder(&file).map(Contents::Folder);
    }
    let opened = open(&file)?;
    if opened.zip && key.is_none() {
        return archive(&file);
    }
    array(path).map(Contents::Array)
}

/// What one array is, without reading its values.
///
/// # Errors
/// As [`contents`], and where the path names several arrays.
pub fn array(path: &ArrayPath) -> Result<ArrayInfo, DataError> {
    if is_pattern(path)? {
        return Ok(numbered(path)?.info);
    }
    let (file, key) = path.locate();
    let mut opened = open(&file)?;
    if opened.zip {
        let mut archive = ZipArchive::new(opened.reader).map_err(|error| unreadable(&file, error))?;
        let index = find(&archive, &file, key)?;
        return member(&mut archive, index, &file, path.clone());
    }
    if let Some(key) = key {
        return Err(DataError::KeyOfOneArray { path: file, key: key.to_owned() });
    }
    let len = opened.len;
    let header = Npy { label: path.to_string(), reader: &mut opened.reader, len, at_most: len }.header()?;
    Ok(info(path.clone(), header, None))
}

fn archive(file: &Path) -> Result<Contents, DataError> {
    let keys = crate::arrays::keys(file)?;
    let mut archive = ZipArchive::new(open(file)?.reader).map_err(|error| unreadable(file, error))?;
    let members = keys.into_iter().map(|key| {
        let path = ArrayPath::with_key(file, &key);
        let info = find(&archive, file, Some(&key)).and_then(|index| member(&mut archive, index, file, path.clone()));
        match info {
            Ok(info) => Member::Array(info),
            Err(error) => Member::Other { path, reason: error.to_string() },
        }
    });
    Ok(Contents::Archive(members.collect()))
}

fn member<R: std::io::Read + std::io::Seek>(
    archive: &mut ZipArchive<R>,
    index: usize,
    file: &Path,
    path: ArrayPath,
) -> Result<ArrayInfo, DataError> {
    let member = archive.by_index(index).map_err(|error| unreadable(file, error))?;
    let (len, packed) = (member.size(), member.compressed_size());
    let compressed = (member.compression() != CompressionMethod::Stored).then_some(packed);
    let mut npy = Npy { label: path.to_string(), reader: member, len, at_most: len };
    Ok(info(path, npy.header()?, compressed))
}

fn info(path: ArrayPath, header: Header, compressed: Option<u64>) -> ArrayInfo {
    let bytes = header.n_bytes();
    let Header { descr, fortran_order, shape, .. } = header;
    ArrayInfo { path, dtype: descr, shape, fortran_order, bytes, compressed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_numpy() {
        for (dtype, name) in [
            ("<f4", "float32, little-endian"),
            (">f8", "float64, big-endian"),
            ("|u1", "uint8"),
            ("|b1", "bool"),
            ("<i8", "int64, little-endian"),
            ("odd", "odd"),
            ("", ""),
            ("|f", "|f"),
        ] {
            assert_eq!(type_name(dtype), name);
        }
    }
}
