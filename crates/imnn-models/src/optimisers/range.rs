//! What numbers a setting may be.

use crate::error::{ModelError, Result};

/// The error that says what the setting may be, unless the value is `valid`.
pub(super) fn check(setting: &'static str, value: f64, valid: bool, range: &'static str) -> Result<()> {
    if valid { Ok(()) } else { Err(ModelError::Setting { setting, value, range }) }
}

/// A decay rate of a running mean.
pub(super) fn decay(setting: &'static str, value: f64) -> Result<()> {
    check(setting, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
}

/// A number that divides or scales.
pub(super) fn positive(setting: &'static str, value: f64) -> Result<()> {
    check(setting, value, value > 0.0 && value.is_finite(), "positive and finite")
}

/// A number that may switch something off.
pub(super) fn not_negative(setting: &'static str, value: f64) -> Result<()> {
    check(setting, value, value >= 0.0 && value.is_finite(), "finite and not negative")
}
