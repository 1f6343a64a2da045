//! The whitened start: covariance I before the first iteration.

use crate::error::Result;
use imnn_models::{Model, Parameters};
use imnn_sim::Real;
use imnn_stats::Statistics;

/// Maps the last linear layer so that the summaries of which these are the statistics get mean 0 and covariance I.
///
/// ```text
/// x' = (x - mu) A,   A A^T = C^-1   =>   cov(x') = A^T C A = I
/// ```
///
/// An invertible linear map of the summaries carries the same information, and training need not spend its first hundreds
/// of iterations on scale alone. Returns false where the network does not end in a linear layer.
pub(crate) fn whiten<E: Real>(model: &Model, parameters: &mut Parameters<E>, statistics: &Statistics) -> Result<bool> {
    let a = statistics.whitening()?;
    let mu: Vec<f64> = statistics.mu.to_vec();
    let a: Vec<f64> = a.iter().copied().collect();
    Ok(model.whiten_last_linear(parameters, &mu, &a)?)
}
