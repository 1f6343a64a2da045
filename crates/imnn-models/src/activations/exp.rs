//! The exponential.

use super::function::{CudaCase, Function};
use imnn_compute::{Number, elementary};
use imnn_sim::Real;

/// `exp v`.
#[derive(Clone, Copy, Debug)]
pub struct Exp;

impl Function for Exp {
    const NAME: &'static str = "exp";
    const FORMULA: &'static str = "exp v";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        [v.exp(); 3]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        [elementary::exp(v); 3]
    }

    fn cuda() -> CudaCase {
        "\
        d.value = d.slope = d.curvature = exp(v);"
            .into()
    }
}
