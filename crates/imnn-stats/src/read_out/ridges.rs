//! Which ridges are tried.

use std::ops::RangeInclusive;

use crate::error::{Result, StatsError};

/// The ridge of the last features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfLast {
    /// How many these are.
    pub n: usize,
    /// The ridge, in units of the variance of each.
    pub ridge: f64,
}

/// The ridges that are tried: `10^(k/2)` for these k.
pub(super) const RIDGES: RangeInclusive<i32> = -14..=4;

/// Those among which one may leave features out.
pub(super) const WIDER: RangeInclusive<i32> = -14..=14;

/// The ridge of the first features, and that of the last if it is another.
#[derive(Clone, Copy)]
pub(super) struct Ridges {
    pub(super) first: f64,
    pub(super) of_last: Option<OfLast>,
}

impl Ridges {
    /// One ridge for all features.
    pub(super) fn same(ridge: f64) -> Self {
        Ridges { first: ridge, of_last: None }
    }

    /// That of feature k of n.
    pub(super) fn of(self, k: usize, n: usize) -> f64 {
        self.of_last.filter(|last| k + last.n >= n).map_or(self.first, |last| last.ridge)
    }
}

/// The ridge with the largest value, and that value.
pub(super) fn largest(ridges: RangeInclusive<i32>, value: impl Fn(f64) -> Result<f64>) -> Result<(f64, f64)> {
    let mut best: Result<(f64, f64)> = Err(StatsError::InsensitiveSummaries { parameter: 0, information: 0.0 });
    for ridge in ridges.map(|k| 10.0_f64.powf(0.5 * f64::from(k))) {
        match (value(ridge), &best) {
            (Ok(value), Ok((_, largest))) if value <= *largest => {}
            (Err(_), Ok(_)) => {}
            (value, _) => best = value.map(|value| (ridge, value)),
        }
    }
    best
}
