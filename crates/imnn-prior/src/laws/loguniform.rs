//! The log-uniform law.

use super::listed::Listed;
use super::{normal::positive, uniform::check_interval};
use crate::error::Result;
use crate::law::Law;

/// `p(theta) = 1 / (theta ln(high / low))` between two positive numbers: uniform in the logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loguniform {
    low: f64,
    high: f64,
}

impl Loguniform {
    /// The law between two positive finite numbers, the first of them less.
    ///
    /// # Errors
    /// [`PriorError::Setting`](crate::PriorError::Setting) otherwise.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        positive(Self::NAME, "low", low)?;
        check_interval(Self::NAME, low, high)?;
        Ok(Loguniform { low, high })
    }

    /// `ln(high / low)`, also where both are close.
    fn width(&self) -> f64 {
        ((self.high - self.low) / self.low).ln_1p()
    }
}

impl Listed for Loguniform {
    const NAME: &'static str = "loguniform";
    const ABOUT: &'static str = "[low, high], both positive";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("low", None), ("high", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        Loguniform::new(numbers[0], numbers[1])
    }
}

impl Law for Loguniform {
    fn support(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        match theta >= self.low && theta <= self.high {
            true => -theta.ln() - self.width().ln(),
            false => f64::NEG_INFINITY,
        }
    }

    fn cdf(&self, theta: f64) -> f64 {
        let theta = theta.clamp(self.low, self.high);
        ((theta - self.low) / self.low).ln_1p() / self.width()
    }

    fn survival(&self, theta: f64) -> f64 {
        let theta = theta.clamp(self.low, self.high);
        -((theta - self.high) / self.high).ln_1p() / self.width()
    }

    fn quantile(&self, p: f64) -> f64 {
        self.low + self.low * (p * self.width()).exp_m1()
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        self.high + self.high * (-q * self.width()).exp_m1()
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some(-1.0 / theta)
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.low, self.high])
    }
}
