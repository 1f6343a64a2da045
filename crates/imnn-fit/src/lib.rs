//! The trainer: whitened start, iteration, early stopping, history, saved runs and estimates.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bar;
mod builder;
mod compressor;
mod error;
mod folder;
mod history;
mod iterations;
mod observer;
mod saved;
mod settings;
mod trainer;
mod whiten;

pub use bar::Bar;
pub use builder::{ImnnBuilder, Start};
pub use compressor::Compressor;
pub use error::{FitError, Result};
pub use folder::RunFolder;
pub use history::{History, Trace};
pub use imnn_device::Summaries;
pub use observer::{Observer, Progress, Silent};
pub use saved::Description;
pub use settings::FitSettings;
pub use trainer::{Imnn, On, Outcome, Stop, Weights};
