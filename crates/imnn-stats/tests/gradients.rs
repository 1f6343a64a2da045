//! Closed-form gradients against central differences at random points.

use imnn_stats::{Loss, Statistics, numerical_derivative};
use ndarray::{Array2, Array3, Array4};
use proptest::prelude::*;

use crate::samples::{Samples, config};

proptest! {
    #![proptest_config(config(128, "proptest-regressions/gradients.txt"))]

    /// lambda and epsilon are drawn so that alpha has both signs.
    #[test]
    fn loss_gradients_are_central_differences(
        seed in any::<u64>(),
        n_summaries in 1_usize..5,
        fewer_params in 0_usize..4,
        more_simulations in 3_usize..20,
        fewer_derivatives in 0_usize..20,
        lambda in prop_oneof![1.0..20.0_f64, 50.0..200.0_f64, 0.97..1.0_f64],
        epsilon in prop_oneof![0.05..0.3_f64, 0.3..2.0_f64],
        scale in prop_oneof![Just(1.0), 0.5..2.0_f64],
    ) {
        let n_params = n_summaries - fewer_params.min(n_summaries - 1);
        let n_s = n_summaries + more_simulations;
        let n_d = n_s - fewer_derivatives.min(n_s - 1);
        let mut samples = Samples::new(seed);
        let case = samples.case(n_s, n_d, n_summaries, n_params);
        let x = case.x * scale;
        check(&Loss::new(lambda, epsilon).unwrap(), &x, &case.dx, &mut samples)?;
        check(&Loss::squared(lambda / 100.0).unwrap(), &x, &case.dx, &mut samples)?;
        check(&Loss::squared(0.0).unwrap(), &x, &case.dx, &mut samples)?;
    }

    #[test]
    fn below_above_gradients_are_central_differences(
        seed in any::<u64>(),
        n_summaries in 1_usize..4,
        fewer_params in 0_usize..3,
        n_d in 1_usize..8,
    ) {
        let n_params = n_summaries - fewer_params.min(n_summaries - 1);
        let mut samples = Samples::new(seed);
        let case = samples.case(12, n_d, n_summaries, n_params);
        let delta_theta = ndarray::Array1::from_shape_simple_fn(n_params, || 0.1 + samples.uniform());
        let mut x_mp = samples.normals((n_d, 2, n_params, n_summaries));
        for ((i, side, p, a), value) in x_mp.indexed_iter_mut() {
            *value = *value * 0.05 + (side as f64 - 0.5) * delta_theta[p] * case.dx[[i, a, p]];
        }
        let loss = Loss::new(10.0, 0.1).unwrap();
        let of = |x_mp: &Array4<f64>| {
            let dx = numerical_derivative(x_mp.view(), delta_theta.view()).unwrap();
            loss.value(&Statistics::new(case.x.view(), dx.view()).unwrap()).unwrap().0
        };
        let dx = numerical_derivative(x_mp.view(), delta_theta.view()).unwrap();
        let evaluation = loss.evaluate(case.x.view(), dx.view()).unwrap();
        let gradient = evaluation.dloss_dx_mp(delta_theta.view()).unwrap();
        let direction = samples.normals(x_mp.raw_dim());
        // The loss changes by the order of the step, however steep it is.
        let size = gradient.mapv(|g| g * g).sum().sqrt();
        let step = 1e-4 / size.max(1.0);
        let difference = (of(&(&x_mp + &direction * step)) - of(&(&x_mp - &direction * step))) / (2.0 * step);
        let expected = (&gradient.broadcast(x_mp.raw_dim()).unwrap() * &direction).sum();
        prop_assert!((difference - expected).abs() <= 1e-5 * size + 1e-6 * expected.abs());
    }
}

