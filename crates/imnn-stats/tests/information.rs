//! F without bias: laws with exact answers and invariances.

use approx::assert_relative_eq;
use imnn_stats::{
    FisherEstimate, Measured, ScoreCompression, Statistics, StatsError, Verdict, numerical_derivative, raw_error_factor,
};
use ndarray::{Array2, Array3, Array4, Axis, array};

use crate::samples::Samples;

fn estimate(x: &Array2<f64>, dx: &Array3<f64>) -> FisherEstimate {
    FisherEstimate::new(x.view(), dx.view()).unwrap()
}

fn f00(estimate: &FisherEstimate) -> f64 {
    estimate.f.as_ref().unwrap()[[0, 0]]
}

/// Mean and its standard error.
fn mean(values: &[f64]) -> Measured {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    Measured { value, error: (variance / n).sqrt() }
}

#[track_caller]
fn agrees(values: &[f64], truth: f64) {
    let Measured { value, error } = mean(values);
    assert!((value - truth).abs() < 3.0 * error, "{value} ± {error} for {truth}");
}

/// 68 % within five points and three standard errors.
#[track_caller]
fn covers(inside: &[bool]) {
    let n = inside.len() as f64;
    let share = inside.iter().filter(|&&inside| inside).count() as f64 / n;
    assert!((share - 0.683).abs() < 0.05 + 3.0 * (0.683 * 0.317 / n).sqrt(), "covers {share}");
}

/// 150 sets of 50 simulations of ten summaries, F = 1: the raw F is 1.29, the corrected one has no bias.
#[test]
fn hartlap_makes_up_for_the_covariance() {
    let mut samples = Samples::new(11);
    let dx = Array3::from_shape_fn((50, 10, 1), |(_, a, _)| f64::from(a == 3));
    let (mut raw, mut f, mut inside, mut log_det, mut errors) = (vec![], vec![], vec![], vec![], vec![]);
    let mut false_alarms = 0;
    for _ in 0..150 {
        let found = estimate(&samples.normals((50, 10)), &dx);
        raw.push(found.raw[[0, 0]]);
        f.push(f00(&found));
        inside.push((f00(&found) - 1.0).abs() < found.f_errors.as_ref().unwrap()[[0, 0]]);
        let verdicts = found.verdicts();
        false_alarms += usize::from(verdicts.iter().any(|verdict| matches!(verdict, Verdict::NotGaussian(_))));
        log_det.push(found.log_det_f.unwrap().value);
        errors.push(found.errors.unwrap()[0].value);
    }
    assert!(false_alarms <= 3, "{false_alarms} of 150");
    agrees(&raw, 49.0 / 38.0);
    agrees(&f, 1.0);
    agrees(&log_det, 0.0);
    agrees(&errors, 1.0);
    covers(&inside);
    // var F = 2 / (m - 4) with m = 40, of 150 sets to 3 sqrt(2 / 150).
    let Measured { error, .. } = mean(&f);
    assert_relative_eq!(error * error * 150.0, 2.0 / 36.0, max_relative = 0.4);
}

/// `F_raw^-1` of three parameters has a Wishart law, from which the mean and variance of `ln det F` follow exactly.
#[test]
fn wishart_moments_hold_for_several_parameters() {
    let (n_s, n_summaries) = (24, 12);
    let mut samples = Samples::new(12);
    let dx = Array3::from_shape_fn((1, n_summaries, 3), |(_, a, p)| if a == p { 1.0 } else { 0.3 / (1 + a) as f64 });
    let d = dx.index_axis(Axis(0), 0);
    let truth = d.t().dot(&d);
    let exact =
        Statistics::from_moments(Array2::<f64>::zeros((1, n_summaries)).row(0), Array2::eye(n_summaries).view(), d)
            .unwrap();
    let dx = dx.broadcast((n_s, n_summaries, 3)).unwrap().to_owned();
    let found: Vec<FisherEstimate> = (0..400).map(|_| estimate(&samples.normals((n_s, n_summaries)), &dx)).collect();
    for (p, q) in [(0, 0), (1, 1), (0, 2)] {
        let values: Vec<f64> = found.iter().map(|found| found.f.as_ref().unwrap()[[p, q]]).collect();
        agrees(&values, truth[[p, q]]);
    }
    let log_dets: Vec<Measured> = found.iter().map(|found| found.log_det_f.unwrap()).collect();
    let values: Vec<f64> = log_dets.iter().map(|log_det| log_det.value).collect();
    agrees(&values, exact.log_det_f);
    let Measured { error, .. } = mean(&values);
    assert_relative_eq!(error * 20.0, log_dets[0].error, max_relative = 0.15);
    covers(&log_dets.iter().map(|one| (one.value - exact.log_det_f).abs() < one.error).collect::<Vec<_>>());
    let errors: Vec<f64> = found.iter().map(|found| found.errors.as_ref().unwrap()[1].value).collect();
    agrees(&errors, exact.errors()[1]);
}

