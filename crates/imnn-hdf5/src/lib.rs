//! Arrays of real numbers in HDF5 files, read by rows and written, without the HDF5 library.
//!
//! What can be read: floating-point numbers and integers of either byte order; contiguous, compact and chunked datasets;
//! the filters gzip, shuffle, fletcher32, LZF and Blosc (blosclz, lz4, zlib, zstd); superblocks 0 to 3, both kinds of
//! object headers and groups, all lists of chunks. A dataset of which parts were never written is refused, since their
//! values would be made up, and so are virtual datasets and data in other files.
//!
//! The code follows the HDF5 File Format Specification 3.0. Every place and length is checked against the file before it is
//! believed: the C library ends the process on some damaged files and returns zeros for others. Only gzip and fletcher32
//! notice data that were damaged; in a dataset without them a wrong bit is another number, as in an npy file. What a file
//! of the older format says only once (byte order, sign, links) cannot be checked.
//!
//! ```
//! use imnn_hdf5::{Dataset, Options, Writer};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("x.h5");
//! let mut writer = Writer::new(std::fs::File::create_new(&path)?);
//! writer.begin::<f32>("train/x", &[3, 2], Options { gzip: Some(4), ..Options::default() })?;
//! writer.write(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! writer.finish()?;
//!
//! assert_eq!(imnn_hdf5::datasets(&path)?, ["train/x"]);
//! let dataset = Dataset::open(&path, Some("train/x"))?;
//! let mut row = [0.0_f64; 2];
//! dataset.read(1..2, &mut row)?;
//! assert_eq!((dataset.shape(), row), (&[3, 2][..], [3.0, 4.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blosc;
mod bytes;
mod codecs;
mod dataset;
mod describe;
mod group;
mod header;
mod heap;
mod index;
mod layout;
mod members;
mod unpack;
mod write;

pub use dataset::{Dataset, datasets};
pub use members::Group;
pub use write::{Options, Writer};

use imnn_io::npy::Overflow;
use imnn_io::text::keys;

/// How every HDF5 file starts, unless a block of the user's comes before.
pub const MAGIC: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Why a dataset cannot be read or written, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Hdf5Error {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file is damaged, or holds what is not read.
    #[error("{0}")]
    Unreadable(String),
    /// The file is no longer what it was when it was opened.
    #[error("changed while it was being read; do not modify it during a run")]
    Changed,
    /// There is no dataset of that name.
    #[error("has no dataset `{key}`; {}", keys(there))]
    MissingKey {
        /// The name asked for.
        key: String,
        /// The names there are.
        there: Vec<String>,
    },
    /// The file does not hold exactly one dataset, and none was named.
    #[error("name one of its datasets; {}", keys(there))]
    KeyNeeded {
        /// The names there are.
        there: Vec<String>,
    },
    /// A finite value is beyond the range of the precision that it is read in.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// A dataset cannot be written as asked.
    #[error("cannot write a dataset `{key}`: {reason}")]
    Write {
        /// Its name.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

impl From<String> for Hdf5Error {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}
