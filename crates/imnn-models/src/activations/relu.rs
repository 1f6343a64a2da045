//! The rectifier.

use super::function::{CudaCase, Function};
use imnn_sim::Real;

/// `max(v, 0)`, with derivative 0 at 0.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Function for Relu {
    const NAME: &'static str = "relu";
    const FORMULA: &'static str = "max(v, 0)";
    const PIECEWISE_LINEAR: bool = true;

    #[inline(always)]
    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (zero, one) = (E::zero(), E::one());
        [if v <= zero { zero } else { v }, if v > zero { one } else { zero }, zero]
    }

    fn cuda() -> CudaCase {
        CudaCase::Kink(["v <= 0 ? (REAL)0 : v".into(), "v > 0 ? (REAL)1 : (REAL)0".into()])
    }
}
