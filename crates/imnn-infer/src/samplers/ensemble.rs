//! The affine-invariant ensemble of walkers, which needs no gradient.

use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, ArrayView2};
use rand::RngExt;

use super::chains::Chains;
use crate::check;
use crate::error::{InferError, Result};

/// How long an ensemble walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnsembleSettings {
    /// Steps that are thrown away. Defaults to 500.
    pub tune: usize,
    /// Steps that are kept for each walker. Defaults to 250.
    pub draws: usize,
    /// Of so many steps one is kept. Defaults to 4.
    pub thin: usize,
}

impl Default for EnsembleSettings {
    fn default() -> Self {
        EnsembleSettings { tune: 500, draws: 250, thin: 4 }
    }
}

/// Largest stretch of a move.
const STRETCH: f64 = 2.0;

/// Walks an ensemble through a log density, which is asked for half of the walkers at once.
///
/// ```text
/// y = x_j + z (x_i - x_j),   p(z) ~ 1/sqrt(z) on [1/2, 2],   accept with min(1, z^(d-1) p(y)/p(x_i))
/// ```
///
/// with `x_j` of the other half. Linear maps of the parameters change nothing, so narrow degeneracies cost no tuning.
/// In more than about ten dimensions, or with separate modes, it is slow to mix.
///
/// # Shapes
/// `starts` `(walkers, d)`, at least `2 d` walkers, an even number, better more; `ln_density` takes `(n, d)` and
/// returns `n` values.
///
/// # Errors
/// Too few walkers, starts that are not finite or where the density is 0, a density that is NaN or of another length.
///
/// # References
/// Goodman & Weare 2010, Comm. App. Math. Comp. Sci. 5, 65; in halves as Foreman-Mackey et al. 2013,
/// [arXiv:1202.3665](https://arxiv.org/abs/1202.3665).
pub fn ensemble(
    starts: ArrayView2<'_, f64>,
    ln_density: impl Fn(ArrayView2<'_, f64>) -> Array1<f64>,
    settings: &EnsembleSettings,
    key: Key,
) -> Result<Chains> {
    let (walkers, d) = starts.dim();
    if walkers < 2 * d || walkers < 4 || !walkers.is_multiple_of(2) {
        let allowed = format!("an even number, at least 4 and twice the {d} dimensions");
        return Err(InferError::setting("walkers", walkers, allowed));
    }
    if settings.draws == 0 || settings.thin == 0 {
        return Err(InferError::setting("draws and thin", (settings.draws, settings.thin), "at least 1 each"));
    }
    check::finite("starts", &starts)?;
    let half = walkers / 2;
    let mut places = starts.to_owned();
    let mut values = checked(ln_density(places.view()), walkers)?;
    if let Some(k) = values.iter().position(|value| *value == f64::NEG_INFINITY) {
        let reason = format!("the density is 0 where walker {k} starts, {:?}", places.row(k).to_vec());
        return Err(InferError::Sampler { sampler: "ensemble", reason });
    }
    let mut draws = Array3::zeros((walkers, settings.draws, d));
    let mut kept = Array2::zeros((walkers, settings.draws));
    let (mut accepted, mut moves) = (0_usize, 0_usize);
    for step in 0..settings.tune + settings.draws * settings.thin {
        let step_key = key.fold_in(step as u64);
        for side in 0..2 {
            let mut rng = step_key.fold_in(side).rng();
            let (own, other) = (side as usize * half, (1 - side as usize) * half);
            let mut proposed = Array2::zeros((half, d));
            let mut factors = Vec::with_capacity(half);
            for (i, mut row) in proposed.rows_mut().into_iter().enumerate() {
                let j = other + rng.random_range(0..half);
                let u: f64 = rng.random();
                let z = ((STRETCH - 1.0) * u + 1.0).powi(2) / STRETCH;
                row.assign(&(&places.row(j) + &((&places.row(own + i) - &places.row(j)) * z)));
                let threshold: f64 = rng.random();
                factors.push((d as f64 - 1.0) * z.ln() - threshold.ln());
            }
            let there = checked(ln_density(proposed.view()), half)?;
            for i in 0..half {
                if factors[i] + there[i] - values[own + i] >= 0.0 {
                    places.row_mut(own + i).assign(&proposed.row(i));
                    values[own + i] = there[i];
                    accepted += usize::from(step >= settings.tune);
                }
                moves += usize::from(step >= settings.tune);
            }
        }
        if let Some(after) =
            (step + 1).checked_sub(settings.tune).filter(|after| *after > 0 && after % settings.thin == 0)
        {
            let at = after / settings.thin - 1;
            for w in 0..walkers {
                (0..d).for_each(|i| draws[[w, at, i]] = places[[w, i]]);
                kept[[w, at]] = values[w];
            }
        }
    }
    Ok(Chains { draws, ln_density: kept, divergences: 0, acceptance: accepted as f64 / moves as f64 })
}

fn checked(values: Array1<f64>, n: usize) -> Result<Array1<f64>> {
    check::shape("ln_density", values.shape(), &[n])?;
    match values.iter().position(|value| value.is_nan() || *value == f64::INFINITY) {
        None => Ok(values),
        Some(k) => Err(InferError::NotFinite { what: "ln_density", index: vec![k], value: values[k] }),
    }
}
