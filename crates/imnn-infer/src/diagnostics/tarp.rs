//! Tests of accuracy with random points: coverage by distances, without a density.

use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayView2, ArrayView3};
use rand::RngExt;

use super::Verdict;
use super::bands::Band;
use super::sbc::banded;
use crate::check;
use crate::error::{InferError, Result};

/// Shares of samples that are nearer to a random point than the truth; uniform where posteriors are right, for any
/// points that do not depend on the truth.
///
/// # References
/// Lemos, Coogan, Hezaveh & Perreault-Levasseur 2023, [arXiv:2302.03026](https://arxiv.org/abs/2302.03026).
#[derive(Clone, Debug)]
pub struct Tarp {
    /// Levels of credibility, 0 to 1.
    pub levels: Vec<f64>,
    /// The share of pairs below each level: the mean over the bootstraps.
    pub coverage: Vec<f64>,
    /// Its standard error at each level.
    pub error: Vec<f64>,
    /// The area between coverage and level above 1/2; negative where posteriors are overconfident.
    pub area: f64,
    /// Its standard error.
    pub area_error: f64,
    /// Shares of the first set of points below each point of the band.
    pub counts: Vec<usize>,
    /// The band in which these counts are with probability 0.95, all of them.
    pub band: Band,
}

/// The share of samples that are nearer to a reference than the truth, for each pair.
///
/// # Shapes
/// `theta` and `references` `(pairs, p)`, `samples` `(pairs, n_samples, p)`.
///
/// # Errors
/// Other shapes, NaN or infinity.
pub fn shares(
    theta: ArrayView2<'_, f64>,
    samples: ArrayView3<'_, f64>,
    references: ArrayView2<'_, f64>,
) -> Result<Array1<f64>> {
    let (n, p) = theta.dim();
    if samples.shape()[0] != n || samples.shape()[2] != p || samples.shape()[1] == 0 {
        return Err(InferError::shape("samples", samples.shape(), format!("[{n}, samples, {p}]")));
    }
    check::shape("references", references.shape(), &[n, p])?;
    check::finite("theta", &theta)?;
    check::finite("samples", &samples)?;
    check::finite("references", &references)?;
    let n_samples = samples.shape()[1];
    Ok((0..n).map(|k| nearer(theta, samples, references, k) as f64 / n_samples as f64).collect())
}

fn nearer(
    theta: ArrayView2<'_, f64>,
    samples: ArrayView3<'_, f64>,
    references: ArrayView2<'_, f64>,
    k: usize,
) -> usize {
    let p = theta.ncols();
    let truth: f64 = (0..p).map(|i| (theta[[k, i]] - references[[k, i]]).powi(2)).sum();
    let near = |l: &usize| (0..p).map(|i| (samples[[k, *l, i]] - references[[k, i]]).powi(2)).sum::<f64>() < truth;
    (0..samples.shape()[1]).filter(near).count()
}

/// The share of values below each of `bins + 1` levels; a value of 1 is below the last alone.
pub fn curve(shares: impl Iterator<Item = f64> + Clone, bins: usize) -> Vec<f64> {
    let n = shares.clone().count() as f64;
    // Shares are multiples of 1 / n_samples and may lie on a level; these are rounded as numpy's histograms round them.
    let edge = |b: usize| b as f64 * (1.0 / bins as f64);
    (0..=bins)
        .map(|b| match b == bins {
            true => 1.0,
            false => shares.clone().filter(|share| *share < edge(b)).count() as f64 / n,
        })
        .collect()
}

/// The area between a curve and the diagonal above 1/2, by the trapezium rule.
fn area(curve: &[f64]) -> f64 {
    let bins = curve.len() - 1;
    let difference = |b: usize| curve[b] - b as f64 / bins as f64;
    (bins.div_ceil(2)..bins).map(|b| 0.5 * (difference(b) + difference(b + 1)) / bins as f64).sum()
}

impl Tarp {
    /// The test with points drawn from the prior, in the coordinates in which it is standard normal: truths and samples
    /// are given in these, where all parameters have one scale. Errors are from bootstraps over pairs, each with points
    /// of its own.
    ///
    /// # Shapes
    /// `phi` `(pairs, p)`, `samples` `(pairs, n_samples, p)`.
    ///
    /// # Errors
    /// Other shapes, NaN or infinity, fewer than 20 pairs or 2 bootstraps.
    pub fn new(phi: ArrayView2<'_, f64>, samples: ArrayView3<'_, f64>, bootstraps: usize, key: Key) -> Result<Self> {
        const BINS: usize = 20;
        let (n, p) = phi.dim();
        if n < 20 || bootstraps < 2 {
            return Err(InferError::TooFew {
                what: "pairs and bootstraps for TARP".into(),
                found: n.min(bootstraps),
                least: if n < 20 { 20 } else { 2 },
                advice: "keep more pairs from training; 500 are a good number".into(),
            });
        }
        let references = |key: Key| {
            let mut z = vec![0.0; n * p];
            key.fill_normal(&mut z);
            Array2::from_shape_fn((n, p), |(k, i)| z[k * p + i])
        };
        let [first, rest] = key.split();
        let points = references(first);
        // Checks all arrays.
        shares(phi, samples, points.view())?;
        let ranks: Vec<usize> = (0..n).map(|k| nearer(phi, samples, points.view(), k)).collect();
        let n_samples = samples.shape()[1];
        let (band, counts) = banded(&ranks, n_samples, BINS)?;
        let mut curves = Vec::with_capacity(bootstraps);
        for b in 0..bootstraps {
            let [points, chosen] = rest.fold_in(b as u64).split();
            let points = references(points);
            let mut rng = chosen.rng();
            let rows: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
            let shares = rows.iter().map(|&k| nearer(phi, samples, points.view(), k) as f64 / n_samples as f64);
            curves.push(curve(shares.collect::<Vec<f64>>().into_iter(), BINS));
        }
        let m = bootstraps as f64;
        let spread = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / m;
            (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (m - 1.0)).sqrt())
        };
        let at = |level: usize| spread(&curves.iter().map(|curve| curve[level]).collect::<Vec<f64>>());
        let (coverage, error) = (0..=BINS).map(at).unzip();
        let (area, area_error) = spread(&curves.iter().map(|curve| area(curve)).collect::<Vec<f64>>());
        let levels = (0..=BINS).map(|b| b as f64 / BINS as f64).collect();
        Ok(Tarp { levels, coverage, error, area, area_error, counts, band })
    }

    /// Whether coverage is what it says: inside the band, and an area within 3 of its errors of 0.
    pub fn verdict(&self) -> Verdict {
        let good = self.band.holds(&self.counts) && self.area.abs() < 3.0 * self.area_error.max(1e-12);
        let said = match (good, self.area < 0.0) {
            (true, _) => format!("no fault found with {} pairs", self.band.n),
            (false, true) => "posteriors are overconfident or shifted".to_owned(),
            (false, false) => "posteriors are too wide or shifted".to_owned(),
        };
        Verdict { good, text: format!("TARP: area {:+.4} ± {:.4}; {said}", self.area, self.area_error) }
    }
}
