//! The hyperbolic tangent.

use super::function::{CudaCase, Function};
use imnn_compute::Number;
use imnn_compute::elementary::exp_and_exp_m1;
use imnn_sim::Real;

/// `tanh v`, without the cancellation of `1 - t^2` in its slope where t is near 1:
///
/// ```text
/// e = exp(-2 |v|),   tanh |v| = (1 - e) / (1 + e),   f' = 4 e / (1 + e)^2,   f'' = -2 f f'
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tanh;

impl Function for Tanh {
    const NAME: &'static str = "tanh";
    const FORMULA: &'static str = "tanh v";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (one, u) = (E::one(), E::of(-2.0) * v.abs());
        // Near zero the digits of 1 - e count, elsewhere those of e.
        let (e, rest) = if u > -one {
            let m = u.exp_m1();
            (one + m, -m)
        } else {
            let e = u.exp();
            (e, one - e)
        };
        let t = rest / (one + e);
        let t = if v < E::zero() { -t } else { t };
        let slope = E::of(4.0) * e / ((one + e) * (one + e));
        [t, slope, -E::of(2.0) * t * slope]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let [e, minus] = exp_and_exp_m1(L::of(-2.0) * v.abs());
        let r = L::one() / (L::one() + e);
        let t = (-minus * r).copysign(v);
        let slope = L::of(4.0) * e * r * r;
        [t, slope, L::of(-2.0) * t * slope]
    }

    fn cuda() -> CudaCase {
        "\
        // Near zero the digits of 1 - e count, elsewhere those of e.
        REAL u = -2 * fabs(v), e, rest;
        if (u > -1) {
            REAL m = expm1(u);
            e = 1 + m;
            rest = -m;
        } else {
            e = exp(u);
            rest = 1 - e;
        }
        REAL t = rest / (1 + e);
        d.value = v < 0 ? -t : t;
        d.slope = 4 * e / ((1 + e) * (1 + e));
        d.curvature = -2 * d.value * d.slope;"
            .into()
    }
}
