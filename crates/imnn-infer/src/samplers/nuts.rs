//! The no-U-turn sampler, by the crate nuts-rs; the one file that knows it.

use std::collections::HashMap;

use imnn_sim::Key;
use ndarray::{Array2, Array3, ArrayView2};
use nuts_rs::{Chain, CpuLogpFunc, CpuMath, CpuMathError, DiagNutsSettings, HasDims, LogpError, Settings};

use super::chains::Chains;
use crate::check;
use crate::error::{InferError, Result};
use crate::parallel::in_blocks;

/// How long chains are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NutsSettings {
    /// Draws that tune step size and masses and are thrown away. Defaults to 500.
    pub tune: usize,
    /// Draws that are kept of each chain. Defaults to 1000.
    pub draws: usize,
    /// A trajectory has at most `2^depth` steps. Defaults to 10.
    pub depth: u64,
    /// Threads; each runs whole chains. Defaults to all.
    pub threads: usize,
}

impl Default for NutsSettings {
    fn default() -> Self {
        NutsSettings { tune: 500, draws: 1000, depth: 10, threads: crate::all_threads() }
    }
}

/// Runs a chain from each start through a log density whose gradient is known: `ln_density(x, gradient)` fills the
/// gradient and returns the value. Where that is not finite a trajectory ends, and counts as divergent.
///
/// Best in the coordinates in which the prior is standard normal. Chain `k` depends on the key and `k` alone.
///
/// # Shapes
/// `starts` `(chains, d)`.
///
/// # Errors
/// Starts that are not finite, or where the density is not; what nuts-rs says.
///
/// # References
/// Hoffman & Gelman 2014, [arXiv:1111.4246](https://arxiv.org/abs/1111.4246); Betancourt 2017,
/// [arXiv:1701.02434](https://arxiv.org/abs/1701.02434).
pub fn nuts(
    starts: ArrayView2<'_, f64>,
    ln_density: impl Fn(&[f64], &mut [f64]) -> f64 + Sync,
    settings: &NutsSettings,
    key: Key,
) -> Result<Chains> {
    let (chains, d) = starts.dim();
    if chains == 0 || d == 0 || settings.draws == 0 {
        return Err(InferError::shape(
            "starts",
            starts.shape(),
            "[chains, d], at least one of each, and at least one draw",
        ));
    }
    check::finite("starts", &starts)?;
    let one = |k: u64| chain(&starts.row(k as usize).to_vec(), &ln_density, settings, k, key.fold_in(k));
    let parts = in_blocks(0..chains as u64, 1, settings.threads, |range| one(range.start))?;
    let mut draws = Array3::zeros((chains, settings.draws, d));
    let mut values = Array2::zeros((chains, settings.draws));
    let mut divergences = 0;
    for (c, part) in parts.iter().enumerate() {
        divergences += part.divergences;
        for (t, draw) in part.draws.iter().enumerate() {
            draw.iter().enumerate().for_each(|(i, value)| draws[[c, t, i]] = *value);
            values[[c, t]] = ln_density(draw, &mut vec![0.0; d]);
        }
    }
    Ok(Chains { draws, ln_density: values, divergences, acceptance: f64::NAN })
}

struct Run {
    draws: Vec<Box<[f64]>>,
    divergences: usize,
}

fn chain(
    start: &[f64],
    ln_density: &(impl Fn(&[f64], &mut [f64]) -> f64 + Sync),
    settings: &NutsSettings,
    k: u64,
    key: Key,
) -> Result<Run> {
    let failed = |reason: String| InferError::Sampler { sampler: "nuts", reason };
    let mut gradient = vec![0.0; start.len()];
    let value = ln_density(start, &mut gradient);
    if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
        return Err(failed(format!(
            "the log density is {value} where chain {k} starts, {start:?}, or its gradient is not finite"
        )));
    }
    let own = DiagNutsSettings {
        num_tune: settings.tune as u64,
        num_draws: settings.draws as u64,
        maxdepth: settings.depth,
        ..DiagNutsSettings::default()
    };
    let math = CpuMath::new(Density { dim: start.len(), ln_density });
    let mut sampler = own.new_chain(k, math, &mut key.rng()).map_err(|error| failed(error.to_string()))?;
    sampler.set_position(start).map_err(|error| failed(error.to_string()))?;
    let mut run = Run { draws: Vec::with_capacity(settings.draws), divergences: 0 };
    for draw in 0..settings.tune + settings.draws {
        let (place, progress) = sampler.draw().map_err(|error| failed(error.to_string()))?;
        if draw >= settings.tune {
            run.divergences += usize::from(progress.diverging);
            run.draws.push(place);
        }
    }
    Ok(run)
}

/// The density as nuts-rs asks for it.
struct Density<'a, F> {
    dim: usize,
    ln_density: &'a F,
}

/// Where the density is not finite; the trajectory ends there.
#[derive(Debug, thiserror::Error)]
#[error("the log density or its gradient is not finite")]
struct NotFinite;

impl LogpError for NotFinite {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl<F> HasDims for Density<'_, F> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_owned(), self.dim as u64)])
    }
}

impl<F: Fn(&[f64], &mut [f64]) -> f64> CpuLogpFunc for Density<'_, F> {
    type LogpError = NotFinite;
    type FlowParameters = ();
    type ExpandedVector = Vec<f64>;

    fn dim(&self) -> usize {
        self.dim
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> std::result::Result<f64, NotFinite> {
        let value = (self.ln_density)(position, gradient);
        if value.is_finite() && gradient.iter().all(|g| g.is_finite()) { Ok(value) } else { Err(NotFinite) }
    }

    fn expand_vector<R: nuts_rs::rand::Rng + ?Sized>(
        &mut self,
        _rng: &mut R,
        position: &[f64],
    ) -> std::result::Result<Vec<f64>, CpuMathError> {
        Ok(position.to_vec())
    }
}
