//! The leaky rectifier.

use super::function::{CudaCase, Function};
use imnn_sim::Real;

/// `v` if `v >= 0`, else `0.01 v`.
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu;

impl LeakyRelu {
    /// The slope below zero.
    pub const LEAK: f64 = 0.01;
}

impl Function for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const FORMULA: &'static str = "v if v >= 0, else 0.01 v";
    const PIECEWISE_LINEAR: bool = true;

    #[inline(always)]
    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (zero, one, leak) = (E::zero(), E::one(), E::of(Self::LEAK));
        [if v >= zero { v } else { leak * v }, if v >= zero { one } else { leak }, zero]
    }

    fn cuda() -> CudaCase {
        let leak = Self::LEAK;
        CudaCase::Kink([format!("v >= 0 ? v : (REAL){leak:?} * v"), format!("v >= 0 ? (REAL)1 : (REAL){leak:?}")])
    }
}
