//! The smooth activations: `f(v)`, `f'(v)` and `f''(v)` from shared expressions.
//!
//! The functions are those of [`imnn_models::Activation`], which defines them; each takes one exponential or logarithm
//! and one or two divisions. What a caller does not use of the three is not computed.

use imnn_compute::Number;
use imnn_compute::elementary::{exp, exp_and_exp_m1, ln_1p, ln_1p_finite};
use imnn_models::Activation;

/// `2 sqrt(2/pi)`.
const GELU_SCALE: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
/// GELU is 0 or `v` to all digits beyond.
const GELU_END: f64 = 32.0;
/// Above this `1 + v^2` is `v^2` to all digits; its square is finite in single precision too.
const ASINH_LARGE: f64 = (1u64 << 60) as f64;

/// A smooth function of one number; a trait with functions that are always inlined, as those behind `Fn` are not.
pub(super) trait Smooth: Copy {
    /// `f(v)`, `f'(v)`, `f''(v)`.
    fn derivatives<L: Number>(self, v: L) -> [L; 3];
}

/// ```text
/// e = exp(-2 |v|),   tanh |v| = (1 - e) / (1 + e),   f' = 4 e / (1 + e)^2,   f'' = -2 f f'
/// ```
#[derive(Clone, Copy)]
pub(super) struct Tanh;

impl Smooth for Tanh {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let [e, minus] = exp_and_exp_m1(L::of(-2.0) * v.abs());
        let r = L::one() / (L::one() + e);
        let t = (-minus * r).copysign(v);
        let slope = L::of(4.0) * e * r * r;
        [t, slope, L::of(-2.0) * t * slope]
    }
}

/// ```text
/// e = exp(-|v|),   f = 1 / (1 + e) or e / (1 + e),   f' = e / (1 + e)^2,   f'' = f' (1 - 2 f)
/// ```
#[derive(Clone, Copy)]
pub(super) struct Sigmoid;

impl Smooth for Sigmoid {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let Logistic { value, slope, rest, .. } = Logistic::new(v);
        [value, slope, slope * rest]
    }
}

/// ```text
/// f = max(v, 0) + ln(1 + exp(-|v|)),   f' = sigmoid(v),   f'' = sigmoid'(v)
/// ```
#[derive(Clone, Copy)]
pub(super) struct Softplus;

impl Smooth for Softplus {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let Logistic { e, value, slope, .. } = Logistic::new(v);
        let positive = if v > L::zero() { v } else { L::zero() };
        [positive + ln_1p_finite(e), value, slope]
    }
}

/// ```text
/// f = v, f' = 1, f'' = 0 where v > 0, else f = exp(v) - 1, f' = f'' = exp v
/// ```
#[derive(Clone, Copy)]
pub(super) struct Elu;

impl Smooth for Elu {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        scaled_elu(v, L::one(), L::one())
    }
}

/// ```text
/// s elu(v) where v > 0, else s a elu(v)
/// ```
#[derive(Clone, Copy)]
pub(super) struct Selu;

impl Smooth for Selu {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        scaled_elu(v, L::of(Activation::SELU_SCALE), L::of(Activation::SELU_SCALE * Activation::SELU_ALPHA))
    }
}

#[inline(always)]
fn scaled_elu<L: Number>(v: L, above: L, below: L) -> [L; 3] {
    let zero = L::zero();
    let [e, minus] = exp_and_exp_m1(if v > zero { zero } else { v });
    let e = below * e;
    if v > zero { [above * v, above, zero] } else { [below * minus, e, e] }
}

/// ```text
/// u = 2 sqrt(2/pi) (v + c v^3),   S = sigmoid(u)
/// f = v S,   f' = S + v S' u',   f'' = S' (2 u' + v (u'' + u'^2 (1 - 2 S)))
/// ```
#[derive(Clone, Copy)]
pub(super) struct Gelu;

impl Smooth for Gelu {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let (one, two, end) = (L::one(), L::of(2.0), L::of(GELU_END));
        let (scale, cubic) = (L::of(GELU_SCALE), L::of(Activation::GELU_CUBIC));
        // S is 0 or 1 and S' is 0 beyond the ends, where powers of v would overflow.
        let above = if v < -end { -end } else { v };
        let w = if above > end { end } else { above };
        let square = cubic * w * w;
        let u1 = scale * L::of(3.0).mul_add(square, one);
        let u2 = scale * L::of(6.0) * cubic * w;
        let Logistic { value, slope, rest, .. } = Logistic::new(scale * w * (one + square));
        let curvature = slope * two.mul_add(u1, w * (u1 * u1).mul_add(rest, u2));
        [above * value, (w * slope).mul_add(u1, value), curvature]
    }
}

/// ```text
/// f = f' = f'' = exp v
/// ```
#[derive(Clone, Copy)]
pub(super) struct Exp;

impl Smooth for Exp {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        [exp(v); 3]
    }
}

/// ```text
/// h = sqrt(1 + v^2),   f = +-ln(1 + |v| + v^2 / (1 + h)),   f' = 1 / h,   f'' = -v / h^3
/// ```
#[derive(Clone, Copy)]
pub(super) struct Asinh;

impl Smooth for Asinh {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let one = L::one();
        let a = v.abs();
        let large = a > L::of(ASINH_LARGE);
        // Both sides of a condition are worked out before it, or compilers may keep the branch.
        let root = a.mul_add(a, one).sqrt();
        let h = if large { a } else { root };
        let r = one / h;
        // For large v, ln(2 |v|) without the overflow of 2 |v|.
        let sum = a.mul_add(a / (one + h), a);
        let x = if large { a } else { sum };
        let value = ln_1p(x) + if large { L::of(std::f64::consts::LN_2) } else { L::zero() };
        [value.copysign(v), r, -(v * r) * r * r]
    }
}

/// ```text
/// f = ln(1 + v),   f' = 1 / (1 + v),   f'' = -1 / (1 + v)^2
/// ```
#[derive(Clone, Copy)]
pub(super) struct Log1p;

impl Smooth for Log1p {
    #[inline(always)]
    fn derivatives<L: Number>(self, v: L) -> [L; 3] {
        let r = L::one() / (L::one() + v);
        [ln_1p(v), r, -r * r]
    }
}

/// The sigmoid and what its relatives need of it.
struct Logistic<L> {
    /// `exp(-|v|)`.
    e: L,
    value: L,
    slope: L,
    /// `1 - 2 value`, without cancellation near `v = 0`.
    rest: L,
}

impl<L: Number> Logistic<L> {
    #[inline(always)]
    fn new(v: L) -> Self {
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
