//! The loops against the formulas, written once more one number at a time, and against differences.

use super::*;
use proptest::prelude::*;

/// `(z, ln dz/du)` by the formulas of the modules, in f64.
fn definition(bijection: Bijection, u: f64, parameters: &[f64]) -> (f64, f64) {
    let Bijection::Spline { bins, bound } = bijection else {
        let a = parameters[1] / (1.0 + parameters[1].abs() / 1000_f64.ln());
        return (a.exp() * u + parameters[0], a);
    };
    if u.abs() >= bound {
        return (u, 0.0);
    }
    let knots = |raw: &[f64]| {
        let total: f64 = raw.iter().map(|r| r.exp()).sum();
        let mut knots = vec![-bound];
        for r in raw {
            knots.push(knots.last().unwrap() + 2.0 * bound * (1e-3 + (1.0 - 1e-3 * bins as f64) * r.exp() / total));
        }
        knots
    };
    let (x, y) = (knots(&parameters[..bins]), knots(&parameters[bins..2 * bins]));
    let inner = parameters[2 * bins..].iter().map(|r| 1e-3 + (r + (0.999_f64.exp() - 1.0).ln()).exp().ln_1p());
    let d: Vec<f64> = std::iter::once(1.0).chain(inner).chain([1.0]).collect();
    let k = (0..bins).rev().find(|k| u >= x[*k]).unwrap();
    let (w, h) = (x[k + 1] - x[k], y[k + 1] - y[k]);
    let (xi, s) = ((u - x[k]) / w, h / w);
    let q = xi * (1.0 - xi);
    let bottom = s + (d[k + 1] + d[k] - 2.0 * s) * q;
    let slope = s * s * (d[k + 1] * xi * xi + 2.0 * s * q + d[k] * (1.0 - xi).powi(2)) / (bottom * bottom);
    (y[k] + h * (s * xi * xi + d[k] * q) / bottom, slope.ln())
}

/// Numbers for as many lanes as there are in `u`, from one set of parameters per lane.
fn rows<E: Number>(parameters: &[Vec<f64>]) -> Vec<E> {
    let n = parameters[0].len();
    (0..n).flat_map(|k| parameters.iter().map(move |lane| E::of(lane[k]))).collect()
}

fn numbers<E: Number>(values: &[f64]) -> Vec<E> {
    values.iter().map(|v| E::of(*v)).collect()
}

/// `(z, log)` of the loops.
fn forward<E: Number>(bijection: Bijection, u: &[f64], parameters: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (mut z, mut log) = (vec![E::nan(); u.len()], vec![E::zero(); u.len()]);
    let mut kept = vec![E::nan(); KEPT * u.len()];
    Map::new(bijection).forward(&numbers::<E>(u), &mut rows(parameters), &mut kept, &mut z, &mut log);
    (z.iter().map(|v| v.f64()).collect(), log.iter().map(|v| v.f64()).collect())
}

fn bijections() -> impl Strategy<Value = Bijection> {
    let spline = (2..12_usize, 0.5..8.0).prop_map(|(bins, bound)| Bijection::Spline { bins, bound });
    prop_oneof![Just(Bijection::Affine), Just(Bijection::SPLINE), spline]
}

/// A bijection, and numbers with parameters for each.
fn cases() -> impl Strategy<Value = (Bijection, Vec<f64>, Vec<Vec<f64>>)> {
    (bijections(), 1..40_usize).prop_flat_map(|(bijection, n)| {
        let lane = prop::collection::vec(-3.0..3.0_f64, bijection.n_parameters());
        (Just(bijection), prop::collection::vec(-9.0..9.0_f64, n), prop::collection::vec(lane, n))
    })
}

