//! Whole training runs of the original package, number by number.
//!
//! The tolerances of single precision are those of the table in `golden/README.md`: what float32 and float64 runs of the
//! original differ by. The last bias has a gradient of zero but for rounding, which Adam turns into steps; it is left out.

use imnn::data::Arrays;
use imnn::fit::{FitSettings, Imnn, On, Start, Stop, Weights};
use imnn::models::{Adam, Element, Parameters, dense, leaky_relu, serial};
use imnn::stats::Statistics;
use imnn_tests::{Golden, cases, device, difference};
use ndarray::{Array1, Array2, ArrayD, Ix1};

/// Largest differences allowed: relative for histories and statistics, absolute for weights.
#[derive(Clone, Copy)]
struct Tolerance {
    det_f: f64,
    det_c: f64,
    lambda2: f64,
    weights: f64,
    statistics: f64,
    estimate: f64,
}

const DOUBLE: Tolerance =
    Tolerance { det_f: 1e-9, det_c: 1e-9, lambda2: 1e-9, weights: 1e-10, statistics: 1e-9, estimate: 1e-9 };

/// The table of `golden/README.md`.
fn single(name: &str) -> Tolerance {
    let [det_f, det_c, lambda2, weights, statistics, estimate] = match name {
        "gradient" => [2e-3, 2e-5, 8e-5, 6e-7, 7e-6, 1e-5],
        "gradient_fewer_derivatives" => [1e-5, 1e-5, 1e-4, 9e-7, 5e-6, 2e-6],
        "numerical" => [9e-6, 2e-5, 2e-4, 7e-7, 4e-6, 4e-6],
        "early_stop" => [1e-2, 2e-4, 3e-4, 3e-4, 1e-4, 2e-5],
        "early_stop_at_minimum" => [9e-6, 2e-5, 5e-5, 2e-6, 3e-6, 1e-5],
        "no_validation" => [4e-5, 4e-5, 1e-4, 1e-5, 2e-5, 2e-5],
        "two_calls" => [2e-5, 2e-5, 1e-5, 1e-5, 8e-6, 9e-7],
        other => panic!("no tolerance for {other}"),
    };
    Tolerance { det_f, det_c, lambda2, weights, statistics, estimate }
}

/// The run that a golden file describes, before training.
fn prepare<E: Element>(golden: &mut Golden, weights: &str) -> Imnn<E> {
    let theta_fid: Vec<f64> = golden.array("theta_fid").iter().copied().collect();
    let set = |golden: &mut Golden, prefix: &str| -> Arrays<E> {
        let (fiducial, derivative) =
            (golden.real(&format!("{prefix}fiducial")), golden.real(&format!("{prefix}derivative")));
        if golden.count("numerical") == 1 {
            let widths: Vec<f64> = golden.array("delta_theta").iter().copied().collect();
            Arrays::numerical(fiducial, derivative, widths).unwrap()
        } else {
            Arrays::exact(fiducial, derivative).unwrap()
        }
    };
    let network = serial([dense(32), leaky_relu(), dense(32), leaky_relu(), dense(theta_fid.len())]);
    let mut builder = Imnn::builder(network.clone())
        .theta_fid(theta_fid)
        .training(set(golden, ""))
        .optimiser(Adam::new(golden.number("step_size")).unwrap())
        .device(device());
    if golden.count("validation") == 1 {
        builder = builder.validation(set(golden, "validation_"));
    }
    let model = imnn::models::Model::new(network, &[golden.count("n_inputs")]).unwrap();
    let initial = Parameters::new(golden.weights::<E>(weights), model.layout().clone()).unwrap();
    builder.start(Start::Parameters(initial)).build().unwrap()
}

fn settings(golden: &mut Golden) -> FitSettings {
    FitSettings {
        lambda: Some(golden.number("lambda")),
        epsilon: Some(golden.number("epsilon")),
        patience: golden.count("patience"),
        min_iterations: golden.count("min_iterations"),
        max_iterations: golden.count("max_iterations"),
        best: golden.count("best") == 1,
        ..FitSettings::original()
    }
}

/// All weights but the last bias, which is as long as there are summaries.
fn without_last_bias<E: Element>(weights: &[E], n_summaries: usize) -> Vec<f64> {
    weights[..weights.len() - n_summaries].iter().map(|w| w.f64()).collect()
}

