//! Limits on the gradient.

use super::{Optimiser, OptimiserConfig, OptimiserState, positive};
use crate::error::Result;
use imnn_sim::Real;

/// A limit on the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Clip {
    /// A gradient of Euclidean norm above this, over all parameters, is scaled down to it.
    Norm(f64),
    /// Every entry is brought into `[-c, c]`.
    Value(f64),
}

/// An optimiser that sees limited gradients.
#[derive(Clone, Debug, PartialEq)]
pub struct Clipped<O> {
    inner: O,
    clip: Clip,
}

impl Clip {
    /// The limit as it is, if it is positive and finite.
    pub(super) fn checked(self) -> Result<Self> {
        match self {
            Clip::Norm(limit) => positive("clip_norm", limit)?,
            Clip::Value(limit) => positive("clip_value", limit)?,
        };
        Ok(self)
    }

    /// The limited gradient. NaN stays NaN, and an infinite entry makes its gradient NaN under a norm.
    ///
    /// ```
    /// use imnn_models::Clip;
    /// assert_eq!(Clip::Norm(10.0).apply(&[30.0, 40.0]), [6.0, 8.0]);
    /// assert_eq!(Clip::Value(1.0).apply(&[0.5, -4.0]), [0.5, -1.0]);
    /// ```
    pub fn apply<E: Real>(self, gradient: &[E]) -> Vec<E> {
        let mut limited = vec![];
        self.apply_into(gradient, &mut limited);
        limited
    }

    /// As [`Clip::apply`], in memory that is used again.
    fn apply_into<E: Real>(self, gradient: &[E], limited: &mut Vec<E>) {
        limited.clear();
        match self {
            Clip::Norm(limit) => {
                let norm = norm(gradient);
                if norm <= limit {
                    return limited.extend_from_slice(gradient);
                }
                let scale = limit / norm;
                limited.extend(gradient.iter().map(|g| E::of(g.f64() * scale)));
            }
            Clip::Value(limit) => {
                let limit: E = E::of(limit);
                // Comparisons with NaN are false, so it stays.
                let low = |g: E| if g < -limit { -limit } else { g };
                let bring = |g: E| if g > limit { limit } else { low(g) };
                limited.extend(gradient.iter().map(|&g| bring(g)));
            }
        }
    }
}

/// The Euclidean norm, relative to the largest entry, so that squares do not overflow; in an order that depends on the
/// number of entries alone, so that the bits are always the same.
fn norm<E: Real>(gradient: &[E]) -> f64 {
    let largest = lanes(gradient, |largest, g| if g.abs() > largest { g.abs() } else { largest });
    let largest = largest.into_iter().fold(0.0, f64::max);
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let squares = lanes(gradient, |sum, g| sum + (g / unit) * (g / unit));
    unit * squares.iter().sum::<f64>().sqrt()
}

/// Folds every eighth entry, from 0: so many operations can be under way at once.
fn lanes<E: Real>(gradient: &[E], f: impl Fn(f64, f64) -> f64) -> [f64; 8] {
    let mut lanes = [0.0; 8];
    let chunks = gradient.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for k in 0..8 {
            lanes[k] = f(lanes[k], chunk[k].f64());
        }
    }
    for (lane, g) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, g.f64());
    }
    lanes
}

impl<O> Clipped<O> {
    /// Limits the norm of the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn norm(inner: O, limit: f64) -> Result<Self> {
        Ok(Clipped { inner, clip: Clip::Norm(limit).checked()? })
    }

    /// Limits each entry of the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn value(inner: O, limit: f64) -> Result<Self> {
        Ok(Clipped { inner, clip: Clip::Value(limit).checked()? })
    }
}

impl<E: Real, O: Optimiser<E>> Optimiser<E> for Clipped<O> {
    fn config(&self) -> Option<OptimiserConfig> {
        // Two limits, one after the other, are more than a description holds.
        let inner = self.inner.config().filter(|config| config.clipping().is_none())?;
        inner.clip(self.clip).ok()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.inner.initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let mut limited = state.take_scratch();
        self.clip.apply_into(gradient, &mut limited);
        self.inner.update(iteration, &limited, state, parameters);
        state.keep_scratch(limited);
    }

    fn check(&self, state: &OptimiserState<E>, n: usize) -> Result<()> {
        self.inner.check(state, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimiser::Sgd;

    #[test]
    fn limits_act_only_beyond_them() {
        assert_eq!(Clip::Norm(5.0).apply(&[3.0, 4.0]), [3.0, 4.0]);
        approx::assert_relative_eq!(Clip::Norm(1.0).apply(&[3e30_f32, 4e30])[..], [0.6, 0.8][..], max_relative = 1e-6);
        approx::assert_relative_eq!(Clip::Norm(1.0).apply(&[3e300, -4e300])[..], [0.6, -0.8][..], max_relative = 1e-14);
        assert_eq!(Clip::Norm(1.0).apply(&[0.0_f64, 0.0]), [0.0, 0.0]);
        assert!(Clip::Norm(1.0).apply(&[0.0, f64::NAN])[1].is_nan());
        assert!(Clip::Norm(1.0).apply(&[f64::INFINITY, 1.0])[0].is_nan());
        assert!(Clip::Value(1.0).apply(&[f32::NAN])[0].is_nan());
        assert_eq!(Clip::Value(1.0).apply(&[f32::NEG_INFINITY]), [-1.0]);
        let optimiser = Clipped::norm(Sgd::new(0.5).unwrap(), 10.0).unwrap();
        let (mut w, mut state) = ([0.0_f64, 0.0], optimiser.initialise(2));
        optimiser.update(0, &[30.0, -40.0], &mut state, &mut w);
        approx::assert_relative_eq!(w[..], [-3.0, 4.0][..], max_relative = 1e-14);
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let error = Clipped::norm(Sgd::new(0.1).unwrap(), 0.0).unwrap_err().to_string();
        assert_eq!(error, "clip_norm is 0, it must be positive and finite");
        assert!(Clipped::value(Sgd::new(0.1).unwrap(), f64::NAN).is_err());
    }
}
