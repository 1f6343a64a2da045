//! The scaled exponential linear unit.

use super::elu;
use super::function::{CudaCase, Function};
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

impl Function for Selu {
    const NAME: &'static str = "selu";
    const FORMULA: &'static str = "1.0507 v if v > 0, else 1.7581 (exp(v) - 1)";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (scale, alpha) = (E::of(Self::SCALE), E::of(Self::ALPHA));
        if v > E::zero() {
            [scale * v, scale, E::zero()]
        } else {
            let e = v.exp();
            [scale * (alpha * v.exp_m1()), scale * (alpha * e), E::of(Self::SCALE * Self::ALPHA) * e]
        }
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        elu::scaled(v, L::of(Self::SCALE), L::of(Self::SCALE * Self::ALPHA))
    }

    fn cuda() -> CudaCase {
        let (scale, alpha) = (Self::SCALE, Self::ALPHA);
        format!(
            "\
        REAL scale = (REAL){scale:?}, alpha = (REAL){alpha:?};
        d.value = scale * (v > 0 ? v : alpha * expm1(v));
        d.slope = scale * (v > 0 ? (REAL)1 : alpha * exp(v));
        d.curvature = v > 0 ? (REAL)0 : scale * alpha * exp(v);"
        )
        .into()
    }
}
