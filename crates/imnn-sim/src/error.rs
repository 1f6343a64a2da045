//! The errors of this crate.

use std::borrow::Cow;

/// Why a simulator refuses its parameters or settings, or a key its text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
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

    /// A parameter is NaN or infinite.
    #[error("parameter {index} is {value}, expected a finite number")]
    ParameterNotFinite {
        /// Position in the parameter vector, from 0.
        index: usize,
        /// The value given.
        value: f64,
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

    /// A simulation or a derivative came out as NaN or infinite.
    #[error(
        "the simulator returned {value} as element {element} of its {what} at theta = {theta:?}: check the simulator at these parameter values"
    )]
    NotFinite {
        /// "data" or "derivative".
        what: &'static str,
        /// Row-major position in the output.
        element: usize,
        /// The value returned.
        value: f64,
        /// The parameters at which it happened.
        theta: Vec<f64>,
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
