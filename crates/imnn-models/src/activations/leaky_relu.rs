//! The leaky rectifier.

use super::function::Piecewise;
use imnn_sim::Real;

/// `v` if `v >= 0`, else `0.01 v`.
#[derive(Clone, Copy, Debug)]
pub struct LeakyRelu;

impl LeakyRelu {
    /// The slope below zero.
    pub const LEAK: f64 = 0.01;
}

impl Piecewise for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const FORMULA: &'static str = "v if v >= 0, else 0.01 v";

    #[inline(always)]
    fn value<E: Real>(v: E) -> E {
        if v >= E::zero() { v } else { E::of(Self::LEAK) * v }
    }

    #[inline(always)]
    fn slope<E: Real>(v: E) -> E {
        if v >= E::zero() { E::one() } else { E::of(Self::LEAK) }
    }

    fn cuda() -> [String; 2] {
        let leak = Self::LEAK;
        [format!("v >= 0 ? v : (REAL){leak:?} * v"), format!("v >= 0 ? (REAL)1 : (REAL){leak:?}")]
    }
}
