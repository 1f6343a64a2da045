//! The identity.

use super::function::Piecewise;
use imnn_sim::Real;

/// `v`.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Piecewise for Identity {
    const NAME: &'static str = "identity";
    const FORMULA: &'static str = "v";

    #[inline(always)]
    fn value<E: Real>(v: E) -> E {
        v
    }

    #[inline(always)]
    fn slope<E: Real>(_: E) -> E {
        E::one()
    }

    fn cuda() -> [String; 2] {
        ["v".into(), "1".into()]
    }
}
