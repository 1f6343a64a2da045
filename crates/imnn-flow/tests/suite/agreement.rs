//! The kernels against the definition and against central differences.

use super::definition::truth;
use super::random::{architectures, flow, pairs};
use imnn_sim::Key;
use ndarray::{Array2, Axis};
use proptest::prelude::*;

/// The largest difference, relative to the largest of the expected numbers, or to 1 if that is less.
fn difference(found: impl IntoIterator<Item = f64>, expected: impl IntoIterator<Item = f64>) -> f64 {
    let (mut scale, mut worst) = (1.0_f64, 0.0_f64);
    for (found, expected) in found.into_iter().zip(expected) {
        scale = scale.max(expected.abs());
        // A NaN is the largest difference of all.
        let difference = (found - expected).abs();
        worst = if difference <= worst { worst } else { difference };
    }
    worst / scale
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn values_and_gradients_are_those_of_the_definition(
        architecture in architectures(), dims in 1..7_usize, context in 0..5_usize, n in 1..40_usize, seed: u64
    ) {
        let [weights, data] = Key::new(seed).split();
        let flow = flow(&architecture, dims, context, weights);
        let (y, c) = pairs(&flow, n, data);
        let truth = truth(&flow, &y, &c);
        let found = flow.gradients(y.view(), c.view()).unwrap();
        let (loss, gradient) = flow.loss(y.view(), c.view()).unwrap();
        prop_assert!(difference(found.log_density.clone(), truth.log_density.clone()) < 1e-10);
        prop_assert!(difference(flow.log_density(y.view(), c.view()).unwrap(), truth.log_density.clone()) < 1e-10);
        prop_assert!(difference(found.y, truth.y) < 1e-8);
        prop_assert!(difference(found.c, truth.c) < 1e-8);
        prop_assert!(difference(gradient, truth.weights) < 1e-9);
        let mean = -truth.log_density.iter().sum::<f64>() / n as f64;
        prop_assert!(difference([loss], [mean]) < 1e-12);
    }

    /// Without dfdx: the densities themselves, moved by a little.
    #[test]
    fn gradients_are_central_differences(
        architecture in architectures(), dims in 1..5_usize, context in 1..4_usize, seed: u64
    ) {
        let [weights, data] = Key::new(seed).split();
        let flow = flow(&architecture, dims, context, weights);
        let (y, c) = pairs(&flow, 3, data);
        let found = flow.gradients(y.view(), c.view()).unwrap();
        let density = |y: &Array2<f64>, c: &Array2<f64>| flow.log_density(y.view(), c.view()).unwrap();
        let step = 1e-6;
        for row in 0..3 {
            for k in 0..dims + context {
                let moved = |by: f64| {
                    let (mut y, mut c) = (y.clone(), c.clone());
                    if k < dims { y[[row, k]] += by } else { c[[row, k - dims]] += by }
                    density(&y, &c)[row]
                };
                let (right, left) = (moved(step) - found.log_density[row], found.log_density[row] - moved(-step));
                let ours = if k < dims { found.y[[row, k]] } else { found.c[[row, k - dims]] };
                let expected = (right + left) / (2.0 * step);
                // Where the slope of a spline jumps between the three points, half the jump is allowed.
                let allowed = 1e-5 * (1.0 + expected.abs()) + (right - left).abs() / step;
                prop_assert!((ours - expected).abs() < allowed, "{ours} {expected}");
            }
        }
    }

    /// Rows give the same whatever stands beside them, and a single row of y or c goes with all of the other.
    #[test]
    fn rows_do_not_disturb_each_other(
        architecture in architectures(), dims in 1..5_usize, context in 0..4_usize, n in 2..30_usize, seed: u64
    ) {
        let [weights, data] = Key::new(seed).split();
        let flow = flow(&architecture, dims, context, weights);
        let (y, c) = pairs(&flow, n, data);
        let all = flow.log_density(y.view(), c.view()).unwrap();
        for row in 0..n {
            let one = |x: &Array2<f64>| x.select(Axis(0), &[row]);
            let alone = flow.log_density(one(&y).view(), one(&c).view()).unwrap();
            prop_assert!(difference(alone, [all[row]]) < 1e-12);
        }
        let first = c.select(Axis(0), &[0]);
        let repeated = c.select(Axis(0), &vec![0; n]);
        let once = flow.log_density(y.view(), first.view()).unwrap();
        prop_assert_eq!(once, flow.log_density(y.view(), repeated.view()).unwrap());
        let first = y.select(Axis(0), &[0]);
        let repeated = y.select(Axis(0), &vec![0; n]);
        let once = flow.log_density(first.view(), c.view()).unwrap();
        prop_assert_eq!(once, flow.log_density(repeated.view(), c.view()).unwrap());
    }
}
