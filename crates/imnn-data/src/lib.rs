//! Sources of simulations: arrays in memory, npy and npz files, simulators on the fly, and symmetry augmentation.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrays;
mod error;
mod source;
mod text;

pub use arrays::ArrayPath;
pub use error::DataError;
pub use source::{Derivatives, Leaf, Source, check_rows};
