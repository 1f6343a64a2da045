//! Trained networks against exact laws.

use crate::small::{DRAWS, Kind, THETA_FID, draws, imnn, settings};
use imnn::data::OnTheFly;
use imnn::fit::{FitSettings, Imnn, LastLayer, Weights};
use imnn::models::{Adam, Schedule, dense, gelu, serial};
use imnn::sim::{Key, NoisyLine, Simulator};
use imnn::stats::Statistics;
use ndarray::{Array2, ArrayD, Axis};

/// Statistics on simulations that training has not seen.
fn fresh<S: Simulator + 'static>(imnn: &Imnn<f32>, simulator: S, theta_fid: &[f64], n: usize) -> Statistics {
    let source = OnTheFly::new(simulator, theta_fid, n, n).unwrap();
    imnn.measure(Weights::Final, &source, Key::new(77)).unwrap()
}

#[test]
fn the_whitened_start_has_covariance_one_and_the_information_it_had() {
    let mut plain = imnn::<f64>(Kind::Exact, 1);
    let mut whitened = imnn::<f64>(Kind::Exact, 1);
    let without = plain.fit(&FitSettings { whiten: false, ..settings(1) }).unwrap();
    let with = whitened.fit(&settings(1)).unwrap();
    assert_eq!(with.last_layer, Some(LastLayer::Whitened { instead: None }));
    assert_eq!(without.last_layer, Some(LastLayer::AsGiven));
    let [a, b] = [&plain.history().training, &whitened.history().training];
    assert!((b.det_c[0] - 1.0).abs() < 1e-9 && b.lambda2[0] < 1e-9, "{} {}", b.det_c[0], b.lambda2[0]);
    assert!((a.det_f[0] / b.det_f[0] - 1.0).abs() < 1e-8, "an invertible map changed the information");
}

#[test]
fn the_whitened_start_has_mean_zero() {
    let source = draws::<f64>(Kind::Exact, 300, 1);
    let builder = Imnn::<f64>::builder(serial([dense(16), gelu(), dense(2)])).theta_fid(THETA_FID);
    let mut imnn = builder.training(draws(Kind::Exact, 300, 1)).optimiser(Adam::new(1e-3).unwrap()).build().unwrap();
    imnn.fit(&settings(1)).unwrap();
    // Without a validation set the best weights of one iteration are those before its update.
    let start = imnn.measure(Weights::Best, source.as_ref(), Key::new(0)).unwrap();
    assert!(start.mu.iter().all(|mu| mu.abs() < 1e-12), "{}", start.mu);
    assert!((&start.c - Array2::<f64>::eye(2)).iter().all(|c| c.abs() < 1e-9), "{}", start.c);
}

#[test]
fn a_short_training_finds_most_of_the_information_on_mean_and_variance() {
    let network = serial([dense(64), gelu(), dense(64), gelu(), dense(2)]);
    let mut imnn = Imnn::<f32>::builder(network)
        .theta_fid(THETA_FID)
        .training(draws(Kind::OnTheFly, 600, 1))
        .optimiser(Adam::new(Schedule::Cosine { start: 1e-2, iterations: 300, end: 0.0 }).unwrap())
        .build()
        .unwrap();
    let before = fresh(&imnn, DRAWS, &THETA_FID, 5000).det_f;
    imnn.fit(&settings(300)).unwrap();
    let found = fresh(&imnn, DRAWS, &THETA_FID, 5000);
    assert!(found.det_f > 30.0 && before < 10.0, "{} from {before}", found.det_f);
    // No network can have more than the exact 50; the scatter of 5000 simulations is about 3 per cent.
    assert!(found.det_f < 50.0 * 1.1, "{}", found.det_f);
}

/// For the slope of a line the score is linear in the data, so a linear network reaches the exact information, and its
/// estimates are the least-squares fit.
#[test]
fn a_linear_network_reaches_the_exact_information_of_a_slope() {
    let line = NoisyLine::default();
    let theta_fid = [4.0];
    let mut imnn = Imnn::<f32>::builder(serial([dense(1)]))
        .theta_fid(theta_fid)
        .training(OnTheFly::new(line.clone(), &theta_fid, 500, 500).unwrap())
        .optimiser(Adam::new(Schedule::Cosine { start: 2e-2, iterations: 300, end: 0.0 }).unwrap())
        .build()
        .unwrap();
    imnn.fit(&settings(300)).unwrap();
    let exact = line.fisher(&theta_fid).unwrap()[0];
    let found = fresh(&imnn, line.clone(), &theta_fid, 20_000).f[[0, 0]];
    assert!((exact - 3350.168).abs() < 1e-3);
    assert!(found > 0.95 * exact && found < 1.04 * exact, "{found} of {exact}");

    // Estimates scatter about the truth by their quoted error.
    let n = 400;
    let data: Vec<f32> =
        (0..n).flat_map(|k| line.draw(Key::new(9).fold_in(k), &[4.05]).unwrap()).map(|v| v as f32).collect();
    let data = ArrayD::from_shape_vec(vec![n as usize, 100], data).unwrap();
    let estimates = imnn.estimate(&data).unwrap();
    let mean = estimates.mean_axis(Axis(0)).unwrap()[0];
    let scatter = estimates.std_axis(Axis(0), 1.0)[0];
    let error = imnn.compressor().unwrap().errors()[0];
    assert!((mean - 4.05).abs() < 5.0 * error / (n as f64).sqrt() + 0.05 * 0.05, "{mean}");
    assert!((scatter / error - 1.0).abs() < 0.2, "{scatter} for {error}");
}
