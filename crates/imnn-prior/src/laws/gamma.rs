//! The gamma law.

use super::listed::Listed;
use super::normal::positive;
use crate::error::Result;
use crate::law::Law;
use crate::special::{gamma_lower, gamma_upper, increasing_root, ln_gamma};

/// `p(theta) = rate^shape theta^(shape-1) exp(-rate theta) / Gamma(shape)` for positive `theta`; the mean is `shape /
/// rate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    shape: f64,
    rate: f64,
}

impl Gamma {
    /// The law of this shape and rate.
    ///
    /// # Errors
    /// [`PriorError::Setting`](crate::PriorError::Setting) unless both are positive and finite.
    pub fn new(shape: f64, rate: f64) -> Result<Self> {
        positive(Self::NAME, "shape", shape)?;
        positive(Self::NAME, "rate", rate)?;
        Ok(Gamma { shape, rate })
    }
}

impl Listed for Gamma {
    const NAME: &'static str = "gamma";
    const ABOUT: &'static str = "[shape, rate]";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("shape", None), ("rate", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        Gamma::new(numbers[0], numbers[1])
    }
}

impl Law for Gamma {
    fn support(&self) -> [f64; 2] {
        [0.0, f64::INFINITY]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        if theta < 0.0 || theta.is_nan() {
            return f64::NEG_INFINITY;
        }
        let power = if self.shape == 1.0 { 0.0 } else { (self.shape - 1.0) * (self.rate * theta).ln() };
        power - self.rate * theta + self.rate.ln() - ln_gamma(self.shape)
    }

    fn cdf(&self, theta: f64) -> f64 {
        gamma_lower(self.shape, self.rate * theta)
    }

    fn survival(&self, theta: f64) -> f64 {
        gamma_upper(self.shape, self.rate * theta)
    }

    fn quantile(&self, p: f64) -> f64 {
        if p <= 0.0 {
            return 0.0;
        }
        let (k, norm) = (self.shape, ln_gamma(self.shape));
        // P is below x^k / Gamma(k + 1), so the root is above this start.
        let start = (p.ln() + ln_gamma(k + 1.0)) / k;
        let ln_x = increasing_root(start.max(-744.0) - 1e-3, (k + 40.0 * k.sqrt() + 800.0).ln(), start, |t| {
            let value = gamma_lower(k, t.exp());
            if value <= 0.0 {
                return (f64::MIN, 1.0);
            }
            (value.ln() - p.ln(), (k * t - t.exp() - norm - value.ln()).exp())
        });
        ln_x.exp() / self.rate
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return f64::INFINITY;
        }
        let (k, norm) = (self.shape, ln_gamma(self.shape));
        let x = increasing_root(0.0, k + 40.0 * k.sqrt() + 800.0, k.max(0.5), |x| {
            let value = gamma_upper(k, x);
            if value <= 0.0 {
                return (f64::MAX, 1.0);
            }
            (q.ln() - value.ln(), ((k - 1.0) * x.ln() - x - norm - value.ln()).exp())
        });
        x / self.rate
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some((self.shape - 1.0) / theta - self.rate)
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.shape, self.rate])
    }
}
