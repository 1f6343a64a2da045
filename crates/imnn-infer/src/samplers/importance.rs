//! Importance sampling from a normal or t law, or from samples with a known density.

use imnn_prior::Cholesky;
use imnn_prior::special::ln_gamma;
use imnn_sim::Key;
use imnn_sim::rand_distr::{ChiSquared, Distribution, StandardNormal};
use ndarray::{Array1, Array2, ArrayView2};
use std::f64::consts::PI;

use super::psis;
use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};
use crate::posterior::Measured;
use crate::weights::{effective_number, ln_sum_exp, normalised};

/// A multivariate t law to draw from; its tails are those that importance weights need.
#[derive(Clone, Debug)]
pub struct Proposal {
    centre: Array1<f64>,
    factor: Cholesky,
    freedom: f64,
}

impl Proposal {
    /// The t law about a centre, of this scale matrix and as many degrees of freedom.
    ///
    /// # Errors
    /// A matrix of another shape or that is not positive definite, degrees of freedom that are not positive.
    pub fn t_law(centre: Array1<f64>, scale: ArrayView2<'_, f64>, freedom: f64) -> Result<Self> {
        check::shape("scale", scale.shape(), &[centre.len(), centre.len()])?;
        check::finite("centre", &centre)?;
        if freedom.is_nan() || freedom <= 0.0 {
            return Err(InferError::setting("freedom", freedom, "a positive number"));
        }
        let factor = Cholesky::new(scale).ok_or_else(|| InferError::Singular {
            what: "the scale of the proposal".into(),
            advice: "give one that is".into(),
        })?;
        Ok(Proposal { centre, factor, freedom })
    }

    /// A draw with a key.
    pub fn draw(&self, key: Key) -> Array1<f64> {
        let mut rng = key.rng();
        let z: Array1<f64> = (0..self.centre.len()).map(|_| StandardNormal.sample(&mut rng)).collect();
        let stretch = ChiSquared::new(self.freedom).map_or(1.0, |chi2| (self.freedom / chi2.sample(&mut rng)).sqrt());
        self.factor.times(z.view()) * stretch + &self.centre
    }

    /// Its log density.
    pub fn ln_density(&self, x: &Array1<f64>) -> f64 {
        let (d, nu) = (x.len() as f64, self.freedom);
        let chi2 = self.factor.squared_length((x - &self.centre).view());
        let norm =
            ln_gamma(0.5 * (nu + d)) - ln_gamma(0.5 * nu) - 0.5 * d * (nu * PI).ln() - 0.5 * self.factor.ln_det();
        norm - 0.5 * (nu + d) * (chi2 / nu).ln_1p()
    }
}

/// Weighted samples of a density, and what their weights are worth.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// `(n, d)`.
    pub samples: Array2<f64>,
    /// Adding up to 1; smoothed in their tail.
    pub weights: Array1<f64>,
    /// Kish's effective number of samples, by the weights as they are.
    pub effective: f64,
    /// The shape of the tail of the weights; above 0.7 they cannot be relied on.
    pub k_hat: f64,
    /// The logarithm of the integral of the density, from the weights as they are.
    pub ln_evidence: Measured,
}

impl Weighted {
    /// Samples of another law with their weights.
    ///
    /// # Shapes
    /// `samples` `(n, d)`; `ln_target` and `ln_proposal` `(n)`, the logarithms of both densities at the samples.
    ///
    /// # Errors
    /// Other shapes, NaN, or a density that is 0 at all samples.
    pub fn new(samples: Array2<f64>, ln_target: &[f64], ln_proposal: &[f64]) -> Result<Self> {
        let n = samples.nrows();
        check::shape("ln_target", &[ln_target.len()], &[n])?;
        check::shape("ln_proposal", &[ln_proposal.len()], &[n])?;
        let ln: Vec<f64> = ln_target.iter().zip(ln_proposal).map(|(target, proposal)| target - proposal).collect();
        if let Some(k) = ln.iter().position(|w| w.is_nan() || *w == f64::INFINITY) {
            return Err(InferError::NotFinite { what: "ln_target - ln_proposal", index: vec![k], value: ln[k] });
        }
        let sum = ln_sum_exp(ln.iter().copied());
        if sum == f64::NEG_INFINITY {
            return Err(InferError::NoMass {
                method: "importance sampling",
                reason: format!("the density is 0 at all of {n} samples of the proposal; take one that covers it"),
            });
        }
        let effective = effective_number(normalised(&ln).view());
        let smoothed = psis::smoothed(&ln);
        // The relative error of the mean weight.
        let error = ((n as f64 / effective - 1.0).max(0.0) / n as f64).sqrt();
        Ok(Weighted {
            samples,
            weights: smoothed.ln_weights.mapv(f64::exp),
            effective,
            k_hat: smoothed.k_hat,
            ln_evidence: Measured { value: sum - (n as f64).ln(), error },
        })
    }

    /// What is to know about the weights.
    pub fn cautions(&self) -> Vec<Caution> {
        let (n, effective, k_hat) = (self.samples.nrows(), self.effective, self.k_hat);
        let few = (effective < 100.0 || effective < 0.01 * n as f64).then_some(Caution::FewEffective { effective, n });
        let heavy = (k_hat > 0.7).then_some(Caution::HeavyWeights { k_hat });
        few.into_iter().chain(heavy).collect()
    }
}

/// `n` weighted samples of a density from draws of a proposal; draw `k` depends on the key and `k` alone.
///
/// # Errors
/// As [`Weighted::new`].
pub fn importance(proposal: &Proposal, ln_density: impl Fn(&[f64]) -> f64, n: usize, key: Key) -> Result<Weighted> {
    let mut samples = Array2::zeros((n, proposal.centre.len()));
    let (mut ln_target, mut ln_proposal) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for (mut row, key) in samples.rows_mut().into_iter().zip(key.fold_in_each(0..n as u64)) {
        let draw = proposal.draw(key);
        ln_target.push(ln_density(&draw.to_vec()));
        ln_proposal.push(proposal.ln_density(&draw));
        row.assign(&draw);
    }
    Weighted::new(samples, &ln_target, &ln_proposal)
}
