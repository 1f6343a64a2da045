//! Checks of what is given.

use ndarray::{ArrayBase, Data, Dimension};

use crate::error::{InferError, Result};

/// Refuses the first value that is not finite.
pub(crate) fn finite<S: Data<Elem = f64>, D: Dimension>(what: &'static str, array: &ArrayBase<S, D>) -> Result<()> {
    let Some(at) = array.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let value = array.iter().nth(at).copied().unwrap_or(f64::NAN);
    Err(InferError::NotFinite { what, index: imnn_io::text::unravel(at, array.shape(), false), value })
}

/// Refuses another shape.
pub(crate) fn shape(what: &'static str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected { Ok(()) } else { Err(InferError::shape(what, found, format!("{expected:?}"))) }
}

/// Refuses a share that is not inside (0, 1].
pub(crate) fn share(setting: &'static str, value: f64) -> Result<()> {
    match value > 0.0 && value <= 1.0 {
        true => Ok(()),
        false => Err(InferError::setting(setting, value, "a number above 0 and at most 1")),
    }
}
