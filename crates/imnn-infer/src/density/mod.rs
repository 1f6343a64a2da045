//! Densities of samples on grids, for plots: kernel estimates that keep what a hard bound cuts off inside, and levels
//! that enclose a share of the mass.

mod all;
mod bandwidth;
pub mod contours;
mod line;
mod plane;

use ndarray::{Array1, ArrayView1};

use crate::error::{InferError, Result};
use crate::posterior::Posterior;

pub use all::Densities;
pub use bandwidth::bandwidth;
pub use contours::contours;
pub use line::Density1;
pub use plane::Density2;

/// With fewer effective samples than these a density is not worth drawing: draw the points.
pub const FEWEST: f64 = 300.0;

/// The marginal density of parameter `i`.
///
/// # Errors
/// If there is no such parameter, or all samples have one value of it.
pub fn marginal(posterior: &Posterior, i: usize) -> Result<Density1> {
    check_parameter(posterior, i)?;
    let weights = posterior.weights();
    let independent = independent(posterior);
    Density1::estimate(posterior.samples().column(i), weights.view(), independent, posterior.ranges()[i])
}

/// The marginal density of parameters `i` and `j`.
///
/// # Errors
/// As [`marginal`], and for `i = j`.
pub fn marginal_of_two(posterior: &Posterior, i: usize, j: usize) -> Result<Density2> {
    check_parameter(posterior, i)?;
    check_parameter(posterior, j)?;
    if i == j {
        return Err(InferError::setting("parameters", [i, j], "two different ones"));
    }
    let (samples, weights) = (posterior.samples(), posterior.weights());
    let columns = [samples.column(i), samples.column(j)];
    let ranges = [posterior.ranges()[i], posterior.ranges()[j]];
    Density2::estimate(columns, weights.view(), independent(posterior), ranges)
}

fn check_parameter(posterior: &Posterior, i: usize) -> Result<()> {
    match i < posterior.n_params() {
        true => Ok(()),
        false => Err(InferError::setting("parameter", i, format!("a number below {}", posterior.n_params()))),
    }
}

/// How many independent samples the samples are worth: by their weights, and for chains by their autocorrelation.
fn independent(posterior: &Posterior) -> f64 {
    let by_weights = posterior.effective_samples();
    if posterior.n_chains() == 1 {
        return by_weights;
    }
    let (chains, n) = (posterior.n_chains(), posterior.n_samples() / posterior.n_chains());
    let samples = posterior.samples();
    let least = (0..posterior.n_params())
        .map(|i| {
            let draws = ndarray::Array2::from_shape_fn((chains, n), |(c, k)| samples[[c * n + k, i]]);
            crate::samplers::chains::ChainStatistics::new(draws.view()).bulk
        })
        .fold(f64::INFINITY, f64::min);
    if least.is_nan() { by_weights } else { least.clamp(1.0, by_weights) }
}

/// Where a density is looked at: the range of the samples and some more, cut at hard bounds that are within it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    fn of(values: ArrayView1<'_, f64>, weights: ArrayView1<'_, f64>, [low, high]: [f64; 2]) -> Result<Self> {
        let some = values.iter().zip(weights).filter(|(_, w)| **w > 0.0).map(|(v, _)| *v);
        let (least, most) = some.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (v.min(l), v.max(h)));
        let width = most - least;
        if width.is_nan() || width <= 1e-14 * least.abs().max(most.abs()) || width == 0.0 {
            return Err(InferError::NoMass {
                method: "density",
                reason: format!("all samples of a parameter have the value {least}"),
            });
        }
        let (from, to) = (least - 0.1 * width, most + 0.1 * width);
        Ok(Span {
            low: if low > from { low.min(least) } else { from },
            high: if high < to { high.max(most) } else { to },
        })
    }

    fn width(self) -> f64 {
        self.high - self.low
    }

    fn nodes(self, n: usize) -> Array1<f64> {
        let step = self.width() / (n - 1) as f64;
        // The last node is the end itself, which a hard bound may be.
        (0..n).map(|k| if k == n - 1 { self.high } else { self.low + k as f64 * step }).collect()
    }

    /// The node below a value and how far above it the value is, in steps.
    fn place(self, value: f64, n: usize) -> (usize, f64) {
        let at = ((value - self.low) / self.width() * (n - 1) as f64).clamp(0.0, (n - 1) as f64);
        let k = (at.floor() as usize).min(n - 2);
        (k, at - k as f64)
    }
}

/// How much wider than the best kernel of a plain estimate one is whose bias is taken away to the next order: its own best width
/// falls as `n^(-1/9)` in one dimension and as `n^(-1/10)` in two (Lewis 2019, arXiv:1910.13970); this is less than that, because
/// posteriors have narrow features too.
const WIDER: f64 = 1.5;

/// Half the weight at the two ends: each node stands for what is nearer to it than to others.
fn share(k: usize, n: usize) -> f64 {
    if k == 0 || k == n - 1 { 0.5 } else { 1.0 }
}
