//! The errors of this crate.

use std::fmt;

/// Why a prior cannot be made or used. `Debug` shows the message as `Display` does.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PriorError {
    /// A number of a law has no meaning.
    #[error("{law}: {setting} is {value}, expected {allowed}")]
    Setting {
        /// The law.
        law: &'static str,
        /// Its number.
        setting: &'static str,
        /// The value given.
        value: f64,
        /// The allowed range.
        allowed: String,
    },
    /// A table of a distribution function is not one.
    #[error("table: {reason}")]
    Table {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A multivariate normal block cannot be used.
    #[error("multivariate_normal: {reason}")]
    Block {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The names of the parameters are not usable.
    #[error("{reason}")]
    Names {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A constraint cannot be used.
    #[error("constraint {constraint}: {reason}")]
    Constraint {
        /// Which one.
        constraint: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The constraints leave nothing of the prior, or so little that it cannot be sampled.
    #[error(
        "of {tried} draws of the prior {accepted} fulfil the constraints{worst}: they contradict each other or the ranges of \
         the parameters; widen the constraints, or draw the parameters from narrower laws"
    )]
    Empty {
        /// Draws that were tried.
        tried: usize,
        /// Draws that fulfil all constraints.
        accepted: usize,
        /// The constraint that refuses most, with a separator before it.
        worst: String,
    },
    /// A vector of parameters has another length, or holds what is no number.
    #[error("{reason}")]
    Parameters {
        /// What is wrong, and what was expected.
        reason: String,
    },
}

impl PriorError {
    pub(crate) fn setting(law: &'static str, setting: &'static str, value: f64, allowed: impl Into<String>) -> Self {
        PriorError::Setting { law, setting, value, allowed: allowed.into() }
    }
}

impl fmt::Debug for PriorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What functions of this crate return.
pub type Result<T> = std::result::Result<T, PriorError>;
