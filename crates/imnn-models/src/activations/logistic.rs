//! The logistic function, which several activations share.

use imnn_compute::Number;
use imnn_compute::elementary::exp_negative;
use imnn_sim::Real;

/// `1 / (1 + exp(-v))` without overflow: the exponential of a negative number only.
pub(super) fn sigmoid<E: Real>(v: E) -> E {
    let e = (-v.abs()).exp();
    if v >= E::zero() { E::one() / (E::one() + e) } else { e / (E::one() + e) }
}

/// `exp(v) / (1 + exp(v))^2`, without the cancellation of `s (1 - s)` where s is near 1.
pub(super) fn sigmoid_slope<E: Real>(v: E) -> E {
    let e = (-v.abs()).exp();
    e / ((E::one() + e) * (E::one() + e))
}

/// The two in C.
pub(super) const CUDA: &str = "\
INLINE REAL sigmoid(REAL v) {
    REAL e = exp(-fabs(v));
    return v >= 0 ? 1 / (1 + e) : e / (1 + e);
}

INLINE REAL sigmoid_slope(REAL v) {
    REAL e = exp(-fabs(v));
    return e / ((1 + e) * (1 + e));
}
";

/// The sigmoid and what its relatives need of it.
pub(super) struct Logistic<L> {
    pub(super) value: L,
    pub(super) slope: L,
    /// `1 - 2 value`.
    pub(super) rest: L,
}

impl<L: Number> Logistic<L> {
    #[inline(always)]
    pub(super) fn new(v: L) -> Self {
        let e = exp_negative(-v.abs());
        Logistic::from_parts(v, e, L::one() / (L::one() + e))
    }

    /// From `e = exp(-|v|)` and `1/(1 + e)`.
    #[inline(always)]
    pub(super) fn from_parts(v: L, e: L, inverse: L) -> Self {
        let small = e * inverse;
        let rest = (L::one() - e) * inverse;
        let (value, rest) = if v < L::zero() { (small, rest) } else { (inverse, -rest) };
        Logistic { value, slope: small * inverse, rest }
    }
}
