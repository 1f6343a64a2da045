//! Several parameters with one multivariate normal law.

use ndarray::{Array1, Array2, ArrayView1};

use crate::cholesky::Cholesky;
use crate::error::{PriorError, Result};
use crate::special::normal_ln_pdf;

/// `theta ~ N(mean, covariance)`, with coordinates `phi = L^-1 (theta - mean)`, `covariance = L L^T`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    mean: Array1<f64>,
    factor: Cholesky,
    covariance: Array2<f64>,
}

impl Block {
    pub(crate) fn new(mean: Array1<f64>, covariance: Array2<f64>) -> Result<Self> {
        let n = mean.len();
        let refuse = |reason: String| Err(PriorError::Block { reason });
        if n == 0 || covariance.shape() != [n, n] {
            let shape = covariance.shape();
            return refuse(format!("mean has {n} values and covariance the shape {shape:?}, expected [{n}, {n}]"));
        }
        if let Some(value) = mean.iter().chain(&covariance).find(|value| !value.is_finite()) {
            return refuse(format!("mean or covariance holds {value}, expected finite numbers"));
        }
        let asymmetric = |(i, j)| {
            let (a, b): (f64, f64) = (covariance[[i, j]], covariance[[j, i]]);
            (a - b).abs() > 1e-9 * (covariance[[i, i]] * covariance[[j, j]]).abs().sqrt()
        };
        if let Some((i, j)) = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).find(|&at| asymmetric(at)) {
            let (a, b) = (covariance[[i, j]], covariance[[j, i]]);
            return refuse(format!("covariance is not symmetric: [{i}][{j}] is {a} and [{j}][{i}] is {b}"));
        }
        match Cholesky::new(covariance.view()) {
            Some(factor) => Ok(Block { mean, factor, covariance }),
            None => refuse("covariance is not positive definite; are two of its parameters the same?".to_owned()),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.mean.len()
    }

    pub(crate) fn to_phi(&self, theta: ArrayView1<'_, f64>) -> Array1<f64> {
        self.factor.whiten((&theta - &self.mean).view())
    }

    pub(crate) fn to_theta(&self, phi: ArrayView1<'_, f64>) -> Array1<f64> {
        self.factor.times(phi) + &self.mean
    }

    pub(crate) fn ln_density(&self, theta: ArrayView1<'_, f64>) -> f64 {
        self.to_phi(theta).iter().map(|&z| normal_ln_pdf(z)).sum::<f64>() - 0.5 * self.factor.ln_det()
    }

    /// The gradient by phi of a function with this gradient by theta.
    pub(crate) fn pulled_back(&self, gradient: ArrayView1<'_, f64>) -> Array1<f64> {
        self.factor.transposed_times(gradient)
    }

    /// `ln |dtheta/dphi|`.
    pub(crate) fn ln_volume(&self) -> f64 {
        0.5 * self.factor.ln_det()
    }

    pub(crate) fn toml(&self, names: &[String]) -> String {
        let rows: Vec<Vec<f64>> = self.covariance.rows().into_iter().map(|row| row.to_vec()).collect();
        format!(
            "[prior.multivariate_normal]\nparameters = {names:?}\nmean = {:?}\ncovariance = {rows:?}\n",
            self.mean.to_vec()
        )
    }
}
