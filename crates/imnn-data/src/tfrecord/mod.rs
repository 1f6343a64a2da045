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
//! Files that are compressed as a whole (`TFRecordOptions(compression_type="GZIP")`) are refused.

mod example;
mod frame;
mod index;
mod rows;
mod scan;
mod writer;

pub use rows::{TfRecords, is_tfrecord};
pub use writer::{TfRecordOptions, TfRecordWriter};
