//! Exact laws: invariances and Gaussians with known information.

use approx::assert_relative_eq;
use imnn_stats::{Loss, ScoreCompression, Statistics, derivative_noise, hartlap_factor};
use ndarray::{Array1, Array2, Array3, Axis, array};
use proptest::prelude::*;

use crate::samples::{Samples, config, relative_difference, relative_difference_of};

proptest! {
    #![proptest_config(config(64, "proptest-regressions/laws.txt"))]

    /// x -> x A + b maps C -> A^T C A and dmu -> A^T dmu, so that F and the estimates stay.
    #[test]
    fn fisher_and_estimates_do_not_change_under_linear_maps(
        seed in any::<u64>(),
        n_summaries in 1_usize..6,
        fewer_params in 0_usize..5,
        exponent in -6.0..6.0_f64,
    ) {
        let n_params = n_summaries - fewer_params.min(n_summaries - 1);
        let mut samples = Samples::new(seed);
        let case = samples.case(60, 40, n_summaries, n_params);
        let a = (Array2::eye(n_summaries) + samples.normals((n_summaries, n_summaries)) * 0.15) * exponent.exp();
        let b = samples.normals(n_summaries) * 10.0 * exponent.exp();
        let mapped_x = case.x.dot(&a) + &b;
        let mut mapped_dx = Array3::zeros(case.dx.raw_dim());
        for (mut mapped, dx) in mapped_dx.outer_iter_mut().zip(case.dx.outer_iter()) {
            mapped.assign(&a.t().dot(&dx));
        }
        let plain = Statistics::new(case.x.view(), case.dx.view()).unwrap();
        let mapped = Statistics::new(mapped_x.view(), mapped_dx.view()).unwrap();
        prop_assert!(relative_difference(&mapped.f, &plain.f) < 1e-9);
        prop_assert!((mapped.log_det_f - plain.log_det_f).abs() < 1e-8);

        let theta_fid = samples.normals(n_params);
        let target = samples.normals((3, n_summaries));
        let mapped_target = target.dot(&a) + &b;
        let first = ScoreCompression::new(theta_fid.view(), &plain).unwrap();
        let second = ScoreCompression::new(theta_fid.view(), &mapped).unwrap();
        let estimates = first.estimates(target.view()).unwrap();
        prop_assert!(relative_difference(&second.estimates(mapped_target.view()).unwrap(), &estimates) < 1e-8);
    }

    /// theta -> T theta maps F -> T^-T F T^-1: here each parameter is measured in other units.
    #[test]
    fn fisher_transforms_with_the_units_of_the_parameters(seed in any::<u64>(), units in prop::array::uniform3(-8.0..8.0_f64)) {
        let mut samples = Samples::new(seed);
        let case = samples.case(30, 30, 3, 3);
        let units = Array1::from_iter(units.map(|unit| 10.0_f64.powf(unit)));
        let plain = Statistics::new(case.x.view(), case.dx.view()).unwrap();
        let scaled = Statistics::new(case.x.view(), (&case.dx * &units).view()).unwrap();
        let back = &scaled.f / &units / units.view().insert_axis(Axis(1));
        prop_assert!(relative_difference(&back, &plain.f) < 1e-12);
        let errors = scaled.errors() * &units;
        prop_assert!(relative_difference(&errors, &plain.errors()) < 1e-10);
    }

    /// The loss does not change under rotations of the summaries, nor under shifts.
    #[test]
    fn loss_does_not_change_under_rotations(seed in any::<u64>(), angle in 0.0..6.3_f64) {
        let mut samples = Samples::new(seed);
        let case = samples.case(30, 20, 2, 2);
        let rotation = array![[angle.cos(), angle.sin()], [-angle.sin(), angle.cos()]];
        let mut dx = Array3::zeros(case.dx.raw_dim());
        for (mut rotated, plain) in dx.outer_iter_mut().zip(case.dx.outer_iter()) {
            rotated.assign(&rotation.t().dot(&plain));
        }
        let loss = Loss::new(10.0, 0.1).unwrap();
        let plain = loss.evaluate(case.x.view(), case.dx.view()).unwrap();
        let rotated = loss.evaluate((case.x.dot(&rotation) + 3.0).view(), dx.view()).unwrap();
        prop_assert!(relative_difference_of(rotated.value, plain.value) < 1e-9);
        // The gradient rotates along; it sums to zero, since a shift changes nothing.
        prop_assert!(relative_difference(&rotated.dloss_dx, &plain.dloss_dx.dot(&rotation)) < 1e-9);
        prop_assert!(plain.dloss_dx.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-10 * plain.value.abs().max(1.0)));
    }
}

