//! The normal law.

use super::listed::Listed;
use crate::error::{PriorError, Result};
use crate::law::Law;
use crate::special::{normal_cdf, normal_ln_pdf, normal_quantile};

/// `N(theta; mean, sd^2)`; its own coordinate is `phi = (theta - mean) / sd`, without an end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    sd: f64,
}

impl Normal {
    /// The law of this mean and standard deviation.
    ///
    /// # Errors
    /// [`PriorError::Setting`] for a mean that is not finite or a deviation that is not positive and finite.
    pub fn new(mean: f64, sd: f64) -> Result<Self> {
        check(Self::NAME, mean, sd)?;
        Ok(Normal { mean, sd })
    }
}

/// Refuses a mean that is not finite and a deviation that is not positive.
pub(super) fn check(law: &'static str, mean: f64, sd: f64) -> Result<()> {
    if !mean.is_finite() {
        return Err(PriorError::setting(law, "mean", mean, "a finite number"));
    }
    positive(law, "sd", sd)
}

/// Refuses what is not positive and finite.
pub(super) fn positive(law: &'static str, setting: &'static str, value: f64) -> Result<()> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(PriorError::setting(law, setting, value, "a positive finite number")),
    }
}

impl Listed for Normal {
    const NAME: &'static str = "normal";
    const ABOUT: &'static str = "[mean, sd]";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("mean", None), ("sd", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        Normal::new(numbers[0], numbers[1])
    }
}

impl Law for Normal {
    fn support(&self) -> [f64; 2] {
        [f64::NEG_INFINITY, f64::INFINITY]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        normal_ln_pdf((theta - self.mean) / self.sd) - self.sd.ln()
    }

    fn cdf(&self, theta: f64) -> f64 {
        normal_cdf((theta - self.mean) / self.sd)
    }

    fn survival(&self, theta: f64) -> f64 {
        normal_cdf((self.mean - theta) / self.sd)
    }

    fn quantile(&self, p: f64) -> f64 {
        self.mean + self.sd * normal_quantile(p)
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        self.mean - self.sd * normal_quantile(q)
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some((self.mean - theta) / (self.sd * self.sd))
    }

    fn to_phi(&self, theta: f64) -> f64 {
        (theta - self.mean) / self.sd
    }

    fn to_theta(&self, phi: f64) -> f64 {
        self.mean + self.sd * phi
    }

    fn slope(&self, _phi: f64, _theta: f64) -> f64 {
        self.sd
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.mean, self.sd])
    }
}
