//! Sources of simulations: arrays in memory, files of many kinds, simulators on the fly, symmetry augmentation and noise.
//!
//! A [`Source`] hands out simulations at the fiducial, the first of them with their derivatives with respect to the
//! parameters, a few rows (a [`Microbatch`]) at a time:
//!
//! | Source | Simulations | Derivatives |
//! | --- | --- | --- |
//! | [`Arrays::exact`] | in memory | exact |
//! | [`Arrays::numerical`] | in memory | simulations below and above |
//! | [`Files`], loaded into [`Arrays`] | files of numpy, HDF5 or records, or a file for each | either |
//! | [`Files`], opened as [`Streamed`] | the same, read whenever they are needed: of any size | either |
//! | [`OnTheFly`] | made by a simulator, new for each key | those of the simulator |
//! | [`simulate_exact`], [`simulate_numerical`] | drawn once from a simulator into [`Arrays`] | either |
//! | [`Augmented`] | of another source, seen through random symmetries | of that source, seen through the same |
//! | [`Joined`], [`Summarised`] | of another source, with summaries of them behind | of that source, and of the summaries |
//! | [`Transformed`] | of another source, with [`Noise`] added or a [`Transform`] of the user's own | of that source, under the same draw |
//!
//! Everything is checked where it comes in: whatever is wrong with a file, a shape, a value or a parameter is a
//! [`DataError`] that says what was found, what was expected and what to do; nothing that is not finite gets through.
//!
//! Users of the whole project reach this crate as `imnn::data`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arrays;
mod config;
mod error;
mod file;
mod files;
mod formats;
mod given;
mod invalid;
mod kept;
mod layout;
mod memory;
mod path;
mod rows;
mod scratch;
mod set;
mod source;
mod sources;
mod spec;
mod transforms;
mod values;

/// Arrays of any size, written a few rows at a time.
pub mod writing {
    pub use crate::formats::archive_writer::ArchiveWriter;
    pub use crate::formats::create_rows;
    pub use crate::formats::writing::{RowWriter, WriteOptions, Written};
}

pub use config::{ArrayPaths, read_steps};
pub use error::DataError;
pub use files::{DerivativeFiles, Files};
pub use formats::pass::{each_row, for_each_rows};
pub use formats::*;
pub use given::joined::Joined;
pub use given::part::Given;
pub use given::power_spectrum::PowerSpectrum;
pub use given::summarised::{GivenSummaries, Summarised};
pub use imnn_sim::ParameterSteps;
pub use invalid::{Invalid, LeftOut, Memo, Partner, Tally};
pub use kept::Kept;
pub use memory::{DEFAULT_MEMORY, FileSource, Load, Loading, MemoryBudget};
pub use path::ArrayPath;
pub use rows::{
    HeldRows, Numbered as SeedName, Pattern, RowArray, RowSpec, StackedRows, consecutive, is_pattern, pieces,
};
pub use set::ArraySet;
pub use source::{Derivatives, Microbatch, Source, check_rows};
pub use sources::arrays::Arrays;
pub use sources::identity::Identity;
pub use sources::on_the_fly::{OnTheFly, suggested_counts};
pub use sources::simulate::{simulate_exact, simulate_numerical};
pub use sources::streamed::{Prefetch, Streamed, Streaming};
pub use spec::{DatasetSpec, FilesKind, Labels};
pub use transforms::augment::{Augmentation, Augmented};
pub use transforms::noise::Noise;
pub use transforms::subset::{Minibatches, Subset};
pub use transforms::transform::{Simulation, Transform, Transformed};