/// Derivatives with a scatter, of all kinds that there are: of their own, following the simulation, and both.
#[test]
fn noise_of_derivatives_is_taken_away() {
    let (n_s, n_summaries) = (30, 15);
    let mut samples = Samples::new(13);
    for (n_d, follows, own) in [(30, 0.0, 1.0), (30, 1.0, 0.0), (10, 1.0, 0.0), (10, 0.7, 0.7), (3, 0.0, 1.0)] {
        // So that derivatives alone make an error of 30 % of F = 9.
        let size = (0.2 * n_d as f64).sqrt();
        let (mut f, mut raw, mut inside) = (vec![], vec![], vec![]);
        for _ in 0..300 {
            let x = samples.normals((n_s, n_summaries));
            let dx = Array3::from_shape_fn((n_d, n_summaries, 1), |(i, a, _)| {
                f64::from(a == 0) * 3.0 + size * (follows * x[[i, a]] + own * samples.normal())
            });
            let found = estimate(&x, &dx);
            f.push(f00(&found));
            raw.push(found.hartlap.unwrap() * found.raw[[0, 0]]);
            inside.push((f00(&found) - 9.0).abs() < found.f_errors.as_ref().unwrap()[[0, 0]]);
            let noise = found.noise.as_ref().unwrap();
            assert_relative_eq!(
                found.hartlap.unwrap() * found.raw[[0, 0]] - noise[[0, 0]],
                f00(&found),
                epsilon = 1e-9
            );
        }
        agrees(&f, 9.0);
        covers(&inside);
        let Measured { value, error } = mean(&raw);
        assert!(value > 9.0 + 5.0 * error, "what was to be taken away was not there: {value} ± {error}");
    }
}

/// Simulations below and above with an amplitude that depends on the parameter: `x = (1 + theta / 2) z + 3 theta`.
#[test]
fn numerical_derivatives_are_the_same() {
    let mut samples = Samples::new(14);
    let x = samples.normals((40, 3));
    let x_mp = Array4::from_shape_fn((20, 2, 1, 3), |(i, side, _, a)| {
        let theta = if side == 0 { -0.05 } else { 0.05 };
        (1.0 + theta / 2.0) * x[[i, a]] + 3.0 * theta
    });
    let widths = array![0.1];
    let found = FisherEstimate::numerical(x.view(), x_mp.view(), widths.view()).unwrap();
    let dx = numerical_derivative(x_mp.view(), widths.view()).unwrap();
    assert_eq!(found, estimate(&x, &dx));
    assert_eq!(found.n_params(), 1);
    // dx = x / 2 + 3
    assert_relative_eq!(dx[[7, 2, 0]], 0.5 * x[[7, 2]] + 3.0, epsilon = 1e-10);
}

