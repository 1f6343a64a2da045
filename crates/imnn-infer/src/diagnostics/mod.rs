//! Whether posteriors are what they say, and whether there can be one at all: calibration on pairs whose parameters are
//! known, and checks of the observation against the simulations. Each ends in a verdict in words.

pub mod bands;
pub mod calibration;
pub mod coverage;
pub mod far;
pub mod mmd;
pub mod outlying;
pub mod predictive;
pub mod residual;
pub mod sbc;
pub mod tarp;

use std::fmt;

pub use calibration::Calibration;

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether no fault was found.
    pub good: bool,
    /// The outcome in words, with its numbers.
    pub text: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
