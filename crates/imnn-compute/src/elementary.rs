//! Elementary functions without branches, calls or tables, which compilers turn into vector instructions.
//!
//! Errors are about 1 unit in the last place over the whole range, infinities included, and a NaN gives a NaN; subnormal
//! results too, where nothing else is said. All rest on two reductions to a short interval:
//!
//! ```text
//! exp x      = 2^k (1 + q),            k = round(x / ln 2),   r = x - k ln 2,   q = exp(r) - 1,      |r| <= ln(2)/2
//! ln (1 + x) = k ln 2 + ln (1 + f),    1 + x = 2^k (1 + f),                                          1/sqrt 2 <= 1 + f < sqrt 2
//! ln (1 + f) = 2 artanh s,             s = f / (2 + f)
//! ```
//!
//! Conditions are written as `if`s between two numbers, which become blends.

use crate::number::Number;
use imnn_sim::Real;

/// The constants and bit patterns that depend on the precision.
#[doc(hidden)]
pub trait Precision: Real {
    /// Adding this rounds to an integer, which then lies in the low bits.
    const ROUND: Self;
    /// `1 / ln 2`.
    const LOG2_E: Self;
    /// `ln 2` in two parts; products of the first with the integers that occur are exact.
    const LN_2: [Self; 2];
    /// Below the first the exponential is 0, above the second it is infinite.
    const EXP_RANGE: [Self; 2];

    /// Below this the exponential is subnormal.
    const EXP_NORMAL: Self;

    /// From `ROUND + k` the power `2^k`, if it is a normal number.
    fn power(shifted: Self) -> Self;

    /// From `ROUND + k` two powers of two with product `2^k`, which by itself may not be representable.
    fn powers(shifted: Self) -> [Self; 2];

    /// `(exp(r) - 1 - r) / r^2` for `|r| <= ln(2)/2`.
    fn exp_tail(r: Self) -> Self;

    /// From positive `u`, `(k, m, 2^-k)` with `u = 2^k m` and `m` in `[1/sqrt 2, sqrt 2)`; 0 where `2^-k` is not normal.
    fn decompose(u: Self) -> [Self; 3];

    /// With `z = s^2`: `(2 artanh(s) - 2 s) / s`, for `|s| <= 1/3`.
    fn log_tail(z: Self) -> Self;
}

/// `c[0] + x (c[1] + x (c[2] + ...))`.
macro_rules! horner {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $first:expr, $($rest:expr),+) => { Self::mul_add(horner!($x; $($rest),+), $x, $first) };
}

// The splitting of ln 2 is that of FreeBSD's msun (s_log1p.c, s_log1pf.c). Polynomials leave at most a twentieth of a unit in
// the last place: in single precision those of least error; in double precision the Taylor series of the exponential, and
// the interpolation of `log_tail` at Chebyshev's points.
macro_rules! precision {
    ($type:ident, $bits:ty, mantissa: $mantissa:expr, bias: $bias:expr, sqrt_half: $sqrt_half:expr,
     ln_2: $ln_2:expr, exp_range: $exp_range:expr, exp_normal: $exp_normal:expr, exp: [$($exp:expr),+], log: [$($log:expr),+]) => {
        impl Precision for $type {
            const ROUND: Self = 1.5 * (1u64 << $mantissa) as $type;
            const LOG2_E: Self = std::$type::consts::LOG2_E;
            const LN_2: [Self; 2] = $ln_2;
            const EXP_RANGE: [Self; 2] = $exp_range;
            const EXP_NORMAL: Self = $exp_normal;

            #[inline(always)]
            fn power(shifted: Self) -> Self {
                // The low bits of k become the exponent; all that stands above them leaves the number.
                Self::from_bits((shifted.to_bits() << $mantissa).wrapping_add((1.0 as $type).to_bits()))
            }

            #[inline(always)]
            fn powers(shifted: Self) -> [Self; 2] {
                // Exponents with their bias; the sum is made positive before it is halved.
                let both = shifted.to_bits().wrapping_sub(Self::ROUND.to_bits()).wrapping_add(2 * $bias);
                let half = both >> 1;
                [half, both.wrapping_sub(half)].map(|exponent| Self::from_bits(exponent << $mantissa))
            }

            #[inline(always)]
            fn exp_tail(r: Self) -> Self {
                horner!(r; $($exp),+)
            }

            #[inline(always)]
            fn decompose(u: Self) -> [Self; 3] {
                // Moving the interval's lower end to 1 makes the exponent field k + bias.
                let bits = u.to_bits().wrapping_add((1.0 as $type).to_bits() - $sqrt_half);
                let exponent = bits >> $mantissa;
                let m = Self::from_bits((bits & ((1 << $mantissa) - 1)) + $sqrt_half);
                let k = Self::from_bits(exponent.wrapping_add(Self::ROUND.to_bits())) - (Self::ROUND + $bias as $type);
                [k, m, Self::from_bits((2 * $bias as $bits).saturating_sub(exponent) << $mantissa)]
            }

            #[inline(always)]
            fn log_tail(z: Self) -> Self {
                z * horner!(z; $($log),+)
            }
        }
    };
}

