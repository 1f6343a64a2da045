//! Datasets of HDF5 files, behind the feature `hdf5`.
//!
//! `file.h5:group/dataset` names a dataset; `file.h5` alone the only dataset of a file that has one at its top. Files are
//! known by their endings `.h5`, `.hdf5`, `.hdf` and `.he5`, or by their first bytes.
//!
//! What can be read: floating-point numbers and integers of either byte order; contiguous, compact and chunked datasets;
//! the filters gzip, shuffle, fletcher32, LZF and Blosc (blosclz, lz4, zlib, zstd). A dataset of which parts were never
//! written is refused, since their values would be made up, and so are virtual datasets and data in other files.
//!
//! Reading is our own code, after the HDF5 File Format Specification 3.0 (superblocks 0 to 3, both kinds of object headers
//! and groups, all lists of chunks): the C library ends the process on some damaged files and makes up zeros for others.
//! Here every place and length is checked against the file before it is believed, and several threads read at once. Only
//! gzip and fletcher32 notice data that were damaged; in a dataset without them a wrong bit is another number, as in an
//! npy file. What a file of the older format says only once (byte order, sign, links) cannot be checked. The library of
//! the system writes.
//!
//! Without the feature a path to such a file is an error that says so.

#[cfg(feature = "hdf5")]
mod blosc;
#[cfg(feature = "hdf5")]
mod bytes;
#[cfg(feature = "hdf5")]
mod describe;
#[cfg(feature = "hdf5")]
mod group;
#[cfg(feature = "hdf5")]
mod header;
#[cfg(feature = "hdf5")]
mod heap;
#[cfg(feature = "hdf5")]
mod index;
#[cfg(feature = "hdf5")]
mod place;
#[cfg(feature = "hdf5")]
mod rows;
#[cfg(feature = "hdf5")]
mod unpack;
#[cfg(feature = "hdf5")]
mod write;

use std::io::Read;
use std::path::Path;

use imnn_sim::Real;

use crate::{DataError, RowArray};

#[cfg(feature = "hdf5")]
pub use rows::{Hdf5Rows, datasets};
#[cfg(feature = "hdf5")]
pub use write::{Hdf5Options, write_hdf5};

/// Whether a file is an HDF5 file: by its ending, or by its first bytes.
pub fn is_hdf5(file: impl AsRef<Path>) -> bool {
    let file = file.as_ref();
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("h5" | "hdf5" | "hdf" | "he5")) || starts_as_hdf5(file)
}

fn starts_as_hdf5(file: &Path) -> bool {
    let mut magic = [0; 8];
    let read = std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x89HDF\r\n\x1a\n"
}

/// Opens a dataset for reading by rows.
#[cfg(feature = "hdf5")]
pub(crate) fn open<E: Real>(file: &Path, key: Option<&str>) -> Result<Box<dyn RowArray<E>>, DataError> {
    Ok(Box::new(Hdf5Rows::open(file, key)?))
}

/// Says which feature is missing.
#[cfg(not(feature = "hdf5"))]
pub(crate) fn open<E: Real>(file: &Path, key: Option<&str>) -> Result<Box<dyn RowArray<E>>, DataError> {
    let key = key.map_or(String::new(), |key| format!(":{key}"));
    // A file that is not there is the more likely mistake.
    crate::arrays::read::open(file)?;
    Err(DataError::Hdf5 {
        label: format!("{}{key}", file.display()),
        reason: "this program was built without HDF5; build it with the feature `hdf5` (cargo build --features hdf5, for which libhdf5-dev has to be installed), or save the array with np.save".to_owned(),
    })
}
