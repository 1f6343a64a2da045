//! The trainer: whitened start, iteration, early stopping, history, saved runs and estimates.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bar;
mod builder;
mod compressor;
mod data_array;
mod description;
mod error;
mod folder;
mod history;
mod imnn;
mod iterations;
mod observer;
mod saved;
mod settings;
mod state;

pub use bar::Bar;
pub use builder::{ImnnBuilder, Start};
pub use compressor::Compressor;
pub use data_array::DataArray;
pub use description::Description;
pub use error::{FitError, Result};
pub use folder::RunFolder;
pub use history::History;
pub use imnn::{Imnn, On, Outcome, Weights};
pub use imnn_device::Summaries;
pub use imnn_stats::{Record, Trace};
pub use iterations::Stop;
pub use observer::{Observer, Progress, Silent};
pub use settings::{CheckedSettings, FitSettings};
