//! The inverse hyperbolic sine.

use super::function::{CudaCase, Function};
use imnn_compute::Number;
use imnn_compute::elementary::ln_1p;
use imnn_sim::Real;

/// `asinh v`: logarithmic for large values of either sign.
///
/// ```text
/// h = sqrt(1 + v^2),   f = +-ln(1 + |v| + v^2 / (1 + h)),   f' = 1 / h,   f'' = -v / h^3
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Asinh;

/// Above this `1 + v^2` is `v^2` to all digits; its square is finite in single precision too.
const LARGE: f64 = (1u64 << 60) as f64;

impl Function for Asinh {
    const NAME: &'static str = "asinh";
    const FORMULA: &'static str = "asinh v, logarithmic for large values of either sign";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let h = E::one().hypot(v);
        [v.asinh(), E::one() / h, -(v / h) / (h * h)]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let one = L::one();
        let a = v.abs();
        let large = a > L::of(LARGE);
        // Both sides of a condition are worked out before it, or compilers may keep the branch.
        let root = a.mul_add(a, one).sqrt();
        let h = if large { a } else { root };
        let r = one / h;
        // For large v, ln(2 |v|) without the overflow of 2 |v|.
        let sum = a.mul_add(a / (one + h), a);
        let x = if large { a } else { sum };
        let value = ln_1p(x) + if large { L::of(std::f64::consts::LN_2) } else { L::zero() };
        [value.copysign(v), r, -(v * r) * r * r]
    }

    fn cuda() -> CudaCase {
        "\
        REAL h = hypot((REAL)1, v);
        d.value = asinh(v);
        d.slope = 1 / h;
        d.curvature = -(v / h) / (h * h);"
            .into()
    }
}
