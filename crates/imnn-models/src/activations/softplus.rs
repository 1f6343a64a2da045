//! The smooth rectifier.

use super::function::{CudaCase, Function};
use super::logistic::{self, Logistic};
use imnn_compute::Number;
use imnn_compute::elementary::{exp_negative, ln_1p_and_inverse};
use imnn_sim::Real;

/// `ln(1 + exp v)`.
///
/// ```text
/// f = max(v, 0) + ln(1 + exp(-|v|)),   f' = sigmoid(v),   f'' = sigmoid'(v)
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

impl Function for Softplus {
    const NAME: &'static str = "softplus";
    const FORMULA: &'static str = "ln(1 + exp v)";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let value = v.max(E::zero()) + (-v.abs()).exp().ln_1p();
        [value, logistic::sigmoid(v), logistic::sigmoid_slope(v)]
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let e = exp_negative(-v.abs());
        let [ln, inverse] = ln_1p_and_inverse(e);
        let Logistic { value, slope, .. } = Logistic::from_parts(v, e, inverse);
        let positive = if v > L::zero() { v } else { L::zero() };
        [positive + ln, value, slope]
    }

    fn cuda() -> CudaCase {
        "\
        d.value = (v < 0 ? (REAL)0 : v) + log1p(exp(-fabs(v)));
        d.slope = sigmoid(v);
        d.curvature = sigmoid_slope(v);"
            .into()
    }
}
