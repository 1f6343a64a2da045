//! The trainer: whitened start, iteration, early stopping, history, saved runs and estimates.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bar;
mod builder;
mod checkpoint;
mod compressor;
mod data_array;
mod description;
mod error;
mod files;
mod fingerprint;
mod fit;
mod folder;
mod gap;
mod held_out;
mod history;
mod imnn;
mod input;
mod iterations;
mod keeper;
mod keys;
mod last_layer;
mod memory;
mod moments;
mod observer;
mod outcome;
mod parts;
mod read_out;
mod rows;
mod saved;
mod setback;
mod settings;
mod state;
mod suggestion;
mod together;
mod train;
mod typical;

pub use bar::Bar;
pub use builder::{ImnnBuilder, Start};
pub use checkpoint::{Checkpoints, Control, Request};
pub use compressor::Compressor;
pub use data_array::DataArray;
pub use description::Description;
pub use error::{FitError, Result};
pub use fingerprint::Fingerprint;
pub use folder::RunFolder;
pub use held_out::Estimate;
pub use history::{History, Round};
pub use imnn::{Imnn, On, Weights};
pub use imnn_device::Summaries;
pub use imnn_stats::{Record, Trace};
pub use observer::{Observer, Progress, Silent};
pub use outcome::{LastLayer, Outcome, Stop};
pub use settings::{CheckedSettings, FitSettings};
pub use suggestion::{Inputs, Suggestion};
pub use typical::Typical;
