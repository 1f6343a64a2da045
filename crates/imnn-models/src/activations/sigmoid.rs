//! The logistic function as an activation.

use super::function::{CudaCase, Function};
use super::logistic::{self, Logistic};
use imnn_compute::Number;
use imnn_sim::Real;

/// `1 / (1 + exp(-v))`.
///
/// ```text
/// e = exp(-|v|),   f = 1 / (1 + e) or e / (1 + e),   f' = e / (1 + e)^2,   f'' = f' (1 - 2 f)
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Function for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const FORMULA: &'static str = "1 / (1 + exp(-v))";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (s, slope) = (logistic::sigmoid(v), logistic::sigmoid_slope(v));
        [s, slope, slope * (E::one() - E::of(2.0) * s)]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let Logistic { value, slope, rest, .. } = Logistic::new(v);
        [value, slope, slope * rest]
    }

    fn cuda() -> CudaCase {
        "\
        d.value = sigmoid(v);
        d.slope = sigmoid_slope(v);
        d.curvature = d.slope * (1 - 2 * d.value);"
            .into()
    }
}
