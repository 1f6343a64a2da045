//! The Gaussian error linear unit, approximated by a hyperbolic tangent.

use super::function::{CudaCase, Function};
use super::logistic::{Logistic, sigmoid, sigmoid_slope};
use imnn_compute::Number;
use imnn_sim::Real;

/// `v/2 (1 + tanh(sqrt(2/pi) (v + 0.044715 v^3)))`, the usual approximation of `v Phi(v)`; with
/// `(1 + tanh u)/2 = 1/(1 + exp(-2u))` only one exponential is needed:
///
/// ```text
/// u = 2 sqrt(2/pi) (v + c v^3),   S = sigmoid(u)
/// f = v S,   f' = S + v S' u',   f'' = S' (2 u' + v (u'' + u'^2 (1 - 2 S)))
/// ```
///
/// # References
/// Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
#[derive(Clone, Copy, Debug)]
pub struct Gelu;

/// `2 sqrt(2/pi)`.
const SCALE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
/// The function is 0 or `v` to all digits beyond.
const END: f64 = 32.0;

impl Gelu {
    /// Coefficient c of the cubic term.
    pub const CUBIC: f64 = 0.044_715;
}

impl Function for Gelu {
    const NAME: &'static str = "gelu";
    const FORMULA: &'static str = "v/2 (1 + tanh(sqrt(2/pi) (v + 0.044715 v^3)))";

    fn derivatives<E: Real>(v: E) -> [E; 3] {
        let (one, two, scale) = (E::one(), E::of(2.0), E::of(SCALE));
        let u = scale * (v + E::of(Self::CUBIC) * v * v * v);
        let d = scale * (one + E::of(3.0 * Self::CUBIC) * v * v);
        let dd = scale * E::of(6.0 * Self::CUBIC) * v;
        let (s, slope) = (sigmoid(u), sigmoid_slope(u));
        [v * s, s + v * slope * d, slope * (two * d + v * (dd + d * d * (one - two * s)))]
    }

    /// With `w` the argument cut at the ends:
    ///
    /// ```text
    /// u = w (a + b w^2),   u' = a + 3 b w^2,   2 u' + w u'' = 2 a + 12 b w^2
    /// ```
    #[inline(always)]
    fn vector<L: Number>(v: L) -> [L; 3] {
        let end = L::of(END);
        let [a, b] = [1.0, Gelu::CUBIC].map(|c| L::of(SCALE * c));
        // S is 0 or 1 and S' is 0 beyond the ends, where powers of v would overflow.
        let above = if v < -end { -end } else { v };
        let w = if above > end { end } else { above };
        let square = w * w;
        let u1 = square.mul_add(L::of(3.0) * b, a);
        let Logistic { value, slope, rest } = Logistic::new(w * square.mul_add(b, a));
        let outer = square.mul_add(L::of(12.0) * b, L::of(2.0) * a);
        [above * value, (w * slope).mul_add(u1, value), slope * (w * u1 * u1).mul_add(rest, outer)]
    }

    fn cuda() -> CudaCase {
        let cubic = Self::CUBIC;
        format!(
            "\
        REAL scale = (REAL){SCALE:?}, cubic = (REAL){cubic:?};
        REAL u = scale * (v + cubic * v * v * v);
        REAL du = scale * (1 + 3 * cubic * v * v), ddu = scale * 6 * cubic * v;
        REAL s = sigmoid(u), slope = sigmoid_slope(u);
        d.value = v * s;
        d.slope = s + v * slope * du;
        d.curvature = slope * (2 * du + v * (ddu + du * du * (1 - 2 * s)));"
        )
        .into()
    }
}
