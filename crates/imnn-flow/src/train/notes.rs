//! What a user should know of a training that did not fail.

use std::fmt;

/// Something that a user should know. The text is what [`fmt::Display`] gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A column was constant over the training part and was left out.
    Constant {
        /// Its name.
        column: String,
        /// The constant.
        value: f64,
    },
    /// A column has tails so heavy that its standard deviation says little.
    HeavyTails {
        /// Its name.
        column: String,
        /// Excess kurtosis, 0 for a normal law.
        kurtosis: f64,
    },
    /// A member was stopped by the limit of epochs, not by patience.
    Limit {
        /// Which member.
        member: usize,
        /// The limit.
        epochs: usize,
    },
    /// A member was started again because its loss was not finite.
    Restarted {
        /// Which member.
        member: usize,
        /// How often.
        times: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Constant { column, value } => {
                write!(f, "{column} is {value} in all pairs that are trained on: it was left out")
            }
            Note::HeavyTails { column, kurtosis } => write!(
                f,
                "{column} has an excess kurtosis of {kurtosis:.0}: outliers set its scale; give its asinh or logarithm"
            ),
            Note::Limit { member, epochs } => write!(
                f,
                "member {member} was stopped at the limit of {epochs} epochs while still improving; raise max_epochs"
            ),
            Note::Restarted { member, times } => write!(
                f,
                "member {member} was started again {times} time(s) at half the learning rate: its loss was not finite"
            ),
        }
    }
}
