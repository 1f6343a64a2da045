//! The exponential.

use super::function::Smooth;
use imnn_compute::{Number, elementary};
use imnn_sim::Real;

/// `exp v`.
#[derive(Clone, Copy, Debug)]
pub struct Exp;

impl Smooth for Exp {
    const NAME: &'static str = "exp";
    const FORMULA: &'static str = "exp v";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        [v.exp(); 3]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        [elementary::exp(v); 3]
    }

    fn cuda() -> String {
        "\
        d.value = d.slope = d.curvature = exp(v);"
            .into()
    }
}
