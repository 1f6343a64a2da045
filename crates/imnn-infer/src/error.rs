//! The errors of this crate.

use std::fmt;

/// Why there is no posterior, or no diagnosis of one. `Debug` shows the message as `Display` does.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// An array has another shape than is expected.
    #[error("{what} has the shape {found:?}, expected {expected}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// The shape given.
        found: Vec<usize>,
    },
    /// A value is NaN or infinite.
    #[error("{what}[{}] is {value}, expected a finite number{}", places(index), advice_at(what))]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Where in it.
        index: Vec<usize>,
        /// The value.
        value: f64,
    },
    /// A setting is outside its range.
    #[error("{setting} is {value}, expected {allowed}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The value given.
        value: String,
        /// The allowed range.
        allowed: String,
    },
    /// A matrix is not positive definite.
    #[error("{what} is not positive definite: {advice}")]
    Singular {
        /// Which matrix.
        what: String,
        /// What to do.
        advice: String,
    },
    /// Simulations failed: rows with values that are not finite.
    #[error(
        "{} of {n} pairs have values that are not finite, the first in row {} ({what} {column} is {value}): find out why the \
         simulations fail, or drop them with Invalid::Drop, which says whether failures depend on the parameters",
        rows.len(), rows.first().copied().unwrap_or_default()
    )]
    Invalid {
        /// The rows.
        rows: Vec<usize>,
        /// The number of pairs.
        n: usize,
        /// `theta` or `x`, of the first of them.
        what: &'static str,
        /// The column of the value.
        column: usize,
        /// The value.
        value: f64,
    },
    /// Nothing was accepted.
    #[error(
        "target {target}: none of {tried} simulations is within {epsilon} of it, the nearest is at {nearest}: take a larger \
         epsilon, accept the nearest n instead, or look whether the target is like the simulations at all"
    )]
    NoneAccepted {
        /// The target.
        target: usize,
        /// Simulations that were compared.
        tried: usize,
        /// What was asked for.
        epsilon: f64,
        /// The least distance.
        nearest: f64,
    },
    /// There are too few of something.
    #[error("{what}: found {found}, expected at least {least}; {advice}")]
    TooFew {
        /// Of what.
        what: String,
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
        /// What to do.
        advice: String,
    },
    /// The posterior is 0 everywhere that was looked at.
    #[error("{method}: {reason}")]
    NoMass {
        /// Which method.
        method: &'static str,
        /// What was looked at, and what to do.
        reason: String,
    },
    /// The simulator of the user failed.
    #[error("simulation {k} at theta = {theta:?} failed: {reason}")]
    Simulator {
        /// Its number.
        k: u64,
        /// Its parameters.
        theta: Vec<f64>,
        /// What it said.
        reason: String,
    },
    /// A saved state cannot be gone on with.
    #[error("{reason}")]
    State {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A sampler of chains failed.
    #[error("{sampler}: {reason}")]
    Sampler {
        /// Which one.
        sampler: &'static str,
        /// What it said.
        reason: String,
    },
    /// A prior refused.
    #[error(transparent)]
    Prior(#[from] imnn_prior::PriorError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] imnn_io::FileError),
    /// A name cannot be written into a file of this format.
    #[error("the parameter {name:?} cannot be written for {format}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The format.
        format: &'static str,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
}

impl fmt::Debug for InferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl InferError {
    pub(crate) fn setting(setting: &'static str, value: impl fmt::Debug, allowed: impl Into<String>) -> Self {
        InferError::Setting { setting, value: format!("{value:?}"), allowed: allowed.into() }
    }

    pub(crate) fn shape(what: &'static str, found: &[usize], expected: impl Into<String>) -> Self {
        InferError::Shape { what, expected: expected.into(), found: found.to_vec() }
    }
}

/// What functions of this crate return.
pub type Result<T> = std::result::Result<T, InferError>;

fn places(index: &[usize]) -> String {
    index.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

fn advice_at(what: &str) -> &'static str {
    if what == "target" { "; the observed summaries have to be finite" } else { "" }
}
