//! The half-normal law.

use super::listed::Listed;
use super::normal::positive;
use crate::error::Result;
use crate::law::Law;
use crate::special::{normal_cdf, normal_ln_pdf, normal_quantile};

/// `2 N(theta; 0, sd^2)` for positive `theta`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfNormal {
    sd: f64,
}

impl HalfNormal {
    /// The law whose normal law has this standard deviation.
    ///
    /// # Errors
    /// [`PriorError::Setting`](crate::PriorError::Setting) for a deviation that is not positive and finite.
    pub fn new(sd: f64) -> Result<Self> {
        positive(Self::NAME, "sd", sd)?;
        Ok(HalfNormal { sd })
    }
}

impl Listed for HalfNormal {
    const NAME: &'static str = "half_normal";
    const ABOUT: &'static str = "sd of the normal law";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[("sd", None)];

    fn of(numbers: &[f64]) -> Result<Self> {
        HalfNormal::new(numbers[0])
    }
}

impl Law for HalfNormal {
    fn support(&self) -> [f64; 2] {
        [0.0, f64::INFINITY]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        match theta >= 0.0 {
            true => normal_ln_pdf(theta / self.sd) - self.sd.ln() + 2.0_f64.ln(),
            false => f64::NEG_INFINITY,
        }
    }

    fn cdf(&self, theta: f64) -> f64 {
        libm::erf(theta.max(0.0) / self.sd * std::f64::consts::FRAC_1_SQRT_2)
    }

    fn survival(&self, theta: f64) -> f64 {
        2.0 * normal_cdf(-theta.max(0.0) / self.sd)
    }

    fn quantile(&self, p: f64) -> f64 {
        // erf^-1 of small numbers by Newton's method from its slope at 0, 1/2 of the law being below 0.67 sd.
        let root = crate::special::increasing_root(0.0, 2.0, p * (std::f64::consts::PI / 2.0).sqrt(), |z| {
            (libm::erf(z * std::f64::consts::FRAC_1_SQRT_2) - p, 2.0 * normal_ln_pdf(z).exp())
        });
        self.sd * root
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        -self.sd * normal_quantile(0.5 * q)
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some(-theta / (self.sd * self.sd))
    }

    fn toml(&self) -> Option<String> {
        Some(format!("{{ half_normal = {:?} }}", self.sd))
    }
}
