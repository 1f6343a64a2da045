//! What is in a file: names, types and shapes without reading the values, and statistics of the values in one pass.
//!
//! ```
//! use imnn_data::{ArrayPath, arrays};
//! use imnn_tools::inspect;
//! use ndarray::array;
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("x.npy");
//! arrays::write_npy(&file, array![[1.0, 2.0], [3.0, 4.0]].into_dyn().view())?;
//!
//! let info = inspect::array(&ArrayPath::from(file))?;
//! assert_eq!((info.shape, info.dtype.as_str()), (vec![2, 2], "<f8"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocks;
mod numbered;
mod statistics;
mod tree;
mod uses;
mod walk;

pub use imnn_data::{ArrayInfo, Member};
use imnn_data::{ArrayPath, DataError, is_pattern};
use imnn_io::npy::Dtype;

pub use numbered::{Numbered, array, numbered};
pub use statistics::{Statistics, statistics};
pub use uses::{Meaning, Use, uses};

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Contents {
    /// The arrays of a file.
    Members(Vec<Member>),
    /// Files, or arrays of a file, with a number in their names, one row each.
    Numbered(Box<Numbered>),
    /// What is in a folder and in those in it, or in a file of many arrays: by pattern where names are numbered.
    Folder(Vec<Contents>),
}

/// The type of the values as numpy's documentation names it: `float32, little-endian`.
pub fn type_name(dtype: &str) -> String {
    let Ok(parsed) = Dtype::parse(dtype) else { return dtype.to_owned() };
    match dtype.as_bytes()[0] {
        b'>' if parsed.size() > 1 => format!("{}, big-endian", parsed.name()),
        b'<' if parsed.size() > 1 => format!("{}, little-endian", parsed.name()),
        _ => parsed.name().to_owned(),
    }
}

/// Whether single precision holds every value of such a type.
pub fn fits_single(dtype: &str) -> bool {
    Dtype::parse(dtype).is_ok_and(Dtype::fits_single)
}

/// What is in a file or folder.
///
/// # Errors
/// If it is not there, cannot be read, or is of no kind that is known.
pub fn contents(path: &ArrayPath) -> Result<Contents, DataError> {
    if is_pattern(path)? {
        return Ok(Contents::Numbered(Box::new(numbered(path)?)));
    }
    if path.file().is_dir() {
        return tree::folder(path.file()).map(Contents::Folder);
    }
    let mut found = tree::file(path)?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (last, _) => Ok(Contents::Folder(found.into_iter().chain(last).collect())),
    }
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