precision!(
    f32, u32, mantissa: 23, bias: 127, sqrt_half: 0x3f35_04f3,
    ln_2: [6.931_457_5e-1, 1.428_606_8e-6],
    exp_range: [-104.0, 89.0], exp_normal: -87.336_54,
    exp: [0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_717, 0.001_381_459_9],
    log: [0.666_664_2, 0.400_215_33, 0.280_016_78, 0.280_126_66]
);

precision!(
    f64, u64, mantissa: 52, bias: 1023, sqrt_half: 0x3fe6_a09e_667f_3bcd,
    ln_2: [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10],
    exp_range: [-746.0, 710.0], exp_normal: -708.396_418_532_264_1,
    exp: [
        1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40_320.0, 1.0 / 362_880.0,
        1.0 / 3_628_800.0, 1.0 / 39_916_800.0, 1.0 / 479_001_600.0, 1.0 / 6_227_020_800.0
    ],
    log: [
        0.666_666_666_666_666_6, 0.400_000_000_000_145_85, 0.285_714_285_671_088_5, 0.222_222_227_174_211_53,
        0.181_817_894_363_670_7, 0.153_855_700_604_196_07, 0.133_141_442_612_777_85, 0.120_010_724_694_497_26,
        0.088_007_406_709_163_7, 0.161_640_439_695_212_22
    ]
);

/// `exp x`.
#[inline(always)]
pub fn exp<L: Number>(x: L) -> L {
    let [low, high] = L::EXP_RANGE;
    // Comparisons are written so that a NaN stays a NaN.
    let x = if x < low { low } else { x };
    let x = if x > high { high } else { x };
    let [shifted, _, q] = reduced_exp(x);
    let [a, b] = L::powers(shifted);
    q.mul_add(a, a) * b
}

/// `exp x` for `x <= 0`, or 0 where that is subnormal.
#[inline(always)]
pub fn exp_negative<L: Number>(x: L) -> L {
    exp_and_exp_m1(x)[0]
}

/// [`exp_negative`], and `exp(x) - 1` without cancellation near zero.
#[inline(always)]
pub fn exp_and_exp_m1<L: Number>(x: L) -> [L; 2] {
    let [shifted, k, q] = reduced_exp(x);
    let a = L::power(shifted);
    let e = q.mul_add(a, a);
    let e = if x < L::EXP_NORMAL { L::zero() } else { e };
    // Elsewhere e is below 1/sqrt 2, and the difference as accurate as e.
    [e, if k == L::zero() { q } else { e - L::one() }]
}

/// `ROUND + k`, `k` and `q`.
#[inline(always)]
fn reduced_exp<L: Number>(x: L) -> [L; 3] {
    let shifted = x.mul_add(L::LOG2_E, L::ROUND);
    let k = shifted - L::ROUND;
    let r = k.mul_add(-L::LN_2[1], k.mul_add(-L::LN_2[0], x));
    [shifted, k, (r * r).mul_add(L::exp_tail(r), r)]
}

/// `ln(1 + x)`, without cancellation near zero.
#[inline(always)]
pub fn ln_1p<L: Number>(x: L) -> L {
    let one = L::one();
    let inside = ln_1p_finite(x);
    let inside = if x < L::infinity() { inside } else { x };
    let edge = if x == -one { L::neg_infinity() } else { L::nan() };
    if x > -one { inside } else { edge }
}

/// [`ln_1p`] for finite `x > -1`, or a NaN.
#[inline(always)]
fn ln_1p_finite<L: Number>(x: L) -> L {
    let one = L::one();
    let u = one + x;
    // What the sum has lost.
    let lost = if x > one { one - (u - x) } else { x - (u - one) };
    let [k, m, inverse] = L::decompose(u);
    scaled_log(k, lost.mul_add(inverse, m - one))
}

/// `ln x` for finite positive normal `x`; anything else gives some number or a NaN.
#[inline(always)]
pub fn ln_normal<L: Number>(x: L) -> L {
    let [k, m, _] = L::decompose(x);
    scaled_log(k, m - L::one())
}

/// `k ln 2 + ln(1 + f)`.
#[inline(always)]
fn scaled_log<L: Number>(k: L, f: L) -> L {
    let half_square = L::of(0.5) * f * f;
    let s = f / (L::of(2.0) + f);
    // ln(1 + f) = 2 s + s tail = f - (f^2/2 - s (f^2/2 + tail)).
    let small = k.mul_add(L::LN_2[1], s * (half_square + L::log_tail(s * s)));
    k.mul_add(L::LN_2[0], f - (half_square - small))
}

