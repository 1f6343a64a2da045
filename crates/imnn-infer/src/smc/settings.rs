//! How populations follow one another, and when they end.

use crate::check;
use crate::error::{InferError, Result};

/// How populations follow one another, and when they end.
#[derive(Clone, Debug, PartialEq)]
pub struct SmcSettings {
    /// The number of particles `N`. Defaults to 1000.
    pub particles: usize,
    /// Simulations of the first population, of which the nearest `N` are kept; at least `N`. Defaults to `2 N`.
    pub first: Option<usize>,
    /// The next epsilon is the weighted quantile of the kept distances at this probability. Defaults to 0.5.
    pub alpha: f64,
    /// The largest number of simulations in all; a population that it cuts short is discarded. Defaults to 100 000.
    pub simulations: u64,
    /// It ends after a population of which a smaller share is accepted. Defaults to 0.02.
    pub least_acceptance: f64,
    /// It ends when epsilon is there. Defaults to 0: never.
    pub epsilon: f64,
    /// It ends when the next epsilon is more than this share of the last. Defaults to 0.99.
    pub least_gain: f64,
    /// Simulations in a block. Defaults to 64; results do not depend on it unless the simulator's do.
    pub block: u64,
    /// Threads; results do not depend on them. Defaults to all.
    pub threads: usize,
}

impl Default for SmcSettings {
    fn default() -> Self {
        SmcSettings {
            particles: 1000,
            first: None,
            alpha: 0.5,
            simulations: 100_000,
            least_acceptance: 0.02,
            epsilon: 0.0,
            least_gain: 0.99,
            block: 64,
            threads: crate::all_threads(),
        }
    }
}

impl SmcSettings {
    pub(super) fn check(&self) -> Result<()> {
        check::share("alpha", self.alpha)?;
        check::share("least_gain", self.least_gain)?;
        if self.particles < 10 {
            return Err(InferError::setting("particles", self.particles, "at least 10"));
        }
        if self.first.is_some_and(|first| first < self.particles) {
            return Err(InferError::setting("first", self.first, format!("at least the {} particles", self.particles)));
        }
        if !(0.0..1.0).contains(&self.least_acceptance) {
            return Err(InferError::setting("least_acceptance", self.least_acceptance, "a number from 0 to below 1"));
        }
        if self.epsilon.is_nan() || self.epsilon < 0.0 {
            return Err(InferError::setting("epsilon", self.epsilon, "not negative"));
        }
        if self.block == 0 {
            return Err(InferError::setting("block", self.block, "at least 1"));
        }
        Ok(())
    }
}

/// One population, in numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Population {
    /// All its particles are at most so far from the target.
    pub epsilon: f64,
    /// The share of its simulations that was accepted.
    pub acceptance: f64,
    /// The effective number of its particles, before they were drawn anew where they were.
    pub effective: f64,
    /// Simulations up to the last particle.
    pub simulations: u64,
}

/// Why the sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// Epsilon is what was asked for.
    Epsilon,
    /// Too few of a population were accepted.
    Acceptance,
    /// The next epsilon would hardly be less.
    Gain,
    /// All simulations are used up; the population that was begun is discarded.
    Simulations,
}
