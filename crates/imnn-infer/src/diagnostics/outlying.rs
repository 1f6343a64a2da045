//! Whether an observation lies among the simulations.

use imnn_prior::Cholesky;
use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand::RngExt;

use super::Verdict;
use crate::check;
use crate::error::{InferError, Result};
use crate::weights;

/// How many neighbours a place is compared with, of how many simulations at most, and how many simulations are compared
/// too.
const NEIGHBOURS: usize = 50;
const REFERENCE: usize = 10_000;
const COMPARED: usize = 1000;

/// How far an observation is from its neighbours among the simulations, beside how far simulations are from theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlying {
    /// The Mahalanobis distance of the observation by mean and covariance of the nearest simulations.
    pub distance: f64,
    /// The same of simulations, each left out of its own neighbours.
    pub others: Vec<f64>,
    /// The share of simulations that are as far, the observation counted with them.
    pub p: f64,
}

impl Outlying {
    /// Whether the observation lies among the simulations.
    pub fn verdict(&self) -> Verdict {
        let good = self.p >= 0.01;
        let said = if good { "lie among" } else { "do not lie among" };
        Verdict { good, text: format!("observed summaries {said} the simulated ones (p = {:.2e})", self.p) }
    }
}

/// Compares an observation with simulations at draws of the prior: the distance to its 50 nearest, in units of their
/// covariance, against the distances of up to 1000 simulations to theirs. A posterior for an observation unlike all
/// simulations is an extrapolation, whatever method it is from.
///
/// # Shapes
/// `x` `(n, q)`, `observed` `(q)`.
///
/// # Errors
/// Other shapes, NaN or infinity, fewer than 60 simulations, summaries that are functions of each other.
pub fn outlying(x: ArrayView2<'_, f64>, observed: ArrayView1<'_, f64>, key: Key) -> Result<Outlying> {
    let (n, q) = x.dim();
    check::shape("observed", observed.shape(), &[q])?;
    check::finite("x", &x)?;
    check::finite("observed", &observed)?;
    let least = (NEIGHBOURS + 10).max(3 * q);
    if n < least {
        return Err(InferError::TooFew {
            what: "simulations to compare an observation with".into(),
            found: n,
            least,
            advice: "simulate more".into(),
        });
    }
    // A random choice of so many: the first may be at special places of a design.
    let mut order: Vec<usize> = (0..n).collect();
    let mut rng = key.rng();
    for i in 0..n.min(REFERENCE) {
        order.swap(i, rng.random_range(i..n));
    }
    order.truncate(REFERENCE);
    let chosen = x.select(Axis(0), &order);
    let equal = Array1::from_elem(chosen.nrows(), 1.0 / chosen.nrows() as f64);
    let mean = weights::mean(chosen.view(), equal.view());
    let spread = weights::covariance(chosen.view(), equal.view()).diag().mapv(f64::sqrt);
    // Summaries that do not vary: the observation has the same value, or is unlike them by that alone.
    let constant = |j: usize| spread[j] <= 1e-12 * mean[j].abs().max(f64::MIN_POSITIVE);
    if (0..q).any(|j| constant(j) && (observed[j] - mean[j]).abs() > 1e-9 * mean[j].abs().max(f64::MIN_POSITIVE)) {
        return Ok(Outlying { distance: f64::INFINITY, others: vec![], p: 0.0 });
    }
    let kept: Vec<usize> = (0..q).filter(|&j| !constant(j)).collect();
    let scaled = |row: ArrayView1<'_, f64>| kept.iter().map(|&j| (row[j] - mean[j]) / spread[j]).collect::<Vec<f64>>();
    let points: Vec<Vec<f64>> = chosen.rows().into_iter().map(scaled).collect();
    let neighbours = NEIGHBOURS.max(2 * kept.len() + 1).min(points.len() - 1);
    let distance = |own: &[f64], left_out: Option<usize>| local_distance(&points, own, left_out, neighbours);
    let own = distance(&scaled(observed), None)?;
    let m = points.len().min(COMPARED);
    let others: Vec<f64> = (0..m).map(|k| distance(&points[k], Some(k))).collect::<Result<_>>()?;
    let as_far = others.iter().filter(|other| **other >= own).count();
    Ok(Outlying { distance: own, p: (as_far + 1) as f64 / (m + 1) as f64, others })
}

fn local_distance(points: &[Vec<f64>], own: &[f64], left_out: Option<usize>, neighbours: usize) -> Result<f64> {
    let square = |point: &Vec<f64>| point.iter().zip(own).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let mut near: Vec<(f64, usize)> =
        points.iter().enumerate().filter(|(k, _)| Some(*k) != left_out).map(|(k, point)| (square(point), k)).collect();
    let by_distance = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    near.select_nth_unstable_by(neighbours - 1, by_distance);
    near.truncate(neighbours);
    let q = own.len();
    let rows = Array2::from_shape_fn((neighbours, q), |(k, j)| points[near[k].1][j]);
    let equal = Array1::from_elem(neighbours, 1.0 / neighbours as f64);
    let mean = weights::mean(rows.view(), equal.view());
    let mut covariance = weights::covariance(rows.view(), equal.view());
    // Neighbours on a line leave a direction without spread: a millionth of the whole spread stands for it.
    let trace = covariance.diag().sum() / q.max(1) as f64;
    covariance.diag_mut().iter_mut().for_each(|v| *v += 1e-6 * trace + f64::MIN_POSITIVE.sqrt());
    let factor = Cholesky::new(covariance.view()).ok_or_else(|| InferError::Singular {
        what: "the covariance of neighbouring simulations".into(),
        advice: "some summaries are functions of others; leave them out".into(),
    })?;
    let d: Array1<f64> = own.iter().zip(&mean).map(|(a, b)| a - b).collect();
    Ok(factor.squared_length(d.view()).sqrt())
}
