//! The normal law between two bounds.

use super::listed::Listed;
use super::normal;
use crate::error::{PriorError, Result};
use crate::law::Law;
use crate::special::{increasing_root, normal_between, normal_cdf, normal_ln_pdf, normal_pdf, normal_quantile, normal_span};

/// `N(theta; mean, sd^2)` between `low` and `high`, normalised there; a bound may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruncatedNormal {
    mean: f64,
    sd: f64,
    low: f64,
    high: f64,
    /// The bounds in units of the law, and the probability between them.
    ends: [f64; 2],
    between: f64,
}

impl TruncatedNormal {
    /// The law of this mean and standard deviation, those before it is cut, between two bounds.
    ///
    /// # Errors
    /// [`PriorError::Setting`] for a mean that is not finite, a deviation that is not positive, bounds that are NaN or
    /// not in order, or bounds between which the law has less than 1e-280.
    pub fn new(mean: f64, sd: f64, low: f64, high: f64) -> Result<Self> {
        normal::check(Self::NAME, mean, sd)?;
        if low.is_nan() {
            return Err(PriorError::setting(Self::NAME, "low", low, "a number"));
        }
        if high.is_nan() || high <= low {
            return Err(PriorError::setting(Self::NAME, "high", high, format!("a number above low = {low:?}")));
        }
        let ends = [(low - mean) / sd, (high - mean) / sd];
        let between = normal_between(ends[0], ends[1]);
        if between.is_nan() || between < 1e-280 {
            let reach = format!("nearer to the bounds {low:?} and {high:?}: the law has nothing between them");
            return Err(PriorError::setting(Self::NAME, "mean", mean, reach));
        }
        Ok(TruncatedNormal { mean, sd, low, high, ends, between })
    }

    /// The probability between an end of the law, in its units and mirrored so that it is the lower one, and a value at
    /// this distance from it.
    fn share(&self, end: f64, distance: f64) -> f64 {
        normal_span(end, distance.clamp(0.0, self.ends[1] - self.ends[0])) / self.between
    }

    /// The distance from an end (as in [`share`](Self::share)) at which the probability is `p`, or from the middle of
    /// the law where that end is infinite.
    fn distance(&self, end: f64, p: f64) -> f64 {
        let target = p * self.between;
        // In logarithms, so that small probabilities are found to all digits.
        let f = |below: f64, z: f64| (below.ln() - target.ln(), normal_pdf(z) / below);
        if end.is_infinite() {
            return increasing_root(-40.0, 40.0, normal_quantile(target), |z| f(normal_cdf(z), z));
        }
        let width = (self.ends[1] - self.ends[0]).min(80.0);
        increasing_root(0.0, width, target / normal_pdf(end), |d| f(normal_span(end, d), end + d))
    }
}

impl Listed for TruncatedNormal {
    const NAME: &'static str = "truncated_normal";
    const ABOUT: &'static str = "{ mean, sd, low, high }, or these as a list";
    const KEYS: &'static [(&'static str, Option<f64>)] =
        &[("mean", None), ("sd", None), ("low", Some(f64::NEG_INFINITY)), ("high", Some(f64::INFINITY))];

    fn of(numbers: &[f64]) -> Result<Self> {
        TruncatedNormal::new(numbers[0], numbers[1], numbers[2], numbers[3])
    }
}

impl Law for TruncatedNormal {
    fn support(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        match theta >= self.low && theta <= self.high {
            true => normal_ln_pdf((theta - self.mean) / self.sd) - self.sd.ln() - self.between.ln(),
            false => f64::NEG_INFINITY,
        }
    }

    fn cdf(&self, theta: f64) -> f64 {
        match self.low.is_finite() {
            true => self.share(self.ends[0], (theta - self.low) / self.sd),
            false => normal_cdf((theta.min(self.high) - self.mean) / self.sd) / self.between,
        }
    }

    fn survival(&self, theta: f64) -> f64 {
        match self.high.is_finite() {
            true => self.share(-self.ends[1], (self.high - theta) / self.sd),
            false => normal_cdf((self.mean - theta.max(self.low)) / self.sd) / self.between,
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        if p <= 0.0 {
            return self.low;
        }
        let from = if self.low.is_finite() { self.low } else { self.mean };
        from + self.sd * self.distance(self.ends[0], p)
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        if q <= 0.0 {
            return self.high;
        }
        let from = if self.high.is_finite() { self.high } else { self.mean };
        from - self.sd * self.distance(-self.ends[1], q)
    }

    fn ln_density_slope(&self, theta: f64) -> Option<f64> {
        Some((self.mean - theta) / (self.sd * self.sd))
    }

    fn toml(&self) -> Option<String> {
        let mut text = format!("{{ truncated_normal = {{ mean = {:?}, sd = {:?}", self.mean, self.sd);
        for (key, end) in [("low", self.low), ("high", self.high)] {
            if end.is_finite() {
                text += &format!(", {key} = {end:?}");
            }
        }
        Some(text + " } }")
    }
}
