//! The posterior that accepted simulations are.

use ndarray::{Array1, Array2, Axis};

use super::accept::Accept;
use super::adjust::{Adjust, adjusted};
use super::rejection::Abc;
use crate::caution::Caution;
use crate::error::{InferError, Result};
use crate::posterior::Posterior;
use crate::weights::{effective_number, normalised};

impl Abc<'_> {
    /// The posterior of a target from the accepted simulations, adjusted by regression or as they are. Parameters of
    /// several proposals are weighted by prior over proposal.
    ///
    /// Where the adjustment cannot be made the samples are as they are, and a caution says why.
    ///
    /// # Errors
    /// As [`accepted`](Self::accepted), and if all of these lie outside the prior.
    pub fn posterior(&self, target: usize, accept: &Accept, adjust: Adjust) -> Result<Posterior> {
        let accepted = self.accepted(target, accept)?;
        let mut cautions: Vec<Caution> = self.pairs.dropped().cloned().into_iter().map(|c| self.named(c)).collect();
        let is_inside = |k: &usize| self.prior.contains(&self.pairs.theta().row(*k).to_vec());
        let (rows, distances): (Vec<usize>, Vec<f64>) =
            accepted.rows.iter().zip(&accepted.distances).filter(|(k, _)| is_inside(k)).map(|(&k, &d)| (k, d)).unzip();
        let outside = accepted.rows.len() - rows.len();
        if rows.is_empty() {
            return Err(InferError::NoMass {
                method: "abc",
                reason: format!(
                    "all {outside} accepted pairs lie outside the prior; does it have the order and units of the parameters of \
                     the pairs?"
                ),
            });
        }
        if outside > 0 {
            cautions.push(Caution::OutsidePrior { n: outside, of: accepted.rows.len() });
        }
        let theta = self.pairs.theta().select(Axis(0), &rows);
        let weights = self.pairs.ln_proposal().map(|ln_proposal| {
            let ln: Vec<f64> = rows
                .iter()
                .zip(theta.rows())
                .map(|(&k, theta)| self.prior.ln_density(&theta.to_vec()) - ln_proposal[k])
                .collect();
            normalised(&ln)
        });
        let constant = self.pairs.constant_summaries();
        if !constant.is_empty() {
            cautions.push(Caution::ConstantSummaries { columns: constant });
        }
        let moved = match adjust {
            Adjust::None => None,
            how => match self.moved(target, &rows, &distances, accepted.epsilon, weights.as_ref(), how) {
                Ok(moved) => Some(moved),
                Err(reason) => {
                    cautions.push(Caution::NotAdjusted { reason });
                    None
                }
            },
        };
        let is_adjusted = moved.is_some();
        let (samples, weights) = match moved {
            None => (theta, weights),
            Some((samples, weights)) => {
                let allowed: Vec<usize> =
                    (0..samples.nrows()).filter(|&k| self.prior.contains(&samples.row(k).to_vec())).collect();
                let left = samples.nrows() - allowed.len();
                if left > 0 {
                    cautions.push(Caution::AdjustedOutside { share: left as f64 / samples.nrows() as f64 });
                }
                (samples.select(Axis(0), &allowed), Some(weights.select(Axis(0), &allowed)))
            }
        };
        let method = if is_adjusted { "abc, adjusted" } else { "abc" };
        let mut posterior = Posterior::under(self.prior, method, samples)?;
        if let Some(weights) = weights {
            posterior = posterior.with_weights(weights)?;
        }
        let effective = posterior.effective_samples();
        if effective < 100.0 {
            cautions.push(Caution::FewAccepted { n: effective.round() as usize });
        }
        if self.distance.is_fisher() && !is_adjusted {
            let factor = self.widening(accepted.epsilon);
            cautions.push(Caution::Widened { epsilon: accepted.epsilon, factor });
        }
        posterior.cautions = cautions;
        Ok(posterior)
    }

    /// By which factor variances are too wide at an epsilon of the Fisher distance, near the fiducial and without
    /// adjustment: `1 + epsilon^2 / (d + 2)`; exact for Gaussian estimates under a flat prior.
    pub fn widening(&self, epsilon: f64) -> f64 {
        1.0 + epsilon * epsilon / (self.targets.ncols() as f64 + 2.0)
    }

    /// Samples moved by regression, with the weights of the regression.
    fn moved(
        &self,
        target: usize,
        rows: &[usize],
        distances: &[f64],
        epsilon: f64,
        weights: Option<&Array1<f64>>,
        how: Adjust,
    ) -> std::result::Result<(Array2<f64>, Array1<f64>), String> {
        let mut phi = Array2::zeros((rows.len(), self.prior.n_params()));
        for (mut row, &k) in phi.rows_mut().into_iter().zip(rows) {
            row.assign(&self.prior.to_phi(&self.pairs.theta().row(k).to_vec()).map_err(|error| error.to_string())?);
        }
        // Epanechnikov's kernel. The farthest of the nearest n would have the weight 0: it bounds them from just
        // outside.
        let bound = epsilon * (1.0 + 1e-9);
        let kernel: Array1<f64> = distances.iter().map(|d| (1.0 - (d / bound).powi(2)).max(0.0)).collect();
        let kernel = weights.map_or(kernel.clone(), |weights| weights * &kernel);
        if effective_number(kernel.view()) < 2.0 {
            return Err("all accepted simulations are at the same distance".into());
        }
        let x = self.pairs.x().select(Axis(0), rows);
        let moved = adjusted(phi.view(), x.view(), self.targets.row(target), kernel.view(), how)?;
        let mut theta = Array2::zeros(moved.dim());
        for (mut row, phi) in theta.rows_mut().into_iter().zip(moved.rows()) {
            row.assign(&self.prior.to_theta(&phi.to_vec()).map_err(|error| error.to_string())?);
        }
        Ok((theta, kernel))
    }

    /// A caution with the names of the parameters in place of their numbers.
    fn named(&self, caution: Caution) -> Caution {
        match caution {
            Caution::Dropped { n, of, depends_on } => {
                let name = |(text, p): (String, f64)| {
                    let number = text.strip_prefix("parameter ").and_then(|k| k.parse::<usize>().ok());
                    let name = number.and_then(|k| self.prior.names().get(k)).cloned().unwrap_or(text);
                    (name, p)
                };
                Caution::Dropped { n, of, depends_on: depends_on.into_iter().map(name).collect() }
            }
            other => other,
        }
    }
}