/// Random directions in x and dx, and one single entry of each.
fn check(loss: &Loss, x: &Array2<f64>, dx: &Array3<f64>, samples: &mut Samples) -> Result<(), TestCaseError> {
    let Ok(evaluation) = loss.evaluate(x.view(), dx.view()) else {
        return Err(TestCaseError::reject("singular"));
    };
    // A central difference is only as good as its third derivative, which grows with the condition of both matrices.
    let s = &evaluation.statistics;
    let spread = |a: &Array2<f64>, b: &Array2<f64>| {
        let norm = |m: &Array2<f64>| m.mapv(|v| v * v).sum().sqrt();
        norm(a) * norm(b)
    };
    prop_assume!(spread(&s.c, &s.inv_c) < 300.0 && spread(&s.f, &s.inv_f) < 300.0);
    // At C = I the third derivative of L2 jumps, and a difference across it is off by the square of the step.
    prop_assume!(evaluation.record.lambda2 > 0.01);

    let of = |x: &Array2<f64>, dx: &Array3<f64>| loss.value(&Statistics::new(x.view(), dx.view()).unwrap()).unwrap().0;
    let full_ddx = evaluation.dloss_ddx.broadcast(dx.raw_dim()).unwrap().to_owned();
    let size = |sum: f64| sum.sqrt();
    let size_x = size(evaluation.dloss_dx.mapv(|g| g * g).sum());
    let size_dx = size(full_ddx.mapv(|g| g * g).sum());

    let mut single_x = Array2::zeros(x.raw_dim());
    single_x[[x.nrows() - 1, x.ncols() - 1]] = 1.0;
    let mut single_dx = Array3::zeros(dx.raw_dim());
    single_dx[[0, dx.dim().1 - 1, 0]] = 1.0;
    let zero_x = Array2::zeros(x.raw_dim());
    let zero_dx = Array3::zeros(dx.raw_dim());
    let random_x = samples.normals(x.raw_dim());
    let random_dx = samples.normals(dx.raw_dim());

    for (along_x, along_dx) in [
        (&random_x, &zero_dx),
        (&zero_x, &random_dx),
        (&single_x, &zero_dx),
        (&zero_x, &single_dx),
        (&random_x, &random_dx),
    ] {
        let expected = (&evaluation.dloss_dx * along_x).sum() + (&full_ddx * along_dx).sum();
        let at = |step: f64| of(&(x + &(along_x * step)), &(dx + &(along_dx * step)));
        let central = |step: f64| (at(step) - at(-step)) / (2.0 * step);
        // The loss changes by the order of the step, however steep it is; after Richardson's extrapolation the error of
        // the difference is of fourth order in the step.
        let step = 2e-4 / (size_x + size_dx).max(1.0);
        let difference = (4.0 * central(step) - central(2.0 * step)) / 3.0;
        let tolerance = 1e-5 * (size_x + size_dx) + 1e-8 * evaluation.value.abs();
        prop_assert!(
            (difference - expected).abs() <= tolerance,
            "difference {difference}, gradient {expected}, tolerance {tolerance:e}"
        );
    }
    Ok(())
}

/// Far from the identity with negative alpha, where the original's gradient is NaN: the regularisation has vanished, so
/// that the gradient is that of -ln det F alone.
#[test]
fn negative_alpha_far_from_the_identity() {
    let mut samples = Samples::new(3);
    let case = samples.case(40, 40, 2, 2);
    let x = case.x * 30.0;
    let loss = Loss::new(100.0, 0.1).unwrap();
    let [_, alpha, _] = loss.penalty().numbers();
    assert!(alpha < 0.0);
    let evaluation = loss.evaluate(x.view(), case.dx.view()).unwrap();
    assert!((-alpha * evaluation.record.lambda2).exp().is_infinite());
    assert_eq!(evaluation.record.r, 0.0);
    let log_det = |x: &Array2<f64>| -Statistics::new(x.view(), case.dx.view()).unwrap().log_det_f;
    assert_eq!(evaluation.value, log_det(&x));
    let direction = samples.normals(x.raw_dim());
    let step = 1e-4;
    let difference = (log_det(&(&x + &direction * step)) - log_det(&(&x - &direction * step))) / (2.0 * step);
    let expected = (&evaluation.dloss_dx * &direction).sum();
    assert!((difference - expected).abs() < 1e-7 * expected.abs().max(1e-2), "{difference} {expected}");
}

/// C = I exactly, where the original's gradient is NaN: L2 has its minimum there, and the gradient is that of -ln det F.
#[test]
fn identity_covariance_has_a_finite_gradient() {
    let half = 1.5_f64.sqrt();
    let x = ndarray::array![[half, 0.0], [-half, 0.0], [0.0, half], [0.0, -half]];
    // sqrt(1.5)^2 is not exactly 1.5, so that the columns are also tried with values whose squares are exact.
    let exact = ndarray::array![[1.5, 0.5], [-1.5, -0.5], [0.5, -1.5], [-0.5, 1.5]] * (0.6_f64).sqrt();
    let rows = ndarray::array![[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]];
    let dx = Array3::from_shape_fn((4, 2, 2), |(_, a, p)| if a == p { 2.0 } else { 0.5 });
    let loss = Loss::new(10.0, 0.1).unwrap();
    for x in [x, exact, rows] {
        let evaluation = loss.evaluate(x.view(), dx.view()).unwrap();
        assert!(evaluation.record.lambda2 < 1e-14, "{}", evaluation.record.lambda2);
        let s = &evaluation.statistics;
        let n_s = x.nrows() as f64;
        let g_c = s.score.dot(&s.inv_f).dot(&s.score.t());
        let expected = (&x - &s.mu).dot(&g_c) * (2.0 / (n_s - 1.0));
        for (found, expected) in evaluation.dloss_dx.iter().zip(&expected) {
            // Next to the identity the slope of r L2 is of the order of 2 lambda L2.
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
    // The five rows give C = I without rounding.
    let rows = ndarray::array![[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]];
    assert_eq!(loss.evaluate(rows.view(), dx.view()).unwrap().record.lambda2, 0.0);
}