proptest! {
    #[test]
    fn the_loops_are_the_formulas((bijection, u, parameters) in cases()) {
        let (z, log) = forward::<f64>(bijection, &u, &parameters);
        let (z_single, log_single) = forward::<f32>(bijection, &u, &parameters);
        for l in 0..u.len() {
            let (expected, gain) = definition(bijection, u[l], &parameters[l]);
            prop_assert!((z[l] - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{} {expected}", z[l]);
            prop_assert!((log[l] - gain).abs() < 1e-12 * (1.0 + gain.abs()), "{} {gain}", log[l]);
            // In single precision knots lie at most some units of B elsewhere; slopes change over widths of 1e-3.
            prop_assert!((z_single[l] - expected).abs() < 3e-4 * (1.0 + expected.abs()), "{} {expected}", z_single[l]);
            prop_assert!((log_single[l] - gain).abs() < 2e-2, "{} {gain}", log_single[l]);
        }
    }

    #[test]
    fn the_inverse_comes_back((bijection, u, parameters) in cases()) {
        let (z, log) = forward::<f64>(bijection, &u, &parameters);
        let (mut back, mut again) = (vec![0.0; u.len()], vec![0.0; u.len()]);
        let mut kept = vec![f64::NAN; KEPT * u.len()];
        Map::new(bijection).inverse(&z, &mut rows(&parameters), &mut kept, &mut back, &mut again);
        for l in 0..u.len() {
            // Where the curve is flat (slopes down to 1e-3 and below) digits of z are fewer digits of u.
            let allowed = 1e-13 * (1.0 + (-log[l]).exp()) * (1.0 + u[l].abs());
            prop_assert!((back[l] - u[l]).abs() < 10.0 * allowed + 1e-12, "{} {}", back[l], u[l]);
            prop_assert!((again[l] - log[l]).abs() < 1e-7, "{} {}", again[l], log[l]);
        }
    }

    /// The gradient of `sum_l (a_l z_l + b_l log_l)` by all of u and the parameters.
    #[test]
    fn gradients_are_central_differences((bijection, u, parameters) in cases(), weights in prop::collection::vec(-1.0..1.0_f64, 80)) {
        let n = u.len();
        let (gz, glog) = weights[..2 * n].split_at(n);
        let map = Map::new(bijection);
        let (mut z, mut log, mut kept) = (vec![0.0; n], vec![0.0; n], vec![f64::NAN; KEPT * n]);
        let mut left = rows(&parameters);
        map.forward(&u, &mut left, &mut kept, &mut z, &mut log);
        let (mut gu, mut g) = (vec![f64::NAN; n], vec![f64::NAN; left.len()]);
        map.backward(&u, &left, &mut kept, [gz, glog], &mut gu, &mut g);
        for l in 0..n {
            let value = |u: f64, parameters: &[f64]| {
                let (z, log) = definition(bijection, u, parameters);
                gz[l] * z + glog[l] * log
            };
            // At knots second derivatives jump, and at the bounds the slope of the logarithm does.
            let step = 1e-6;
            let close = |found: f64, above: f64, below: f64, middle: f64| {
                let (right, left) = ((above - middle) / step, (middle - below) / step);
                let expected = (right + left) / 2.0;
                (found - expected).abs() < 2e-5 * (1.0 + expected.abs()) + (right - left).abs()
            };
            let middle = value(u[l], &parameters[l]);
            prop_assert!(close(gu[l], value(u[l] + step, &parameters[l]), value(u[l] - step, &parameters[l]), middle));
            for k in 0..parameters[l].len() {
                let moved = |by: f64| {
                    let mut parameters = parameters[l].clone();
                    parameters[k] += by;
                    value(u[l], &parameters)
                };
                prop_assert!(close(g[k * n + l], moved(step), moved(-step), middle), "parameter {k}: {}", g[k * n + l]);
            }
        }
    }
}

#[test]
fn parameters_of_zero_are_the_identity() {
    let u = [-7.0, -5.0, -4.99999, -1.3, 0.0, 2.5, 4.99999, 5.0, 1e30];
    for bijection in [Bijection::Affine, Bijection::SPLINE, Bijection::Spline { bins: 3, bound: 2.0 }] {
        let (z, log) = forward::<f64>(bijection, &u, &vec![vec![0.0; bijection.n_parameters()]; u.len()]);
        for l in 0..u.len() {
            assert!((z[l] - u[l]).abs() <= 1e-14 * (1.0 + u[l].abs()), "{} {}", z[l], u[l]);
            assert!(log[l].abs() < 1e-14, "{}", log[l]);
        }
    }
}

/// Extreme parameters, as a training that fails may make them, give finite numbers; NaN stays NaN.
#[test]
fn extremes_stay_finite_and_nan_is_kept() {
    let u = [-6.0, -5.0, -2.0, 0.0, 4.999, 5.0, 6.0];
    for bijection in [Bijection::Affine, Bijection::SPLINE] {
        for value in [-1e4, -50.0, 50.0, 1e4] {
            let lane: Vec<f64> =
                (0..bijection.n_parameters()).map(|k| if k % 3 == 1 { -value } else { value }).collect();
            let (z, log) = forward::<f32>(bijection, &u, &vec![lane; u.len()]);
            assert!(z.iter().chain(&log).all(|v| v.is_finite()), "{bijection:?} {value}: {z:?} {log:?}");
        }
        let (z, _) = forward::<f64>(bijection, &[1.0; 3], &vec![vec![f64::NAN; bijection.n_parameters()]; 3]);
        assert!(z.iter().all(|v| v.is_nan()), "{z:?}");
    }
}
