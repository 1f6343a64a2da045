//! Activations against central differences, and at the ends of the range.

use super::*;

/// Slopes and curvatures against central differences, away from the kinks.
#[test]
fn derivatives_are_those_of_the_value() {
    let points = [-3.0, -0.7, -0.2, 0.3, 0.9, 2.5];
    for activation in Activation::ALL {
        for v in points.into_iter().filter(|v| activation != Activation::Log1p || *v > -1.0) {
            let h = 1e-5;
            let difference = |f: &dyn Fn(f64) -> f64| (f(v + h) - f(v - h)) / (2.0 * h);
            let slope = difference(&|v| activation.value(v));
            let curvature = difference(&|v| activation.slope(v));
            approx::assert_relative_eq!(activation.slope(v), slope, epsilon = 1e-8, max_relative = 1e-8);
            approx::assert_relative_eq!(activation.curvature(v), curvature, epsilon = 1e-8, max_relative = 1e-8);
        }
    }
}

#[test]
fn large_arguments_neither_overflow_nor_lose_the_sign() {
    for v in [-1e4_f64, 1e4] {
        for activation in
            [Activation::Sigmoid, Activation::Softplus, Activation::Tanh, Activation::Gelu, Activation::Asinh]
        {
            assert!(activation.value(v).is_finite(), "{activation:?} at {v}");
            assert!(activation.slope(v).is_finite(), "{activation:?} at {v}");
            assert!(activation.curvature(v).is_finite(), "{activation:?} at {v}");
        }
    }
}

/// Where a sigmoid is nearly flat, f32 keeps the digits of what is left of the slope.
#[test]
fn saturated_slopes_keep_their_digits() {
    for activation in [Activation::Tanh, Activation::Sigmoid] {
        for v in [-9.0_f32, -7.5, -2.0, -0.3, 1e-3, 0.5, 3.0, 8.0] {
            let (slope, wide) = (activation.slope(v), activation.slope(f64::from(v)));
            approx::assert_relative_eq!(f64::from(slope), wide, max_relative = 2e-6);
        }
    }
    for v in [-1.5_f64, -1e-9, 0.0, 2e-5, 0.7, 20.0] {
        approx::assert_relative_eq!(Activation::Tanh.value(v), v.tanh(), max_relative = 4e-16);
    }
}

#[test]
fn nan_passes_through_every_activation() {
    for activation in Activation::ALL {
        assert!(activation.value(f64::NAN).is_nan(), "{activation:?}");
    }
}

/// The output of a piecewise linear function tells its slope.
#[test]
fn piecewise_slopes_are_those_of_the_output() {
    for activation in Activation::ALL.into_iter().filter(|activation| activation.is_piecewise_linear()) {
        for v in [-1e300, -2.0, -1e-300, -0.0, 0.0, 1e-300, 3.0_f64] {
            assert_eq!(activation.slope(activation.value(v)), activation.slope(v), "{activation:?} at {v}");
            assert_eq!(activation.curvature(v), 0.0);
        }
    }
}

/// The kernels' numbers are the places in the list, and each activation has its case.
#[test]
fn kernels_have_every_activation() {
    let source = cuda_source();
    for (k, activation) in Activation::ALL.into_iter().enumerate() {
        assert_eq!(activation.code() as usize, k);
        let cases = if activation.is_piecewise_linear() { 2 } else { 1 };
        let lines = source.lines().filter(|line| {
            line.starts_with(&format!("    case {k}:")) && line.ends_with(&format!("// {}", activation.name()))
        });
        assert_eq!(lines.count(), cases, "{activation:?} in {source}");
    }
    assert!(source.contains("scale = (REAL)1.5957691216057308, cubic = (REAL)0.044715;"), "{source}");
    assert!(source.contains("v >= 0 ? v : (REAL)0.01 * v"), "{source}");
}
