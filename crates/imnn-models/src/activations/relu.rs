//! The rectifier.

use super::function::Piecewise;
use imnn_sim::Real;

/// `max(v, 0)`, with derivative 0 at 0.
#[derive(Clone, Copy, Debug)]
pub struct Relu;

impl Piecewise for Relu {
    const NAME: &'static str = "relu";
    const FORMULA: &'static str = "max(v, 0)";

    #[inline(always)]
    fn value<E: Real>(v: E) -> E {
        if v <= E::zero() { E::zero() } else { v }
    }

    #[inline(always)]
    fn slope<E: Real>(v: E) -> E {
        if v > E::zero() { E::one() } else { E::zero() }
    }

    fn cuda() -> [String; 2] {
        ["v <= 0 ? (REAL)0 : v".into(), "v > 0 ? (REAL)1 : (REAL)0".into()]
    }
}
