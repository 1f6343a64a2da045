//! A fixed set of simulations drawn from a simulator.

use imnn_sim::{Key, Real, Simulator};

use crate::{Arrays, DataError, Microbatch, OnTheFly, Source};

/// Draws simulations with exact derivatives: what [`OnTheFly`] makes at `key`, to the last bit.
///
/// # Errors
/// As [`OnTheFly::new`] and its `read`.
pub fn simulate_exact<E: Real, S: Simulator>(
    simulator: &S,
    theta_fid: &[f64],
    n_s: usize,
    n_d: usize,
    key: Key,
) -> Result<Arrays<E>, DataError> {
    draw(&OnTheFly::new(simulator, theta_fid, n_s, n_d)?, key)
}

/// Draws simulations with others below and above the fiducial, of the same random seed: what [`OnTheFly::numerical`] makes
/// at `key`, to the last bit.
///
/// # Errors
/// As [`OnTheFly::numerical`] and its `read`.
pub fn simulate_numerical<E: Real, S: Simulator>(
    simulator: &S,
    theta_fid: &[f64],
    widths: &[f64],
    n_s: usize,
    n_d: usize,
    key: Key,
) -> Result<Arrays<E>, DataError> {
    draw(&OnTheFly::numerical(simulator, theta_fid, widths, n_s, n_d)?, key)
}

/// All rows, in memory.
fn draw<E: Real>(source: &impl Source<E>, key: Key) -> Result<Arrays<E>, DataError> {
    let (mut all, mut without) = (Microbatch::new(), Microbatch::new());
    source.read(0..source.n_d(), key, &mut all)?;
    source.read(source.n_d()..source.n_s(), key, &mut without)?;
    all.values.append(&mut without.values);
    Ok(Arrays::of_spec(source.spec().clone(), all.values, all.derivatives))
}
