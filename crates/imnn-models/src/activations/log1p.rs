//! The logarithm of one more.

use super::function::{CudaCase, Function};
use imnn_compute::{Number, elementary};
use imnn_sim::Real;

/// `ln(1 + v)`, for data above -1 such as a density contrast.
#[derive(Clone, Copy, Debug)]
pub struct Log1p;

impl Function for Log1p {
    const NAME: &'static str = "log1p";
    const FORMULA: &'static str = "ln(1 + v), for data above -1 such as a density contrast";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let u = E::one() + v;
        [v.ln_1p(), E::one() / u, -E::one() / (u * u)]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let r = L::one() / (L::one() + v);
        [elementary::ln_1p(v), r, -r * r]
    }

    fn cuda() -> CudaCase {
        "\
        d.value = log1p(v);
        d.slope = 1 / (1 + v);
        d.curvature = -1 / ((1 + v) * (1 + v));"
            .into()
    }
}
