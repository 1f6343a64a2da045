//! The format npy of numpy: one array in a file, or in a member of an archive.
//!
//! What can be read: format versions 1 to 3; `float16`, `float32`, `float64`, integers and `bool` of either byte order,
//! converted to `f32` or `f64`; C and Fortran order. Whatever the bytes are, the answer is an array or a [`NpyError`]; no
//! more memory is taken than the bytes can fill.
//!
//! ```
//! use imnn_io::npy::{self, Reader};
//!
//! let mut bytes = npy::header("<f4", &[2, 2]);
//! npy::write_values(&[1.0_f32, 2.0, 3.0, 4.0], &mut bytes)?;
//! let array = Reader::new(&bytes[..], bytes.len() as u64).read::<f64>(None)?;
//! assert_eq!(array, ndarray::array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod dtype;
mod header;
mod literal;
mod read;
mod write;

pub use dtype::{Dtype, Overflow};
pub use header::Header;
pub use read::Reader;
pub use write::{descr, header, write_values};

use crate::text::tuple;

/// Why bytes are not an array that can be read, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The bytes do not start as a `.npy` file does.
    #[error("not a .npy array: it starts with {found}, a .npy file with \\x93NUMPY{advice}")]
    NotAnArray {
        /// The first bytes.
        found: String,
        /// What the file may be instead, starting with a separator; may be empty.
        advice: &'static str,
    },
    /// The header cannot be understood.
    #[error("the .npy header is malformed: {0}")]
    Header(String),
    /// There are fewer or more bytes than the header promises.
    #[error("{}", wrong_length(dtype, shape, *expected, *found))]
    Length {
        /// The element type in the header.
        dtype: String,
        /// The shape in the header.
        shape: Vec<usize>,
        /// The bytes of data that the header promises.
        expected: u64,
        /// The bytes of data that are there (in a compressed member, if there are more: at least).
        found: u64,
    },
    /// The elements are of a type that cannot be read as real numbers.
    #[error("cannot read elements of type {dtype} as real numbers: {advice}")]
    Dtype {
        /// The type as the header writes it.
        dtype: String,
        /// What to do.
        advice: &'static str,
        /// The shape in the header.
        shape: Vec<usize>,
    },
    /// A finite value is beyond the range of the precision that it is read in.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

fn wrong_length(dtype: &str, shape: &[usize], expected: u64, found: u64) -> String {
    let shape = tuple(shape);
    match found < expected {
        true => format!(
            "truncated: {shape} of {dtype} need {expected} bytes, {found} are there; copy or write the file again"
        ),
        false => format!(
            "{found} bytes of data where {shape} of {dtype} need {expected}; the header and the data do not belong together"
        ),
    }
}
