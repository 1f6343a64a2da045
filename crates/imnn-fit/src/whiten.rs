//! The whitened start: covariance I before the first iteration.

use crate::error::Result;
use imnn_models::{Model, Parameters};
use imnn_sim::Real;
use imnn_stats::Statistics;
use ndarray::Array2;

/// Maps the last linear layer so that the summaries of which these are the statistics get mean 0 and covariance I.
///
/// ```text
/// x' = (x - mu) A,   A A^T = C^-1   =>   cov(x') = A^T C A = I
/// ```
///
/// An invertible linear map of the summaries carries the same information, and training need not spend its first hundreds
/// of iterations on scale alone. Returns false where the network does not end in a linear layer.
pub(crate) fn whiten<E: Real>(model: &Model, parameters: &mut Parameters<E>, statistics: &Statistics) -> Result<bool> {
    let a = cholesky(&statistics.inv_c);
    let mu: Vec<f64> = statistics.mu.to_vec();
    let a: Vec<f64> = a.iter().copied().collect();
    Ok(model.whiten_last_linear(parameters, &mu, &a)?)
}

/// The lower triangular A with `A A^T = matrix`, for a matrix already known to be symmetric and positive definite (the
/// statistics refuse any other).
fn cholesky(matrix: &Array2<f64>) -> Array2<f64> {
    let n = matrix.nrows();
    let mut a = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let rest: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] = if i == j { (matrix[[i, i]] - rest).sqrt() } else { (matrix[[i, j]] - rest) / a[[j, j]] };
        }
    }
    a
}
