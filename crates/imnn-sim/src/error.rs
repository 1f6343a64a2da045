//! The errors of this crate.

use std::borrow::Cow;
use std::fmt;

/// Why a simulator refuses its parameters or settings, or a key its text. `Debug` shows the message as `Display` does, so that
/// it is also seen where `main` returns the error.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The parameter vector has the wrong length.
    #[error("found {found} parameter value(s), expected {expected}: give one value per parameter of the simulator")]
    ParameterCount {
        /// The simulator's number of parameters.
        expected: usize,
        /// The length given.
        found: usize,
    },

    /// A number is NaN or infinite: a parameter, a setting, or what a simulator returned.
    #[error("{what}[{index}] is {value}, expected a finite number{}", advice_at(theta.as_deref()))]
    NotFinite {
        /// `theta`, `data`, `derivative` or the name of a setting.
        what: &'static str,
        /// Position in it, row-major, from 0.
        index: usize,
        /// The value.
        value: f64,
        /// The parameters at which a simulator returned it.
        theta: Option<Vec<f64>>,
    },

    /// A parameter lies where the simulator is not defined.
    #[error("parameter {index} ({name}) is {value}, expected {allowed}")]
    ParameterOutOfRange {
        /// Position in the parameter vector, from 0.
        index: usize,
        /// What the parameter is.
        name: Cow<'static, str>,
        /// The value given.
        value: f64,
        /// The allowed range, for instance "a value above 0".
        allowed: Cow<'static, str>,
    },

    /// A setting of a simulator has a value without meaning.
    #[error("{simulator}: {setting} is {value}, expected {allowed}")]
    Setting {
        /// The simulator.
        simulator: &'static str,
        /// The setting.
        setting: &'static str,
        /// The value given.
        value: f64,
        /// The allowed range.
        allowed: &'static str,
    },

    /// The number of finite-difference widths is not the number of parameters.
    #[error("found {found} finite-difference width(s), expected {expected}: one per parameter")]
    WidthCount {
        /// The simulator's number of parameters.
        expected: usize,
        /// The number of widths given.
        found: usize,
    },

    /// The distance between the simulations below and above is not a positive number.
    #[error("{name}[{parameter}] = {value}: {advice}")]
    Step {
        /// `delta_theta`, or `theta_above - theta_below`.
        name: &'static str,
        /// The parameter.
        parameter: usize,
        /// The value found.
        value: f64,
        /// What to do.
        advice: String,
    },

    /// The description of the distance between below and above is missing, incomplete or contradicts itself.
    #[error("{reason}")]
    Steps {
        /// What is wrong and what to do.
        reason: String,
    },

    /// A finite-difference width is lost in the rounding of the parameter.
    #[error(
        "the finite-difference width {width} of parameter {index} is below the rounding error of its value {value}: use a larger width"
    )]
    WidthTooSmall {
        /// Position in the parameter vector, from 0.
        index: usize,
        /// The parameter's value.
        value: f64,
        /// The full width.
        width: f64,
    },

    /// A text is not a key.
    #[error("{text:?} is not a key: expected 64 hexadecimal digits, found {found} character(s)")]
    KeyText {
        /// The text given.
        text: String,
        /// Its number of characters.
        found: usize,
    },
}

impl SimError {
    pub(crate) fn setting(simulator: &'static str, setting: &'static str, value: f64, allowed: &'static str) -> Self {
        SimError::Setting { simulator, setting, value, allowed }
    }
}

impl fmt::Debug for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What to do about a number that a simulator returned at these parameters.
fn advice_at(theta: Option<&[f64]>) -> String {
    theta.map(|theta| format!("; check the simulator at theta = {theta:?}")).unwrap_or_default()
}
