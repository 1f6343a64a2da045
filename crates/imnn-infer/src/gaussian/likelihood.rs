//! The likelihood of an estimate: a normal law, or a t law.

use imnn_prior::Cholesky;
use imnn_prior::special::{ln_gamma, normal_pdf};
use imnn_sim::KeyRng;
use imnn_sim::rand_distr::{ChiSquared, Distribution, StandardNormal};
use ndarray::{Array1, Array2, ArrayView2};
use std::f64::consts::{PI, TAU};

use super::options::{GaussianOptions, Widening};
use crate::error::{InferError, Result};

/// `N(theta_hat; theta, F^-1)`, or the t law in its place; symmetric in both.
#[derive(Clone, Debug)]
pub(crate) struct Likelihood {
    fisher: Array2<f64>,
    /// Of the covariance, or of the scale of the t law.
    factor: Cholesky,
    scale: Array2<f64>,
    /// Degrees of freedom of the t law.
    freedom: Option<f64>,
}

impl Likelihood {
    pub(crate) fn new(fisher: ArrayView2<'_, f64>, options: &GaussianOptions) -> Result<Self> {
        let p = fisher.nrows();
        let singular = || InferError::Singular {
            what: format!("the Fisher information ({p} x {p})"),
            advice: "the summaries cannot tell the parameters apart; take another network or fewer parameters".into(),
        };
        for (i, j) in (0..p).flat_map(|i| (0..i).map(move |j| (i, j))) {
            if (fisher[[i, j]] - fisher[[j, i]]).abs() > 1e-8 * (fisher[[i, i]] * fisher[[j, j]]).abs().sqrt() {
                return Err(InferError::Singular {
                    what: format!("the Fisher information ({p} x {p})"),
                    advice: format!(
                        "[{i}, {j}] and [{j}, {i}] are {} and {}, it has to be symmetric",
                        fisher[[i, j]],
                        fisher[[j, i]]
                    ),
                });
            }
        }
        let mut fisher = fisher.to_owned();
        let (mut widen, mut freedom) = (1.0, None);
        match options.widening {
            Widening::None => {}
            Widening::Hartlap { n_s, n_summaries } => {
                if n_s <= n_summaries + 2 {
                    let allowed = format!("more than n_summaries + 2 = {}", n_summaries + 2);
                    return Err(InferError::setting("n_s", n_s, allowed));
                }
                fisher *= (n_s - n_summaries - 2) as f64 / (n_s - 1) as f64;
            }
            Widening::StudentT { n_s } => {
                if n_s <= p {
                    return Err(InferError::setting("n_s", n_s, format!("more than the {p} parameters")));
                }
                // (1 + chi2/(n_s - 1))^(-n_s/2) is the t law of nu = n_s - p with the scale F^-1 (n_s - 1) / nu.
                let nu = (n_s - p) as f64;
                widen = (n_s - 1) as f64 / nu;
                freedom = Some(nu);
            }
        }
        let scale = Cholesky::new(fisher.view()).ok_or_else(singular)?.inverse() * widen;
        let factor = Cholesky::new(scale.view()).ok_or_else(singular)?;
        Ok(Likelihood { fisher, factor, scale, freedom })
    }

    pub(crate) fn is_normal(&self) -> bool {
        self.freedom.is_none()
    }

    /// F, with Hartlap's factor where it is asked for.
    pub(crate) fn fisher(&self) -> ArrayView2<'_, f64> {
        self.fisher.view()
    }

    /// The covariance of the normal law, the scale of the t law.
    pub(crate) fn scale(&self) -> ArrayView2<'_, f64> {
        self.scale.view()
    }

    pub(crate) fn ln_density(&self, estimate: &Array1<f64>, theta: &[f64]) -> f64 {
        let d: Array1<f64> = estimate.iter().zip(theta).map(|(a, b)| a - b).collect();
        let (p, chi2) = (d.len() as f64, self.factor.squared_length(d.view()));
        let half_ln_det = 0.5 * self.factor.ln_det();
        match self.freedom {
            None => -0.5 * (chi2 + p * TAU.ln()) - half_ln_det,
            Some(nu) => {
                let norm = ln_gamma(0.5 * (nu + p)) - ln_gamma(0.5 * nu) - 0.5 * p * (nu * PI).ln();
                norm - half_ln_det - 0.5 * (nu + p) * (chi2 / nu).ln_1p()
            }
        }
    }

    /// A draw of theta about the estimate.
    pub(crate) fn draw(&self, estimate: &Array1<f64>, rng: &mut KeyRng) -> Array1<f64> {
        let z: Array1<f64> = (0..estimate.len()).map(|_| StandardNormal.sample(rng)).collect();
        let stretch = match self.freedom.map(|nu| (nu, ChiSquared::new(nu))) {
            Some((nu, Ok(chi2))) => (nu / chi2.sample(rng)).sqrt(),
            _ => 1.0,
        };
        self.factor.times(z.view()) * stretch + estimate
    }

    /// How far from the estimate, in standard deviations, anything is left.
    pub(crate) fn reach(&self) -> f64 {
        if self.is_normal() { 9.0 } else { 60.0 }
    }

    /// Density of the second parameter given the first, for two parameters and the normal law: mean and deviation of
    /// it.
    pub(crate) fn conditional(&self, estimate: &Array1<f64>, given: usize, value: f64) -> (f64, f64) {
        let other = 1 - given;
        let slope = self.scale[[0, 1]] / self.scale[[given, given]];
        let variance = self.scale[[other, other]] - slope * self.scale[[0, 1]];
        (estimate[other] + slope * (value - estimate[given]), variance.max(0.0).sqrt())
    }

    /// The density of one parameter alone, normal law.
    pub(crate) fn alone(&self, estimate: &Array1<f64>, i: usize, value: f64) -> f64 {
        let sd = self.scale[[i, i]].sqrt();
        normal_pdf((value - estimate[i]) / sd) / sd
    }
}
