//! Special functions to the accuracy that both tails of a law need.
//!
//! The error function and the gamma function are those of libm (relative errors of 3e-14 at 30 sigma), the incomplete
//! gamma and beta functions those of statrs (1e-11 at worst, 1e-13 mostly, over shapes from 0.05 to 5000). statrs has
//! an error function too, but with errors of 9e-11, and its inverse loses digits; it is the start of one step of
//! Halley's method here.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2, TAU};

use statrs::function::{beta::checked_beta_reg, erf::erfc_inv, gamma::checked_gamma_lr, gamma::checked_gamma_ur};

/// The largest size of a coordinate `phi`: beyond it a probability is below the resolution of f64 beside 1.
pub const LARGEST_PHI: f64 = 8.2;

/// `ln N(z; 0, 1)`.
pub fn normal_ln_pdf(z: f64) -> f64 {
    -0.5 * z * z - 0.5 * TAU.ln()
}

/// `N(z; 0, 1)`.
pub fn normal_pdf(z: f64) -> f64 {
    normal_ln_pdf(z).exp()
}

/// The standard normal distribution function `Phi(z)`, with all digits in the lower tail.
///
/// For those of the upper tail take `normal_cdf(-z)`, which is the survival function.
///
/// ```
/// assert!((imnn_prior::special::normal_cdf(-8.0) / 6.220960574271785e-16 - 1.0).abs() < 1e-13);
/// ```
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// `Phi^-1(p)` for p from 0 to 1, with all digits in the lower tail; for the upper tail take `-normal_quantile(1 - p)`
/// with the survival probability in place of `1 - p`.
///
/// ```
/// assert!((imnn_prior::special::normal_quantile(6.220960574271785e-16) + 8.0).abs() < 1e-13);
/// ```
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let z = -SQRT_2 * erfc_inv(2.0 * p);
    if !z.is_finite() {
        return z;
    }
    let newton = (normal_cdf(z) - p) / normal_pdf(z);
    z - newton / (1.0 + 0.5 * newton * z)
}

/// `Phi(b) - Phi(a)` for `a <= b`, without cancellation.
pub fn normal_between(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY { normal_cdf(b) } else { normal_span(a, b - a) }
}

/// `Phi(a + width) - Phi(a)`, for a width that is better known than `a + width`.
pub(crate) fn normal_span(a: f64, width: f64) -> f64 {
    let (b, middle, half) = (a + width, a + 0.5 * width, 0.5 * width);
    if half < 0.5 && half * middle.abs() < 1.0 {
        // The density at the middle is taken out, so that what is summed is near 1.
        let ratio = |x: f64| (-(0.5 * x + middle) * x).exp();
        let sum: f64 = GAUSS_LEGENDRE.iter().map(|(x, w)| w * (ratio(half * x) + ratio(-half * x))).sum();
        return half * normal_pdf(middle) * sum;
    }
    if a > 0.0 { normal_cdf(-a) - normal_cdf(-b) } else { normal_cdf(b) - normal_cdf(a) }
}

/// Nodes above 0 and weights of the Gauss-Legendre rule of ten points.
const GAUSS_LEGENDRE: [(f64, f64); 5] = [
    (0.14887433898163122, 0.2955242247147528),
    (0.4333953941292472, 0.2692667193099965),
    (0.6794095682990244, 0.219086362515982),
    (0.8650633666889845, 0.1494513491505804),
    (0.9739065285171717, 0.06667134430868814),
];

/// `ln Gamma(x)` for `x > 0`.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The regularised lower incomplete gamma function `P(shape, x)`, `x >= 0`.
pub fn gamma_lower(shape: f64, x: f64) -> f64 {
    if x <= 0.0 { 0.0 } else { checked_gamma_lr(shape, x).unwrap_or(f64::NAN) }
}

/// `1 - P(shape, x)`, with all digits in the upper tail.
pub fn gamma_upper(shape: f64, x: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { checked_gamma_ur(shape, x).unwrap_or(f64::NAN) }
}

/// The regularised incomplete beta function `I_x(a, b)`; for the upper tail take `beta_lower(b, a, 1 - x)`.
pub fn beta_lower(a: f64, b: f64, x: f64) -> f64 {
    checked_beta_reg(a, b, x.clamp(0.0, 1.0)).unwrap_or(f64::NAN)
}

/// `ln B(a, b)`.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The distribution function of chi-squared with `dof` degrees of freedom.
pub fn chi2_cdf(dof: f64, x: f64) -> f64 {
    gamma_lower(0.5 * dof, 0.5 * x)
}

/// The survival function of chi-squared with `dof` degrees of freedom.
pub fn chi2_survival(dof: f64, x: f64) -> f64 {
    gamma_upper(0.5 * dof, 0.5 * x)
}

/// The root of an increasing function `f(x) -> (value, slope)` between `low` and `high`: Newton's method, with
/// bisection where it leaves what is known to hold the root.
pub(crate) fn increasing_root(mut low: f64, mut high: f64, start: f64, f: impl Fn(f64) -> (f64, f64)) -> f64 {
    let mut x = if start > low && start < high { start } else { 0.5 * (low + high) };
    for _ in 0..200 {
        let (value, slope) = f(x);
        match value.total_cmp(&0.0) {
            _ if value == 0.0 => return x,
            std::cmp::Ordering::Less => low = x,
            _ => high = x,
        }
        let newton = x - value / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 0.5 * f64::EPSILON * x.abs() {
            return next;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_inverts_the_distribution_function_in_the_lower_tail() {
        for k in 1..=3700 {
            let z = -0.01 * f64::from(k);
            assert!((normal_quantile(normal_cdf(z)) - z).abs() < 3e-15 * z.abs().max(1.0), "{z}");
        }
        assert_eq!(normal_quantile(0.5), 0.0);
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn intervals_add_up() {
        for (a, b, c) in [(-1.0, -0.9, 3.0), (5.0, 5.2, 5.3), (-30.0, -29.7, -29.0), (7.0, 7.001, 9.0)] {
            let (whole, parts) = (normal_between(a, c), normal_between(a, b) + normal_between(b, c));
            assert!((parts / whole - 1.0).abs() < 1e-13, "{a} {b} {c}: {whole} {parts}");
        }
        // By mpmath; the width of the first is exact to 1e-12 only.
        assert!((normal_between(5.0, 5.0001) / 1.486_347_894_317_581e-10 - 1.0).abs() < 1e-11);
        assert!((normal_between(5.0, 5.3) / 2.287_502_314_795_480_3e-7 - 1.0).abs() < 1e-13);
        assert!((normal_between(-30.0, -29.7) / 3.838_816_729_052_148e-194 - 1.0).abs() < 1e-12);
    }
}
