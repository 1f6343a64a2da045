//! Samples and evidence of a Gaussian approximation.

use imnn_prior::Cholesky;
use imnn_prior::special::normal_ln_pdf;
use imnn_sim::Key;
use imnn_sim::rand_distr::{Distribution, StandardNormal};
use ndarray::{Array1, Array2};

use super::GaussianApproximation;
use super::likelihood::Likelihood;
use crate::error::{InferError, Result};
use crate::laplace::laplace;
use crate::posterior::{Measured, Posterior};
use crate::samplers::importance::{Proposal, importance};
use crate::weights::ln_sum_exp;

/// Draws of the likelihood by which it is measured how much of it lies inside the prior.
const MEASURE: u64 = 20_000;
/// Below this share inside the prior, rejection is given up for importance sampling.
const LEAST_INSIDE: f64 = 1e-3;

impl GaussianApproximation<'_> {
    /// `n` samples of the posterior of a target, with `ln p(theta | x_o)` and the evidence.
    ///
    /// - Normal prior: draws of the normal law that the posterior is.
    /// - Flat prior: draws of the likelihood, those outside the prior drawn anew.
    /// - Any other prior, or a likelihood of which less than a thousandth is inside: weighted samples by importance in the
    ///   prior's own coordinates, from a t law about the maximum.
    ///
    /// Draw `k` depends on the key and on `k` alone.
    ///
    /// # Errors
    /// If there is no such target, or prior and likelihood have nothing in common.
    pub fn sample(&self, target: usize, n: usize, key: Key) -> Result<Posterior> {
        let (estimate, likelihood) = self.target(target)?;
        if n == 0 {
            return Err(InferError::setting("n", n, "at least 1"));
        }
        let [draws, measure] = key.split();
        let (inside, evidence) = self.measured(&estimate, likelihood, measure)?;
        let posterior = if let Some((mean, covariance)) = self.normal(target)? {
            self.exact(&mean, &covariance, n, draws)?
        } else if self.is_flat() && inside >= LEAST_INSIDE {
            let posterior = Posterior::under(self.prior, "gaussian", self.rejected(&estimate, likelihood, n, draws)?)?;
            posterior.with_ln_evidence(evidence)
        } else {
            self.by_importance(&estimate, likelihood, n, draws)?
        };
        let ln_evidence = match self.ln_evidence_exact(target)? {
            Some(value) => Measured { value, error: 0.0 },
            None => posterior.ln_evidence().unwrap_or(evidence),
        };
        let mut ln_density = Array1::zeros(n);
        for (value, theta) in ln_density.iter_mut().zip(posterior.samples().rows()) {
            *value = self.ln_density(target, &theta.to_vec())? - ln_evidence.value;
        }
        let mut posterior = posterior.with_ln_density(ln_density)?.with_ln_evidence(ln_evidence);
        posterior.cautions.extend(self.cautions(target, 1.0 - inside)?);
        Ok(posterior)
    }

    /// `ln Z`, where it has a closed form or an integral in one dimension: normal priors, and up to two parameters
    /// without constraints.
    ///
    /// # Errors
    /// If there is no such target.
    pub fn ln_evidence_exact(&self, target: usize) -> Result<Option<f64>> {
        let (estimate, likelihood) = self.target(target)?;
        if let Some((mean, covariance)) = self.prior.as_normal().filter(|_| likelihood.is_normal()) {
            let sum = covariance + likelihood.scale();
            let difference = estimate - mean;
            return Ok(Cholesky::new(sum.view()).map(|factor| {
                let chi2 = factor.squared_length(difference.view());
                -0.5 * (chi2 + factor.ln_det() + difference.len() as f64 * std::f64::consts::TAU.ln())
            }));
        }
        Ok(self.integral(target)?.filter(|integral| *integral > 0.0).map(f64::ln))
    }

    /// Whether the prior has one density wherever it is not 0.
    fn is_flat(&self) -> bool {
        self.prior.bounds().iter().flatten().all(|end| end.is_finite())
            && self.prior.laws().iter().all(|law| {
                law.is_some_and(|law| {
                    let theta = [-1.0, 0.0, 0.7].map(|phi| law.ln_density(law.to_theta(phi)));
                    theta[0] == theta[1] && theta[1] == theta[2]
                })
            })
    }

    /// The share of the likelihood inside the prior, and the mean of the prior over the likelihood, which is the
    /// evidence.
    fn measured(&self, estimate: &Array1<f64>, likelihood: &Likelihood, key: Key) -> Result<(f64, Measured)> {
        let draws: Vec<f64> = key
            .fold_in_each(0..MEASURE)
            .map(|key| self.prior.ln_density(&likelihood.draw(estimate, &mut key.rng()).to_vec()))
            .collect();
        let inside = draws.iter().filter(|ln| ln.is_finite()).count() as f64 / MEASURE as f64;
        let n = (MEASURE as f64).ln();
        let (first, second) = (ln_sum_exp(draws.iter().copied()) - n, ln_sum_exp(draws.iter().map(|ln| 2.0 * ln)) - n);
        // The relative error of the mean is that of its logarithm.
        let error = (((second - 2.0 * first).exp() - 1.0).max(0.0) / MEASURE as f64).sqrt();
        Ok((inside, Measured { value: first, error }))
    }

    fn exact(&self, mean: &Array1<f64>, covariance: &Array2<f64>, n: usize, key: Key) -> Result<Posterior> {
        let p = mean.len();
        let mut samples = Array2::zeros((n, p));
        let factor = Cholesky::new(covariance.view()).ok_or_else(|| InferError::Singular {
            what: "the posterior covariance".into(),
            advice: "prior and likelihood differ too much in scale".into(),
        })?;
        for (mut row, key) in samples.rows_mut().into_iter().zip(key.fold_in_each(0..n as u64)) {
            let mut rng = key.rng();
            let z: Array1<f64> = (0..p).map(|_| StandardNormal.sample(&mut rng)).collect();
            row.assign(&(factor.times(z.view()) + mean));
        }
        Posterior::under(self.prior, "gaussian", samples)
    }

    /// Draws of the likelihood, each drawn anew until it is inside the prior.
    fn rejected(&self, estimate: &Array1<f64>, likelihood: &Likelihood, n: usize, key: Key) -> Result<Array2<f64>> {
        let mut samples = Array2::zeros((n, estimate.len()));
        for (mut row, key) in samples.rows_mut().into_iter().zip(key.fold_in_each(0..n as u64)) {
            let mut rng = key.rng();
            let draw = (0..1_000_000)
                .map(|_| likelihood.draw(estimate, &mut rng))
                .find(|theta| self.prior.contains(&theta.to_vec()));
            row.assign(&draw.ok_or_else(nothing_in_common)?);
        }
        Ok(samples)
    }

    fn by_importance(&self, estimate: &Array1<f64>, likelihood: &Likelihood, n: usize, key: Key) -> Result<Posterior> {
        let [starts, draws] = key.split();
        let target = |phi: &[f64]| {
            let Ok(theta) = self.prior.to_theta(phi) else { return f64::NEG_INFINITY };
            let theta = theta.to_vec();
            if !self.prior.allows(&theta) {
                return f64::NEG_INFINITY;
            }
            phi.iter().map(|&z| normal_ln_pdf(z)).sum::<f64>() + likelihood.ln_density(estimate, &theta)
                - self.prior.acceptance().value.ln()
        };
        // The best of the point of the prior nearest to the estimate and draws of the prior.
        let bounds = self.prior.bounds();
        let nearest: Vec<f64> = estimate.iter().zip(&bounds).map(|(e, [low, high])| e.clamp(*low, *high)).collect();
        let mut start = self.prior.to_phi(&nearest)?.mapv(|phi| phi.clamp(-6.0, 6.0));
        let mut best = target(&start.to_vec());
        for k in 0..1000 {
            let phi = self.prior.to_phi(&self.prior.draw(starts, k)?.to_vec())?;
            let value = target(&phi.to_vec());
            if value > best || !best.is_finite() {
                (start, best) = (phi, value);
            }
        }
        let about = laplace(&start, target).ok_or_else(nothing_in_common)?;
        let proposal = Proposal::t_law(about.mode, about.covariance.view(), 5.0)?;
        let sampled = importance(&proposal, target, n, draws)?;
        let mut samples = Array2::zeros(sampled.samples.dim());
        for (mut row, phi) in samples.rows_mut().into_iter().zip(sampled.samples.rows()) {
            row.assign(&self.prior.to_theta(&phi.to_vec())?);
        }
        let posterior = Posterior::under(self.prior, "gaussian", samples)?.with_weights(sampled.weights.clone())?;
        let cautions = sampled.cautions();
        let mut posterior = posterior.with_ln_evidence(sampled.ln_evidence);
        posterior.cautions = cautions;
        Ok(posterior)
    }
}

fn nothing_in_common() -> InferError {
    InferError::NoMass {
        method: "gaussian approximation",
        reason: "prior and likelihood have nothing in common: the estimate is many sigma outside the prior; look whether the \
                 prior has the order and units of the parameters, and whether the target is like the simulations"
            .into(),
    }
}
