//! Bands that an empirical distribution function stays inside of as a whole.

use imnn_prior::special::ln_gamma;

use crate::check;
use crate::error::{InferError, Result};

/// A band about a uniform distribution function at several points: with probability `coverage` the empirical
/// distribution function of `n` uniform values is inside at all points at once.
///
/// At each point the count below it is binomial; the band takes the quantiles `gamma/2` and `1 - gamma/2` of all of
/// these, with the largest gamma for which they hold together, found by the exact recursion over the points.
///
/// # References
/// Säilynoja, Bürkner & Vehtari 2022, [arXiv:2103.10522](https://arxiv.org/abs/2103.10522), section 2.1.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// The number of values.
    pub n: usize,
    /// The points, rising, in (0, 1].
    pub points: Vec<f64>,
    /// The probability of each interval by itself is at least `1 - gamma`.
    pub gamma: f64,
    /// The least and the largest count below each point.
    pub counts: Vec<[usize; 2]>,
}

impl Band {
    /// The band at `k` equidistant points `1/k, ..., 1`.
    ///
    /// # Errors
    /// As [`at`](Band::at).
    pub fn new(n: usize, k: usize, coverage: f64) -> Result<Self> {
        Band::at(n, (1..=k).map(|i| i as f64 / k as f64).collect(), coverage)
    }

    /// The band at given points.
    ///
    /// # Errors
    /// No values, points that do not rise in (0, 1], a coverage that is not inside (0, 1).
    pub fn at(n: usize, points: Vec<f64>, coverage: f64) -> Result<Self> {
        check::share("coverage", coverage)?;
        if n == 0 || coverage >= 1.0 {
            return Err(InferError::setting(
                "n and coverage",
                (n, coverage),
                "at least one value, and a coverage below 1",
            ));
        }
        let rise = points.windows(2).all(|pair| pair[0] < pair[1]);
        if points.is_empty() || !rise || points[0] <= 0.0 || points[points.len() - 1] > 1.0 {
            return Err(InferError::setting("points", points, "points that rise in (0, 1]"));
        }
        let ln_factorials: Vec<f64> = (0..=n).map(|k| ln_gamma(k as f64 + 1.0)).collect();
        let (mut low, mut high) = (0.0, 1.0 - coverage);
        // The probability that all hold falls with gamma, in steps; one interval alone is not above its own.
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            let counts = intervals(n, &points, middle, &ln_factorials);
            if probability(n, &points, &counts, &ln_factorials) >= coverage { low = middle } else { high = middle }
        }
        let counts = intervals(n, &points, low, &ln_factorials);
        Ok(Band { n, points, gamma: low, counts })
    }

    /// Whether counts below the points are all inside.
    pub fn holds(&self, counts: &[usize]) -> bool {
        counts.iter().zip(&self.counts).all(|(count, [low, high])| count >= low && count <= high)
    }

    /// The probability that all intervals hold.
    pub fn probability(&self) -> f64 {
        let ln_factorials: Vec<f64> = (0..=self.n).map(|k| ln_gamma(k as f64 + 1.0)).collect();
        probability(self.n, &self.points, &self.counts, &ln_factorials)
    }
}

fn ln_binomial(n: usize, k: usize, p: f64, ln_factorials: &[f64]) -> f64 {
    let term = |k: usize, ln: f64| if k == 0 { 0.0 } else { k as f64 * ln };
    ln_factorials[n] - ln_factorials[k] - ln_factorials[n - k] + term(k, p.ln()) + term(n - k, (-p).ln_1p())
}

/// The quantiles of the binomial counts.
fn intervals(n: usize, points: &[f64], gamma: f64, ln_factorials: &[f64]) -> Vec<[usize; 2]> {
    let of = |p: f64| {
        if p >= 1.0 {
            return [n, n];
        }
        let (mut sum, mut low, mut high) = (0.0, None, n);
        for k in 0..=n {
            sum += ln_binomial(n, k, p, ln_factorials).exp();
            if low.is_none() && sum >= 0.5 * gamma {
                low = Some(k);
            }
            if sum >= 1.0 - 0.5 * gamma {
                high = k;
                break;
            }
        }
        [low.unwrap_or(0), high]
    };
    points.iter().map(|&p| of(p)).collect()
}

/// The probability of paths of counts that stay in all intervals: the count at a point is that before it and a binomial
/// number of those that are left.
fn probability(n: usize, points: &[f64], intervals: &[[usize; 2]], ln_factorials: &[f64]) -> f64 {
    let (mut before, mut paths) = (0.0, vec![(0_usize, 1.0)]);
    for (&point, &[low, high]) in points.iter().zip(intervals) {
        if point >= 1.0 {
            break;
        }
        let share = (point - before) / (1.0 - before);
        before = point;
        let to = |count: usize| {
            let from = |(earlier, p): &(usize, f64)| match count >= *earlier {
                true => p * ln_binomial(n - earlier, count - earlier, share, ln_factorials).exp(),
                false => 0.0,
            };
            paths.iter().map(from).sum::<f64>()
        };
        paths = (low..=high).map(|count| (count, to(count))).collect();
    }
    paths.iter().map(|(_, p)| p).sum()
}
