//! The smooth rectifier.

use super::function::Smooth;
use super::logistic::{self, Logistic};
use imnn_compute::Number;
use imnn_compute::elementary::ln_1p_finite;
use imnn_sim::Real;

/// `ln(1 + exp v)`.
///
/// ```text
/// f = max(v, 0) + ln(1 + exp(-|v|)),   f' = sigmoid(v),   f'' = sigmoid'(v)
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Softplus;

impl Smooth for Softplus {
    const NAME: &'static str = "softplus";
    const FORMULA: &'static str = "ln(1 + exp v)";

    fn value<E: Real>(v: E) -> E {
        v.max(E::zero()) + (-v.abs()).exp().ln_1p()
    }

    fn slope<E: Real>(v: E) -> E {
        logistic::sigmoid(v)
    }

    fn curvature<E: Real>(v: E) -> E {
        logistic::sigmoid_slope(v)
    }

    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let Logistic { e, value, slope, .. } = Logistic::new(v);
        let positive = if v > L::zero() { v } else { L::zero() };
        [positive + ln_1p_finite(e), value, slope]
    }

    fn cuda() -> String {
        "\
        d.value = (v < 0 ? (REAL)0 : v) + log1p(exp(-fabs(v)));
        d.slope = sigmoid(v);
        d.curvature = sigmoid_slope(v);"
            .into()
    }
}
