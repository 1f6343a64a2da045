//! The exponential linear unit.

use super::function::{CudaCase, Function};
use imnn_compute::Number;
use imnn_compute::elementary::exp_and_exp_m1;
use imnn_sim::Real;

/// `v` if `v > 0`, else `exp(v) - 1`.
#[derive(Clone, Copy, Debug)]
pub struct Elu;

impl Function for Elu {
    const NAME: &'static str = "elu";
    const FORMULA: &'static str = "v if v > 0, else exp(v) - 1";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        if v > E::zero() { [v, E::one(), E::zero()] } else { [v.exp_m1(), v.exp(), v.exp()] }
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        scaled(v, L::one(), L::one())
    }

    fn cuda() -> CudaCase {
        "\
        d.value = v > 0 ? v : expm1(v);
        d.slope = v > 0 ? (REAL)1 : exp(v);
        d.curvature = v > 0 ? (REAL)0 : exp(v);"
            .into()
    }
}

/// `above v` if `v > 0`, else `below (exp(v) - 1)`, with its derivatives.
#[inline(always)]
pub(super) fn scaled<L: Number>(v: L, above: L, below: L) -> [L; 3] {
    let zero = L::zero();
    let [e, minus] = exp_and_exp_m1(if v > zero { zero } else { v });
    let e = below * e;
    if v > zero { [above * v, above, zero] } else { [below * minus, e, e] }
}
