//! What can go wrong, with the numbers that show it.

use std::path::PathBuf;

/// Result of this crate's functions.
pub type Result<T, E = FlowError> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// Two arrays do not have the same number of rows.
    #[error(
        "y has {y} rows and c has {c}: row k of c must be the context of row k of y (or one of them has a single row, for all)"
    )]
    Rows {
        /// Rows of y.
        y: usize,
        /// Rows of c.
        c: usize,
    },

    /// An array has another number of columns than the flow.
    #[error("{what} has {found} columns, the flow was made for {expected}")]
    Columns {
        /// `y`, `c`, or `base draws`.
        what: &'static str,
        /// Columns found.
        found: usize,
        /// Columns of the flow.
        expected: usize,
    },

    /// An entry is NaN or infinite.
    #[error(
        "row {row} of {column} is {value}: all numbers must be finite; remove such rows, or find out where they come from"
    )]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// Name of the column.
        column: String,
        /// The entry.
        value: f64,
    },

    /// A density or a draw is not a number.
    #[error(
        "row {row}: the flow overflows in {precision}; its weights are too large, as after a training that failed or in a \
         damaged file{}", if *precision == "f32" { ", or cast it to f64" } else { "" }
    )]
    Overflow {
        /// The row, from 0.
        row: usize,
        /// What the flow computes in.
        precision: &'static str,
    },

    /// The pairs cannot be trained on.
    #[error("{0}")]
    Pairs(String),

    /// A setting is out of its range.
    #[error("{setting} is {value}, it must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: String,
        /// The values allowed.
        range: String,
    },

    /// Weights, permutations or log densities that do not belong together.
    #[error("{0}")]
    Parts(String),

    /// The loss of a member was not finite, with every key and rate that was tried.
    #[error(
        "member {member}: the loss became {loss} in epoch {epoch}, also with other keys at lower learning rates (last \
         {learning_rate:e}); look for outliers in the pairs, or lower learning_rate"
    )]
    Diverged {
        /// Which member, from 0.
        member: usize,
        /// The epoch of the last attempt, from 1.
        epoch: usize,
        /// The loss.
        loss: f64,
        /// The learning rate of the last attempt.
        learning_rate: f64,
    },

    /// A file could not be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        message: String,
    },

    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] imnn_io::FileError),

    /// The optimiser refused its settings.
    #[error(transparent)]
    Optimiser(#[from] imnn_models::ModelError),

    /// Threads could not be started.
    #[error("{n} threads could not be started: {reason}")]
    Threads {
        /// How many were asked for.
        n: usize,
        /// What the system says.
        reason: String,
    },
}

/// The text of the error, which is what a `main` that returns it prints.
impl std::fmt::Debug for FlowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl FlowError {
    pub(crate) fn setting(setting: &'static str, value: impl ToString, range: impl Into<String>) -> Self {
        FlowError::Setting { setting, value: value.to_string(), range: range.into() }
    }
}
