//! The identity.

use super::function::{CudaCase, Function};
use imnn_sim::Real;

/// `v`.
#[derive(Clone, Copy, Debug)]
pub struct Identity;

impl Function for Identity {
    const NAME: &'static str = "identity";
    const FORMULA: &'static str = "v";
    const PIECEWISE_LINEAR: bool = true;

    #[inline(always)]
    fn derivatives<E: Real>(v: E) -> [E; 3] {
        [v, E::one(), E::zero()]
    }

    fn cuda() -> CudaCase {
        CudaCase::Kink(["v".into(), "1".into()])
    }
}
