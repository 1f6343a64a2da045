//! Helpers of the tests in this crate.

use crate::{Key, Simulator};

/// Compares `simulate_with_derivative` with central differences of `simulate` at the same key.
///
/// `steps` are half widths, one per parameter; `tolerance` is relative to the largest derivative
/// (at least 1) of that parameter.
#[track_caller]
pub(crate) fn assert_derivative(simulator: &impl Simulator, key: Key, theta: &[f64], steps: &[f64], tolerance: f64) {
    let (data, derivative) = simulator.draw_with_derivative(key, theta).unwrap();
    assert_eq!(data, simulator.draw(key, theta).unwrap(), "values differ");
    let n_elements = data.len();
    for (a, &step) in steps.iter().enumerate() {
        let at = |sign: f64| {
            let mut shifted = theta.to_vec();
            shifted[a] += sign * step;
            simulator.draw(key, &shifted).unwrap()
        };
        let (above, below) = (at(1.0), at(-1.0));
        let row = &derivative[a * n_elements..(a + 1) * n_elements];
        let scale = row.iter().fold(1.0, |max: f64, d| max.max(d.abs()));
        for i in 0..n_elements {
            let difference = (above[i] - below[i]) / (2.0 * step);
            assert!(
                (row[i] - difference).abs() <= tolerance * scale,
                "parameter {a}, element {i} at {theta:?}: {} by hand, {difference} by differences",
                row[i],
            );
        }
    }
}

/// The largest difference of two slices of equal length.
#[track_caller]
pub(crate) fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).fold(0.0, |max, (l, r)| max.max((l - r).abs()))
}

/// `sqrt(n)` times the Kolmogorov-Smirnov distance of `draws` to the standard normal distribution.
///
/// Its 99.9 % point is 1.95.
pub(crate) fn kolmogorov_smirnov(mut draws: Vec<f64>) -> f64 {
    draws.sort_by(f64::total_cmp);
    let n = draws.len() as f64;
    let distance = draws.iter().enumerate().fold(0.0, |max: f64, (i, x)| {
        let cdf = normal_cdf(*x);
        max.max(cdf - i as f64 / n).max((i + 1) as f64 / n - cdf)
    });
    distance * n.sqrt()
}

/// `1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...)`.
fn normal_cdf(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let (mut term, mut sum) = (x, x);
    for odd in (3..200).step_by(2) {
        term *= x * x / f64::from(odd);
        sum += term;
    }
    0.5 + density * sum
}

/// Fails to compile unless `T` can be shared among threads.
pub(crate) fn assert_auto_traits<T: Send + Sync + Unpin>() {}

#[test]
fn the_normal_distribution_function_has_its_known_values() {
    // Abramowitz & Stegun, table 26.1.
    for (x, cdf) in [(0.0, 0.5), (1.0, 0.841344746068543), (-2.0, 0.0227501319481792), (4.0, 0.999968328758167)] {
        assert!((normal_cdf(x) - cdf).abs() < 1e-14, "{x}");
    }
}