/// `ln(1 + x)` for `x` in `[0, 1]`, with `1/(1 + x)`, for one division.
#[inline(always)]
pub fn ln_1p_and_inverse<L: Number>(x: L) -> [L; 2] {
    let (one, two) = (L::one() + x, L::of(2.0) + x);
    let both = L::one() / (one * two);
    let s = x * (both * one);
    [s.mul_add(L::log_tail(s * s), s + s), both * two]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error over `numbers`, in units in the last place of the result in single precision.
    fn worst(numbers: impl Iterator<Item = f32>, f: impl Fn(f32) -> f32, definition: impl Fn(f64) -> f64) -> f64 {
        let error = |x: f32| {
            let (found, exact) = (f(x), definition(x.into()));
            let nearest = exact as f32;
            let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
            let same = found == nearest || found.is_nan() && nearest.is_nan();
            if same { 0.0 } else { (f64::from(found) - exact).abs() / unit }
        };
        // Comparison through the total order: a NaN is the largest error of all.
        numbers.map(error).max_by(f64::total_cmp).unwrap()
    }

    /// Numbers of all magnitudes and signs, infinities, NaN and subnormal ones among them.
    fn singles() -> impl Iterator<Item = f32> {
        let special = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 0.0, -0.0, -1.0, 88.8, -103.9];
        (0..=u32::MAX / 8191).map(|i| f32::from_bits(i * 8191)).chain(special)
    }

    #[test]
    fn single_precision_is_exact_to_a_unit_and_a_half() {
        let negative = || singles().map(|x| if x > 0.0 { -x } else { x });
        assert!(worst(singles(), exp, f64::exp) < 1.1);
        let normal = || negative().filter(|x| *x >= f32::EXP_NORMAL || x.is_nan());
        assert!(worst(normal(), exp_negative, f64::exp) < 1.1);
        assert!(negative().filter(|x| *x < f32::EXP_NORMAL).all(|x| exp_negative(x) == 0.0));
        assert!(worst(negative(), |x| exp_and_exp_m1(x)[1], f64::exp_m1) < 1.5);
        assert!(worst(singles(), ln_1p, f64::ln_1p) < 1.5);
        assert!(worst(singles().filter(|x| x.is_normal() && *x > 0.0), ln_normal, f64::ln) < 1.5);
        let unit = || singles().filter(|x| !x.is_nan()).map(|x| x.abs().min(1.0));
        assert!(worst(unit(), |x| ln_1p_and_inverse(x)[0], f64::ln_1p) < 3.0);
        assert!(worst(unit(), |x| ln_1p_and_inverse(x)[1], |x| 1.0 / (1.0 + x)) < 3.0);
    }

    /// The standard library's own error is up to one unit.
    #[test]
    fn double_precision_agrees_with_the_standard_library_to_two_units() {
        let all_magnitudes = (0..300_000u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let moderate = (0..300_000).map(|i| f64::from(i - 150_000) / 200.0);
        let special = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MAX, f64::MIN, 0.0, -0.0, -1.0, 709.79, -745.1];
        for x in all_magnitudes.chain(moderate).chain(special) {
            let y = if x > 0.0 { -x } else { x };
            let pairs = [
                (exp(x), x.exp()),
                (exp_negative(y), if y < f64::EXP_NORMAL { 0.0 } else { y.exp() }),
                (exp_and_exp_m1(y)[1], y.exp_m1()),
                (ln_1p(x), x.ln_1p()),
                (ln_1p(x / 800.0), (x / 800.0).ln_1p()),
                if x.is_normal() && x > 0.0 { (ln_normal(x), x.ln()) } else { (0.0, 0.0) },
            ];
            for (found, expected) in pairs {
                let same = found == expected || found.is_nan() && expected.is_nan();
                let unit = expected.abs().next_up() - expected.abs();
                assert!(same || (found - expected).abs() <= 2.0 * unit, "at {x:e}: {found:e}, not {expected:e}");
            }
        }
    }

    #[test]
    fn ln_2_is_split_where_products_are_exact() {
        assert_eq!(f32::LN_2[0].to_bits() & 0x1ff, 0);
        assert_eq!(f64::LN_2[0].to_bits() & 0x1f_ffff, 0);
        assert_eq!(f64::LN_2[0] + f64::LN_2[1], std::f64::consts::LN_2);
        approx::assert_relative_eq!(
            f32::LN_2[0].f64() + f32::LN_2[1].f64(),
            std::f64::consts::LN_2,
            max_relative = 1e-12
        );
    }
}
