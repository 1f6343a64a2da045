//! The uniform law.

use super::listed::Listed;
use crate::error::{PriorError, Result};
use crate::law::Law;

/// `p(theta) = 1 / (high - low)` between `low` and `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Uniform {
    /// The law between two finite numbers, the first of them less.
    ///
    /// # Errors
    /// [`PriorError::Setting`] otherwise.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        check_interval(Self::NAME, low, high)?;
        Ok(Uniform { low, high })
    }
}

/// Refuses ends that are not finite or not in order.
pub(super) fn check_interval(law: &'static str, low: f64, high: f64) -> Result<()> {
    if !low.is_finite() {
        return Err(PriorError::setting(law, "low", low, "a finite number"));
    }
    if !(high.is_finite() && high > low && (high - low).is_finite()) {
        return Err(PriorError::setting(law, "high", high, format!("a finite number above low = {low:?}")));
    }
    Ok(())
}

impl Listed for Uniform {
    const NAME: &'static str = "uniform";
    const ABOUT: &'static str = "[low, high]";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("low", None), ("high", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        Uniform::new(numbers[0], numbers[1])
    }
}

impl Law for Uniform {
    fn support(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        if theta >= self.low && theta <= self.high { -(self.high - self.low).ln() } else { f64::NEG_INFINITY }
    }

    fn cdf(&self, theta: f64) -> f64 {
        ((theta - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn survival(&self, theta: f64) -> f64 {
        ((self.high - theta) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn quantile(&self, p: f64) -> f64 {
        self.low + p * (self.high - self.low)
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        self.high - q * (self.high - self.low)
    }

    fn ln_density_slope(&self, _theta: f64) -> Option<f64> {
        Some(0.0)
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.low, self.high])
    }
}
