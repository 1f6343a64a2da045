//! TFRecord files of `tf.train.Example`, as the Python package `imnn` writes and reads them.
//!
//! A file is a sequence of records without a header:
//!
//! ```text
//! length    u64, little endian
//! checksum  u32, little endian: masked CRC32C of the length
//! data      `length` bytes: a tf.train.Example in the encoding of protocol buffers
//! checksum  u32, little endian: masked CRC32C of the data
//! masked(c) = ((c >> 15) | (c << 17)) + 0xa282ead8
//! ```
//!
//! An example has these features:
//!
//! | Feature | Type | Meaning |
//! | --- | --- | --- |
//! | `data` | bytes, one value: float32, little endian; or floats | a simulation, or its exact derivative `(*input, n_params)` |
//! | `seed` | int64 | the random seed; all records have one or none has |
//! | `derivative` | int64 | 0 below the fiducial, 1 above |
//! | `parameter` | int64 | which parameter is below or above |
//!
//! Records with `derivative` and `parameter` are a numerical derivative, `2 n_params` records for each seed, in any order
//! and over any shards. Nothing in a record says what shape `data` has: rows are flat until the caller says,
//! [`TfRecords::with_input_shape`].
//!
//! Files that are compressed as a whole (`TFRecordOptions(compression_type="GZIP")`) are refused, and so are data that can
//! only be the bytes of float64.

mod doubles;
mod example;
mod frame;
mod index;
mod row_writer;
mod rows;
mod scan;
mod writer;

pub use rows::TfRecords;
pub use writer::{TfRecordOptions, TfRecordWriter};

use imnn_sim::Real;

use self::row_writer::Records;
use super::format::{ArrayInfo, Created, Format, Location, Member, Opened, RowOptions, RowShape};
use super::writing::WriteOptions;
use crate::{ArrayPath, DataError};

/// TFRecord files, several of which hold one array.
pub(crate) struct TfRecord;

impl Format for TfRecord {
    const ENDINGS: &'static [&'static str] = &["tfrecords", "tfrecord"];
    const NAME: &'static str = "TFRecord";
    const SEEDS: bool = true;
    const TARGET: Option<&'static str> = Some("name_*.tfrecords");

    fn rows<E: Real>(at: &Location<'_>, row: RowShape<'_>, _: &RowOptions) -> Opened<E> {
        at.without_key()?;
        let records = TfRecords::open(at.path)?;
        Ok(Box::new(match row {
            RowShape::AsStored => records,
            RowShape::Input(shape) => records.with_input_shape(shape)?,
            RowShape::Exact(shape) => records.with_exact_shape(shape)?,
        }))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        let records = TfRecords::open(at.path)?;
        Ok(vec![Member::Array(ArrayInfo::of_rows::<f32>(at.path.clone(), Self::NAME, &records))])
    }

    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        Ok(Box::new(Records::create::<E>(path, shape, options)?))
    }
}
