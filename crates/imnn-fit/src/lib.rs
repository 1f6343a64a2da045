//! The trainer: whitened start, iteration, early stopping, history, saved runs and estimates.

mod history;

pub use history::{History, Trace};
