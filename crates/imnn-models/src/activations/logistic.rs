//! The logistic function, which several activations share.

use imnn_compute::Number;
use imnn_compute::elementary::exp_and_exp_m1;
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
    /// `exp(-|v|)`.
    pub(super) e: L,
    pub(super) value: L,
    pub(super) slope: L,
    /// `1 - 2 value`, without cancellation near `v = 0`.
    pub(super) rest: L,
}

impl<L: Number> Logistic<L> {
    #[inline(always)]
    pub(super) fn new(v: L) -> Self {
        let (zero, one) = (L::zero(), L::one());
        let [e, minus] = exp_and_exp_m1(-v.abs());
        let r = one / (one + e);
        let small = e * r;
        let rest = minus * r;
        if v < zero {
            Logistic { e, value: small, slope: small * r, rest: -rest }
        } else {
            Logistic { e, value: r, slope: small * r, rest }
        }
    }
}
