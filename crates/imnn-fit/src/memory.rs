//! Whether there is memory for a training run, before it is asked for.

use crate::error::{FitError, Result};
use imnn_data::Source;
use imnn_io::limits;
use imnn_models::{Element, Model};

/// Copies of the weights that training has at once: the present and the best ones, those at the start of a round and as they were
/// drawn, the gradient, and three vectors of the optimiser.
const COPIES: u128 = 8;

/// Gradients that are summed on their own: at most so many parts of the simulations.
const PARTS: u128 = 32;

/// Bytes that training takes at least: weights, optimiser and gradients, summaries with their derivatives and gradients in f64.
///
/// What is kept between the passes is not among them: it has a budget of its own.
fn least<E: Element>(n_weights: usize, n_s: usize, n_summaries: usize, n_params: usize) -> u128 {
    // A part is at least half a microbatch of 64 simulations.
    let parts = (n_s as u128).div_ceil(32).min(PARTS);
    let product = |factors: &[u128]| factors.iter().fold(1, |product: u128, &factor| product.saturating_mul(factor));
    let of_weights = product(&[n_weights as u128, size_of::<E>() as u128, COPIES + parts]);
    let of_summaries = product(&[n_s as u128, n_summaries as u128, 1 + n_params as u128, 3 * 8]);
    of_weights.saturating_add(of_summaries)
}

/// Refuses what cannot fit.
///
/// # Errors
/// [`FitError::Memory`].
pub(crate) fn check<E: Element>(model: &Model, source: &dyn Source<E>) -> Result<()> {
    let layout = model.layout();
    let needed = least::<E>(layout.len(), source.n_s(), model.n_summaries(), source.n_params());
    let Some(left) = limits::memory_left().filter(|&left| needed > u128::from(left)) else { return Ok(()) };
    let largest = layout.entries().iter().max_by_key(|entry| entry.range().len());
    let largest = largest.map(|entry| format!("{} of shape {:?}", entry.name, entry.shape)).unwrap_or_default();
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    Err(FitError::Memory { needed, left, n_weights: layout.len(), largest, n_s: source.n_s() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_training_takes_grows_with_weights_and_simulations() {
        assert_eq!(least::<f32>(1000, 1, 2, 2), 4 * 1000 * 9 + 2 * 3 * 24);
        assert_eq!(least::<f64>(1000, 1_000_000, 2, 2), 8 * 1000 * 40 + 1_000_000 * 2 * 3 * 24);
        assert!(least::<f64>(usize::MAX, usize::MAX, usize::MAX, usize::MAX) > u128::from(u64::MAX));
    }
}
