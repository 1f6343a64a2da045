//! The beta law on an interval.

use super::listed::Listed;
use super::{normal::positive, uniform::check_interval};
use crate::error::Result;
use crate::law::Law;
use crate::special::{beta_lower, increasing_root, ln_beta};

/// `p(theta) = y^(a-1) (1-y)^(b-1) / (B(a, b) (high - low))` with `y = (theta - low) / (high - low)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beta {
    a: f64,
    b: f64,
    low: f64,
    high: f64,
}

impl Beta {
    /// The law with exponents `a - 1` and `b - 1` between two finite numbers.
    ///
    /// # Errors
    /// [`PriorError::Setting`](crate::PriorError::Setting) for exponents that are not positive and finite, or bounds
    /// that are not finite and in order.
    pub fn new(a: f64, b: f64, low: f64, high: f64) -> Result<Self> {
        positive(Self::NAME, "a", a)?;
        positive(Self::NAME, "b", b)?;
        check_interval(Self::NAME, low, high)?;
        Ok(Beta { a, b, low, high })
    }

    /// The distances from the lower and the upper end, as shares of the interval.
    fn shares(&self, theta: f64) -> [f64; 2] {
        let width = self.high - self.low;
        [((theta - self.low) / width).clamp(0.0, 1.0), ((self.high - theta) / width).clamp(0.0, 1.0)]
    }
}

/// `I_y(a, b)`, from the side on which `y` or `1 - y` has its digits.
fn below(a: f64, b: f64, [y, rest]: [f64; 2]) -> f64 {
    if y <= 0.5 { beta_lower(a, b, y) } else { 1.0 - beta_lower(b, a, rest) }
}

/// The `y` with `I_y(a, b) = p`: in logarithms, because `I_y` goes as `y^a` near 0.
fn quantile(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    let norm = ln_beta(a, b);
    // I_y is near y^a / (a B) for small y.
    let start = ((p.ln() + a.ln() + norm) / a).min(-1e-3);
    let ln_y = increasing_root(-745.0, 0.0, start, |t| {
        let y = t.exp();
        let value = beta_lower(a, b, y);
        if value <= 0.0 {
            return (f64::MIN, 1.0);
        }
        let ln_slope = a * t + (b - 1.0) * (-y).ln_1p() - norm;
        (value.ln() - p.ln(), (ln_slope - value.ln()).exp())
    });
    ln_y.exp()
}

impl Listed for Beta {
    const NAME: &'static str = "beta";
    const ABOUT: &'static str = "[a, b] or [a, b, low, high]";
    const KEYS: &'static [(&'static str, Option<f64>)] =
        &[("a", None), ("b", None), ("low", Some(0.0)), ("high", Some(1.0))];

    fn of(numbers: &[f64]) -> Result<Self> {
        Beta::new(numbers[0], numbers[1], numbers[2], numbers[3])
    }
}

impl Law for Beta {
    fn support(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        if theta < self.low || theta > self.high || theta.is_nan() {
            return f64::NEG_INFINITY;
        }
        let [y, rest] = self.shares(theta);
        // An exponent of 0 leaves nothing, also at the end itself.
        let power = |exponent: f64, y: f64| if exponent == 0.0 { 0.0 } else { exponent * y.ln() };
        power(self.a - 1.0, y) + power(self.b - 1.0, rest) - ln_beta(self.a, self.b) - (self.high - self.low).ln()
    }

    fn cdf(&self, theta: f64) -> f64 {
        below(self.a, self.b, self.shares(theta))
    }

    fn survival(&self, theta: f64) -> f64 {
        let [y, rest] = self.shares(theta);
        below(self.b, self.a, [rest, y])
    }

    fn quantile(&self, p: f64) -> f64 {
        self.low + (self.high - self.low) * quantile(self.a, self.b, p)
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        self.high - (self.high - self.low) * quantile(self.b, self.a, q)
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some((self.a - 1.0) / (theta - self.low) - (self.b - 1.0) / (self.high - theta))
    }

    fn toml(&self) -> Option<String> {
        Self::written(&[self.a, self.b, self.low, self.high])
    }
}