/// The scatter of estimates with weights from a covariance of few simulations, in units of the raw errors.
#[test]
fn raw_errors_are_too_small_by_the_factor() {
    let (n_s, n_summaries) = (30, 10);
    let mut samples = Samples::new(15);
    let dx = Array3::from_shape_fn((n_s, n_summaries, 2), |(_, a, p)| f64::from(a == p));
    let (mut squares, mut raw) = (vec![], vec![]);
    for _ in 0..4000 {
        let statistics = Statistics::new(samples.normals((n_s, n_summaries)).view(), dx.view()).unwrap();
        let compression = ScoreCompression::new(array![0.0, 0.0].view(), &statistics).unwrap();
        // Relative to the mean of the simulations, whose scatter is not the matter here.
        let fresh = &statistics.mu + &samples.normals(n_summaries);
        squares.push(compression.estimate(fresh.view()).unwrap()[0].powi(2));
        raw.push(compression.errors()[0].powi(2));
    }
    let factor = raw_error_factor(n_s, n_summaries, 2).unwrap();
    agrees(&squares, factor * factor * mean(&raw).value);
    assert!(matches!(raw_error_factor(12, 10, 1), Err(StatsError::TooFewSimulations { needed: 13, .. })));
    assert!(matches!(raw_error_factor(30, 3, 4), Err(StatsError::TooFewSummaries { .. })));
}

#[test]
fn raw_numbers_have_the_bits_of_the_statistics() {
    for (n_s, n_d, n_summaries, n_params) in [(40, 40, 3, 2), (25, 7, 9, 4), (12, 1, 1, 1)] {
        let case = Samples::new(16).case(n_s, n_d, n_summaries, n_params);
        let statistics = Statistics::new(case.x.view(), case.dx.view()).unwrap();
        assert_eq!(estimate(&case.x, &case.dx).raw, statistics.f);
    }
}

/// Other summaries that span the same, and other units of the parameters, change nothing but units.
#[test]
fn f_does_not_depend_on_the_basis() {
    let case = Samples::new(17).case(40, 20, 4, 2);
    let mixing = array![[2.0, 0.3, 0.0, 1.0], [0.0, 1.0, -0.5, 0.0], [0.2, 0.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.5]];
    let units = array![10.0, 0.1];
    let mut dx = Array3::zeros(case.dx.dim());
    for (mut to, dx) in dx.outer_iter_mut().zip(case.dx.outer_iter()) {
        to.assign(&(mixing.dot(&dx) * &units));
    }
    let (plain, mixed) = (estimate(&case.x, &case.dx), estimate(&case.x.dot(&mixing.t()), &dx));
    let scale = Array2::from_shape_fn((2, 2), |(p, q)| units[p] * units[q]);
    for (plain, mixed) in [
        (&plain.f, &mixed.f),
        (&plain.noise, &mixed.noise),
        (&plain.compressed, &mixed.compressed),
        (&plain.combined, &mixed.combined),
        (&plain.convergence.extrapolated, &mixed.convergence.extrapolated),
    ] {
        let (plain, mixed) = (plain.as_ref().unwrap(), mixed.as_ref().unwrap());
        assert_relative_eq!(plain * &scale, mixed, max_relative = 1e-8, epsilon = 1e-8);
    }
    let (plain, mixed) = (plain.errors.unwrap(), mixed.errors.unwrap());
    assert_relative_eq!(plain[1].value, mixed[1].value * 0.1, max_relative = 1e-8);
    assert_relative_eq!(plain[1].error, mixed[1].error * 0.1, max_relative = 1e-8);
}

#[test]
fn derivatives_without_scatter_have_no_noise() {
    let x = Samples::new(18).normals((30, 3));
    let found = estimate(&x, &Array3::from_elem((30, 3, 1), 2.0));
    let h = found.hartlap.unwrap();
    assert_relative_eq!(found.noise.unwrap()[[0, 0]], 0.0, epsilon = 1e-12);
    for matrix in [found.f, found.compressed, found.combined, found.convergence.extrapolated] {
        assert_relative_eq!(matrix.unwrap()[[0, 0]], h * found.raw[[0, 0]], max_relative = 1e-9);
    }
    assert!(found.convergence.derivatives.iter().all(|part| part.change.value.abs() < 1e-9));
    assert_eq!(
        found.convergence.simulations.iter().map(|part| (part.parts, part.rows)).collect::<Vec<_>>(),
        [(2, 15), (4, 7)]
    );
}