/// Mean and variance of ten Gaussian draws at (0, 1): F = diag(10, 5), det F = 50, with the sufficient summaries
/// (sum of d, sum of d^2), whose seed-matched derivatives are d = mu + sqrt(sigma2) n.
#[test]
fn information_of_gaussian_mean_and_variance() {
    let (n_s, n_data) = (200_000, 10);
    let mut samples = Samples::new(1);
    let mut x = Array2::zeros((n_s, 2));
    let mut dx = Array3::zeros((n_s, 2, 2));
    for i in 0..n_s {
        for _ in 0..n_data {
            let n = samples.normal();
            x[[i, 0]] += n;
            x[[i, 1]] += n * n;
            dx[[i, 0, 0]] += 1.0; //      d (mu + s n) / d mu
            dx[[i, 0, 1]] += n / 2.0; //  d (mu + s n) / d s^2 = n / (2 s)
            dx[[i, 1, 0]] += 2.0 * n;
            dx[[i, 1, 1]] += n * n;
        }
    }
    let statistics = Statistics::new(x.view(), dx.view()).unwrap();
    // The largest standard deviation, that of the sample variance of sum d^2, is 0.4 per cent here: five of them.
    assert_relative_eq!(statistics.f, array![[10.0, 0.0], [0.0, 5.0]], epsilon = 0.2);
    assert_relative_eq!(statistics.det_f, 50.0, max_relative = 0.02);

    // Estimates of fresh data at the fiducial scatter by F^-1 about it.
    let theta_fid = array![0.0, 1.0];
    let compression = ScoreCompression::new(theta_fid.view(), &statistics).unwrap();
    let estimates = compression.estimates(x.view()).unwrap();
    let deviations = &estimates - &theta_fid;
    let scatter = deviations.t().dot(&deviations) / n_s as f64;
    assert_relative_eq!(scatter, array![[0.1, 0.0], [0.0, 0.2]], epsilon = 0.005);
    assert_relative_eq!(compression.errors(), array![0.1_f64.sqrt(), 0.2_f64.sqrt()], epsilon = 0.005);
}

/// A sample constructed to have a known covariance gives the known Fisher matrix without scatter.
#[test]
fn information_of_a_known_gaussian_is_exact() {
    // Columns of a Hadamard matrix are orthogonal with mean zero: C = diag(4/3) before mixing.
    let hadamard = array![[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]];
    let mixing = array![[2.0, 1.0], [0.0, 3.0]];
    let x = hadamard.dot(&mixing);
    let statistics = Statistics::new(x.view(), array![[[1.0], [2.0]]].view()).unwrap();
    // C = 4/3 M^T M = 4/3 [[4, 2], [2, 10]], det (M^T M) = 36, F = 3/4 (10 - 8 + 16) / 36 = 3/8.
    assert_relative_eq!(statistics.c, array![[4.0, 2.0], [2.0, 10.0]] * (4.0 / 3.0), epsilon = 1e-14);
    assert_relative_eq!(statistics.f, array![[0.375]], epsilon = 1e-15);
    assert_relative_eq!(statistics.det_c, 36.0 * 16.0 / 9.0, epsilon = 1e-12);
    assert_relative_eq!(statistics.det_inv_c * statistics.det_c, 1.0, epsilon = 1e-14);
    assert_eq!((statistics.n_summaries(), statistics.n_params()), (2, 1));
}

/// The mean of the inverse of a sample covariance times the Hartlap factor is the true inverse; the scatter of the
/// derivatives adds what `derivative_noise` says.
#[test]
fn finite_sample_corrections_are_unbiased() {
    let (n_s, n_d, n_trials) = (12, 6, 4000);
    let mut samples = Samples::new(5);
    let (mut inverse, mut fisher, mut noise) = (0.0, 0.0, 0.0);
    for _ in 0..n_trials {
        let x = samples.normals((n_s, 3));
        let dx = samples.normals((n_d, 3, 1)) + 1.0;
        let statistics = Statistics::new(x.view(), dx.view()).unwrap();
        inverse += statistics.inv_c.diag().sum() / 3.0 / n_trials as f64;
        let identity = Array2::eye(3);
        noise += derivative_noise(dx.view(), identity.view()).unwrap()[[0, 0]] / n_trials as f64;
        let dmu = &statistics.dmu_dtheta;
        fisher += dmu.t().dot(dmu)[[0, 0]] / n_trials as f64;
    }
    let factor = hartlap_factor(n_s, 3).unwrap();
    assert_relative_eq!(factor * inverse, 1.0, epsilon = 0.03);
    assert_relative_eq!(noise, 3.0 / n_d as f64, epsilon = 0.02); // tr I / n_d
    assert_relative_eq!(fisher - noise, 3.0, epsilon = 0.1); //      |(1, 1, 1)|^2
}
