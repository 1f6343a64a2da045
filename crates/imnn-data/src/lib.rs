//! Sources of simulations: arrays in memory, npy and npz files, simulators on the fly, symmetry augmentation and noise.
//!
//! A [`Source`] hands out simulations at the fiducial, the first of them with their derivatives with respect to the
//! parameters, a few rows (a [`Leaf`]) at a time:
//!
//! | Source | Simulations | Derivatives |
//! | --- | --- | --- |
//! | [`Arrays::exact`] | in memory | exact |
//! | [`Arrays::numerical`] | in memory | simulations below and above |
//! | [`Files`], loaded into [`Arrays`] | `.npy` and `.npz` files, or a file for each | either |
//! | [`Files`], opened as [`Streamed`] | the same, read whenever they are needed: of any size | either |
//! | [`OnTheFly`] | made by a simulator, new for each key | those of the simulator |
//! | [`simulate_exact`], [`simulate_numerical`] | drawn once from a simulator into [`Arrays`] | either |
//! | [`Augmented`] | of another source, seen through random symmetries | of that source, seen through the same |
//! | [`Transformed`] | of another source, with [`Noise`] added or a [`Transform`] of the user's own | of that source, under the same draw |
//!
//! Everything is checked where it comes in: whatever is wrong with a file, a shape, a value or a parameter is a
//! [`DataError`] that says what was found, what was expected and what to do; nothing that is not finite gets through.
//!
//! Users of the whole project reach this crate as `imnn::data`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrays;
mod augment;
mod budget;
pub mod check;
mod config;
mod convert;
mod error;
mod files;
pub mod hdf5;
mod identity;
pub mod inspect;
mod layout;
mod memory;
mod noise;
mod on_the_fly;
mod outline;
mod rows;
mod scratch;
mod set;
mod simulate;
mod source;
mod split;
mod steps;
mod streamed;
pub mod tfrecord;
mod transform;
mod values;
pub mod writing;

pub use arrays::ArrayPath;
pub use augment::{Augmentation, Augmented};
pub use budget::{Load, Loading, MemoryBudget};
pub use convert::{Conversion, Converted, Element, Meaning};
pub use error::DataError;
pub use files::{DerivativeFiles, Files, FilesKind};
pub use identity::Identity;
pub use memory::Arrays;
pub use noise::Noise;
pub use on_the_fly::OnTheFly;
pub use rows::{HeldRows, RowArray, RowOptions, StackedRows, Visit, for_each_rows, open_rows};
pub use simulate::{simulate_exact, simulate_numerical};
pub use source::{Derivatives, Leaf, Source, check_rows};
pub use split::{Part, Parts, Share, Split, SplitFormat};
pub use steps::Steps;
pub use streamed::{Prefetch, Streamed, Streaming};
pub use transform::{Simulation, Transform, Transformed};
