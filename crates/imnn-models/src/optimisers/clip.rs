//! Limits on the gradient.

use super::range::positive;
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

impl Clip {
    /// The limit as it is, if it is positive and finite.
    pub(super) fn checked(self) -> Result<Self> {
        match self {
            Clip::Norm(limit) => positive("clip_norm", limit)?,
            Clip::Value(limit) => positive("clip_value", limit)?,
        };
        Ok(self)
    }

    /// Limits the gradient. NaN stays NaN, and an infinite entry makes its gradient NaN under a norm.
    ///
    /// ```
    /// use imnn_models::Clip;
    /// let mut gradient = [30.0, 40.0];
    /// Clip::Norm(10.0).apply(&mut gradient);
    /// assert_eq!(gradient, [6.0, 8.0]);
    /// ```
    pub fn apply<E: Real>(self, gradient: &mut [E]) {
        match self {
            Clip::Norm(limit) => {
                let norm = norm(gradient);
                if norm <= limit {
                    return;
                }
                let scale = limit / norm;
                gradient.iter_mut().for_each(|g| *g = E::of(g.f64() * scale));
            }
            Clip::Value(limit) => {
                let limit: E = E::of(limit);
                // Comparisons with NaN are false, so it stays.
                let low = |g: E| if g < -limit { -limit } else { g };
                gradient.iter_mut().for_each(|g| *g = if *g > limit { limit } else { low(*g) });
            }
        }
    }
}

/// The Euclidean norm, relative to the largest entry, so that squares do not overflow; in an order that depends on the
/// number of entries alone, so that the bits are always the same.
pub(super) fn norm<E: Real>(gradient: &[E]) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limited<E: Real, const N: usize>(clip: Clip, mut gradient: [E; N]) -> [E; N] {
        clip.apply(&mut gradient);
        gradient
    }

    #[test]
    fn limits_act_only_beyond_them() {
        assert_eq!(limited(Clip::Norm(5.0), [3.0, 4.0]), [3.0, 4.0]);
        approx::assert_relative_eq!(
            limited(Clip::Norm(1.0), [3e30_f32, 4e30])[..],
            [0.6, 0.8][..],
            max_relative = 1e-6
        );
        approx::assert_relative_eq!(
            limited(Clip::Norm(1.0), [3e300, -4e300])[..],
            [0.6, -0.8][..],
            max_relative = 1e-14
        );
        assert_eq!(limited(Clip::Norm(1.0), [0.0_f64, 0.0]), [0.0, 0.0]);
        assert!(limited(Clip::Norm(1.0), [0.0, f64::NAN])[1].is_nan());
        assert!(limited(Clip::Norm(1.0), [f64::INFINITY, 1.0])[0].is_nan());
        assert!(limited(Clip::Value(1.0), [f32::NAN])[0].is_nan());
        assert_eq!(limited(Clip::Value(1.0), [f32::NEG_INFINITY]), [-1.0]);
        assert_eq!(limited(Clip::Value(1.0), [0.5, -4.0]), [0.5, -1.0]);
    }
}
