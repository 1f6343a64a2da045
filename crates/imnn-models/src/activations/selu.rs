//! The scaled exponential linear unit.

use super::elu;
use super::function::Smooth;
use imnn_compute::Number;
use imnn_sim::Real;

/// `s v` if `v > 0`, else `s a (exp(v) - 1)`, with `s = 1.0507...` and `a = 1.6732...`.
///
/// # References
/// Klambauer et al. 2017, arXiv:1706.02515, eq. 14.
#[derive(Clone, Copy, Debug)]
pub struct Selu;

impl Selu {
    /// s.
    pub const SCALE: f64 = 1.050_700_987_355_480_5;
    /// a.
    pub const ALPHA: f64 = 1.673_263_242_354_377_2;
}

impl Smooth for Selu {
    const NAME: &'static str = "selu";
    const FORMULA: &'static str = "1.0507 v if v > 0, else 1.7581 (exp(v) - 1)";

    fn value<E: Real>(v: E) -> E {
        E::of(Self::SCALE) * if v > E::zero() { v } else { E::of(Self::ALPHA) * v.exp_m1() }
    }

    fn slope<E: Real>(v: E) -> E {
        E::of(Self::SCALE) * if v > E::zero() { E::one() } else { E::of(Self::ALPHA) * v.exp() }
    }

    fn curvature<E: Real>(v: E) -> E {
        if v > E::zero() { E::zero() } else { E::of(Self::SCALE * Self::ALPHA) * v.exp() }
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        elu::scaled(v, L::of(Self::SCALE), L::of(Self::SCALE * Self::ALPHA))
    }

    fn cuda() -> String {
        let (scale, alpha) = (Self::SCALE, Self::ALPHA);
        format!(
            "\
        REAL scale = (REAL){scale:?}, alpha = (REAL){alpha:?};
        d.value = scale * (v > 0 ? v : alpha * expm1(v));
        d.slope = scale * (v > 0 ? (REAL)1 : alpha * exp(v));
        d.curvature = v > 0 ? (REAL)0 : scale * alpha * exp(v);"
        )
    }
}