/// The weights differ by at most `tolerance` from those of one of the golden runs; see [`history_agrees`].
fn weights_agree<E: Element>(
    found: &Parameters<E>,
    expected: [&[f64]; 2],
    n_summaries: usize,
    tolerance: f64,
    what: &str,
) {
    let found = without_last_bias(found.values(), n_summaries);
    let worst = |run: &[f64]| found.iter().zip(run).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    assert!(expected.iter().all(|run| run.len() == found.len() + n_summaries), "{what}: number of weights");
    let nearest = worst(expected[0]).min(worst(expected[1]));
    assert!(nearest <= tolerance, "{what}: {nearest:e} > {tolerance:e}");
}

/// Each entry differs by at most `tolerance`, relative to itself, from that of one of the golden runs.
///
/// For a run in single precision these are the original's in single and in double precision: where an input of a leaky
/// ReLU is within rounding of its kink, dx jumps, and a correct run in single precision may fall on either side.
fn history_agrees(found: &[f64], expected: &[ArrayD<f64>], tolerance: f64, what: &str) {
    for (i, a) in found.iter().enumerate() {
        let relative = |b: &ArrayD<f64>| (a - b[i]).abs() / b[i].abs();
        let nearest = expected.iter().map(relative).fold(f64::INFINITY, f64::min);
        assert!(nearest <= tolerance, "{what}[{i}]: {a} for {}, {nearest:e} > {tolerance:e}", expected[0][i]);
    }
}

/// The difference from that of the golden runs which is nearer; see [`history_agrees`].
fn nearest(found: &Array2<f64>, runs: &mut [Golden; 2], key: &str) -> f64 {
    let [a, b] = runs.each_mut().map(|run| difference(found, &run.array(key)));
    a.min(b)
}

/// F, C, their inverses, dmu and mu (apart from the last bias) of a golden file.
fn statistics_agree<E: Element>(
    runs: &mut [Golden; 2],
    found: &Statistics,
    weights: &Parameters<E>,
    golden_bias: &[f64],
    t: Tolerance,
    what: &str,
) {
    let pairs = [
        ("F", &found.f, t.statistics),
        ("invF", &found.inv_f, 2.0 * t.statistics),
        ("C", &found.c, t.statistics),
        ("invC", &found.inv_c, t.statistics),
        ("dmu_dtheta", &found.dmu_dtheta, t.statistics),
    ];
    for (key, array, tolerance) in pairs {
        let worst = nearest(array, runs, key);
        assert!(worst <= tolerance, "{what} {key}: {worst:e} > {tolerance:e}");
    }
    let n = found.mu.len();
    let bias: Vec<f64> = weights.values()[weights.values().len() - n..].iter().map(|b| b.f64()).collect();
    let ours = &found.mu - &Array1::from(bias);
    let theirs = runs[0].array("mu").into_dimensionality::<Ix1>().unwrap() - Array1::from(golden_bias.to_vec());
    // mu is of the order of the summaries, whose covariance is of order one.
    let worst = (&ours - &theirs).iter().fold(0.0_f64, |worst, v| worst.max(v.abs()));
    assert!(worst <= 10.0 * t.statistics.max(1e-10), "{what} mu: {worst:e}");
}

