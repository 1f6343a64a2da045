//! The lognormal law.

use super::listed::Listed;
use super::normal;
use crate::error::Result;
use crate::law::Law;
use crate::special::{normal_cdf, normal_ln_pdf, normal_quantile};

/// `ln theta ~ N(mean, sd^2)`: mean and standard deviation are those of the logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lognormal {
    mean: f64,
    sd: f64,
}

impl Lognormal {
    /// The law whose logarithm has this mean and standard deviation.
    ///
    /// # Errors
    /// [`PriorError::Setting`](crate::PriorError::Setting) for a mean that is not finite or a deviation that is not
    /// positive and finite.
    pub fn new(mean: f64, sd: f64) -> Result<Self> {
        normal::check(Self::NAME, mean, sd)?;
        Ok(Lognormal { mean, sd })
    }

    fn z(&self, theta: f64) -> f64 {
        (theta.max(0.0).ln() - self.mean) / self.sd
    }
}

impl Listed for Lognormal {
    const NAME: &'static str = "lognormal";
    const ABOUT: &'static str = "[mean, sd] of the logarithm";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("mean", None), ("sd", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        Lognormal::new(numbers[0], numbers[1])
    }
}

impl Law for Lognormal {
    fn support(&self) -> [f64; 2] {
        [0.0, f64::INFINITY]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        if theta > 0.0 { normal_ln_pdf(self.z(theta)) - self.sd.ln() - theta.ln() } else { f64::NEG_INFINITY }
    }

    fn cdf(&self, theta: f64) -> f64 {
        normal_cdf(self.z(theta))
    }

    fn survival(&self, theta: f64) -> f64 {
        normal_cdf(-self.z(theta))
    }

    fn quantile(&self, p: f64) -> f64 {
        (self.mean + self.sd * normal_quantile(p)).exp()
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        (self.mean - self.sd * normal_quantile(q)).exp()
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some(-(self.z(theta) / self.sd + 1.0) / theta)
    }

    fn to_phi(&self, theta: f64) -> f64 {
        self.z(theta)
    }

    fn to_theta(&self, phi: f64) -> f64 {
        crate::law::inside((self.mean + self.sd * phi).exp(), self.support())
    }

    fn slope(&self, _phi: f64, theta: f64) -> f64 {
        self.sd * theta
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.mean, self.sd])
    }
}
