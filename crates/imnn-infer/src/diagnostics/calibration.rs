//! All that calibration looks at, together.

use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array2, Array3, ArrayView1, ArrayView2, ArrayView3};

use super::Verdict;
use super::coverage::Coverage;
use super::sbc::Sbc;
use super::tarp::Tarp;
use crate::error::Result;

/// The calibration of a method: its posteriors for simulations whose parameters are known, by ranks, coverage and TARP.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// Ranks of each parameter.
    pub sbc: Sbc,
    /// Coverage of highest-density regions, where densities are known.
    pub coverage: Option<Coverage>,
    /// Coverage by distances from random points.
    pub tarp: Tarp,
    /// Names of the parameters.
    pub names: Vec<String>,
    /// The truths, `(pairs, p)`.
    pub theta: Array2<f64>,
    /// Posterior means, `(pairs, p)`.
    pub mean: Array2<f64>,
    /// Posterior standard deviations, `(pairs, p)`.
    pub sd: Array2<f64>,
}

impl Calibration {
    /// Calibration from truths and posterior samples, and log densities at both where there are some. 500 pairs with
    /// 1000 samples each are good numbers; the truths are draws of the prior.
    ///
    /// # Shapes
    /// `theta` `(pairs, p)`, `samples` `(pairs, n_samples, p)`, `ln_density` `(pairs)` at the truths and `(pairs,
    /// n_samples)` at the samples.
    ///
    /// # Errors
    /// Other shapes, NaN or infinity, truths or samples outside the prior, fewer than 20 pairs.
    pub fn new(
        prior: &Prior,
        theta: ArrayView2<'_, f64>,
        samples: ArrayView3<'_, f64>,
        ln_density: Option<(ArrayView1<'_, f64>, ArrayView2<'_, f64>)>,
        key: Key,
    ) -> Result<Self> {
        let sbc = Sbc::new(theta, samples)?;
        let coverage = ln_density.map(|(truth, samples)| Coverage::new(truth, samples)).transpose()?;
        let (n, n_samples, p) = samples.dim();
        let (mut phi, mut samples_phi) = (Array2::zeros((n, p)), Array3::zeros((n, n_samples, p)));
        let (mut mean, mut sd) = (Array2::zeros((n, p)), Array2::zeros((n, p)));
        for k in 0..n {
            phi.row_mut(k).assign(&prior.to_phi(&theta.row(k).to_vec())?);
            for l in 0..n_samples {
                let sample: Vec<f64> = (0..p).map(|i| samples[[k, l, i]]).collect();
                prior.to_phi(&sample)?.iter().enumerate().for_each(|(i, value)| samples_phi[[k, l, i]] = *value);
            }
            for i in 0..p {
                let column = (0..n_samples).map(|l| samples[[k, l, i]]);
                let centre = column.clone().sum::<f64>() / n_samples as f64;
                mean[[k, i]] = centre;
                sd[[k, i]] =
                    (column.map(|v| (v - centre).powi(2)).sum::<f64>() / (n_samples as f64 - 1.0).max(1.0)).sqrt();
            }
        }
        let tarp = Tarp::new(phi.view(), samples_phi.view(), 100, key)?;
        Ok(Calibration { sbc, coverage, tarp, names: prior.names().to_vec(), theta: theta.to_owned(), mean, sd })
    }

    /// The verdicts of all checks.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let coverage = self.coverage.as_ref().map(Coverage::verdict);
        std::iter::once(self.sbc.verdict(&self.names)).chain(coverage).chain([self.tarp.verdict()]).collect()
    }

    /// One verdict: good where all are. No check can say that a method is exact, only that so many pairs show no fault.
    pub fn verdict(&self) -> Verdict {
        let n = self.theta.nrows();
        let faults: Vec<String> = self.verdicts().into_iter().filter(|v| !v.good).map(|v| v.text).collect();
        match faults.is_empty() {
            true => Verdict { good: true, text: format!("calibration: no fault found with {n} pairs") },
            false => Verdict { good: false, text: format!("calibration failed with {n} pairs: {}", faults.join("; ")) },
        }
    }
}