fn check<E: Element>(file: &str, name: &str, t: Tolerance) {
    let mut runs = [Golden::open(file), Golden::open(&format!("fit_{name}.npz"))];
    let golden = &mut runs[0];
    let mut imnn = prepare::<E>(golden, "initial");
    let settings = settings(golden);
    let calls = golden.count("calls");
    let outcomes: Vec<_> = (0..calls).map(|_| imnn.fit(&settings).unwrap()).collect();

    let iterations = golden.count("iterations");
    assert_eq!(imnn.history().len(), iterations, "{file}: stopping iteration");
    let early = iterations < calls * settings.max_iterations;
    assert_eq!(outcomes[calls - 1].stop == Stop::Patience, early, "{file}: why it stopped");
    assert_eq!(imnn.history().best_iteration, Some(golden.count("best_iteration")), "{file}: best iteration");

    let history = imnn.history().clone();
    for (prefix, trace) in [("", Some(&history.training)), ("val_", history.validation.as_ref())] {
        let Some(trace) = trace else { continue };
        let columns = [
            ("detF", &trace.det_f, t.det_f),
            ("detC", &trace.det_c, t.det_c),
            ("detinvC", &trace.det_inv_c, t.det_c),
            ("lambda2", &trace.lambda2, t.lambda2),
            ("r", &trace.r, t.lambda2),
        ];
        for (key, found, tolerance) in columns {
            let key = format!("history/{prefix}{key}");
            let expected = runs.each_mut().map(|run| run.array(&key));
            assert!(expected.iter().all(|run| run.len() == found.len()), "{file} {key}: number of iterations");
            history_agrees(found, &expected, tolerance, &format!("{file} {key}"));
        }
    }

    let n_summaries = runs[0].count("n_summaries");
    for (which, key) in [(Weights::Final, "final"), (Weights::Best, "best_w")] {
        // Without a validation set the original's best weights are others; see below.
        if which == Weights::Final || runs[0].count("validation") == 1 {
            let [a, b] = runs.each_mut().map(|run| run.weights::<f64>(key));
            let ours = imnn.weights(which).unwrap();
            weights_agree(ours, [&a, &b], n_summaries, t.weights, &format!("{file} {key}"));
        }
    }
    let which = if settings.best { Weights::Best } else { Weights::Final };
    if runs[0].count("validation") == 0 {
        return check_without_validation(&mut runs, imnn, t, file);
    }
    let used = runs[0].weights::<f64>(if settings.best { "best_w" } else { "final" });
    let bias = &used[used.len() - n_summaries..];
    let ours = imnn.weights(which).unwrap().clone();
    statistics_agree(&mut runs, imnn.statistics().unwrap(), &ours, bias, t, file);
    let estimate = imnn.estimate(runs[0].real::<E>("target")).unwrap();
    let worst = nearest(&estimate, &mut runs, "estimate");
    assert!(worst <= t.estimate, "{file} estimate: {worst:e}");
}

/// Without a validation set the original measures det F before the update and keeps the weights after it: its best weights
/// are one update late. Ours are those that had the largest det F.
fn check_without_validation<E: Element>(runs: &mut [Golden; 2], mut imnn: Imnn<E>, t: Tolerance, file: &str) {
    let golden = &mut runs[0];
    let n_summaries = golden.count("n_summaries");
    let best = imnn.history().best_iteration.unwrap();
    let statistics = imnn.set_statistics(Weights::Best, On::Training).unwrap();
    let measured = statistics.det_f;
    // A GPU adds up in another order than the host.
    let recorded = imnn.history().training.det_f[best];
    assert!((measured / recorded - 1.0).abs() < 1e-12, "{file}: det F of our best weights: {measured}, {recorded}");

    // Theirs, to the last number: the weights after the update that followed.
    let late = golden.weights::<f64>("best_w");
    assert_eq!(golden.weights::<f64>("after_10"), late, "the original's best weights are those after update 10");
    assert_eq!(best, 9);
    let mut theirs = prepare::<E>(golden, "best_w");
    let statistics = theirs.set_statistics(Weights::Final, On::Training).unwrap().clone();
    assert!(statistics.det_f < measured, "{file}: one update late is no longer the best");
    let weights = theirs.weights(Weights::Final).unwrap().clone();
    let estimate = theirs.estimate(golden.real::<E>("target")).unwrap();
    statistics_agree(runs, &statistics, &weights, &late[late.len() - n_summaries..], t, file);
    assert!(nearest(&estimate, runs, "estimate") <= t.estimate, "{file} estimate");
}

#[test]
fn double_precision_runs_are_the_originals() {
    let cases = cases("fit_");
    assert_eq!(cases.len(), 7);
    for (file, _) in cases {
        let name = file.trim_start_matches("fit_").trim_end_matches(".npz").to_owned();
        check::<f64>(&file, &name, DOUBLE);
    }
}

#[test]
fn single_precision_runs_are_the_originals() {
    let cases = cases("fit32_");
    assert_eq!(cases.len(), 7);
    for (file, _) in cases {
        let name = file.trim_start_matches("fit32_").trim_end_matches(".npz").to_owned();
        check::<f32>(&file, &name, single(&name));
    }
}
