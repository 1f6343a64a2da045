//! Muon through the trainer: it is shown the network, learns, and goes on after a run was saved.

use crate::determinism::bits;
use crate::small::{DRAWS, Kind, THETA_FID, dense_network, draws, settings};
use imnn::data::OnTheFly;
use imnn::device::Cpu;
use imnn::fit::{FitSettings, Imnn, ImnnBuilder, Weights};
use imnn::models::{Adam, Clipped, Muon, OptimiserConfig, Schedule, dense, gelu, serial};
use imnn::sim::Key;

fn builder() -> ImnnBuilder<f32> {
    Imnn::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(Kind::OnTheFly, 300, 1))
        .validation(draws(Kind::OnTheFly, 200, 2))
        .key(Key::new(3))
}

/// By the root mean square of the first step of each array: with Adam it is the rate.
#[test]
fn the_fit_shows_it_the_network() {
    let rate = 1e-3;
    let muon = Muon::new(rate).unwrap();
    // As it is, as in a run file, and inside of others.
    let config: OptimiserConfig = muon.clone().into();
    let runs = [
        builder().optimiser(muon.clone()),
        builder().optimiser(config),
        builder().optimiser(Clipped::norm(Box::new(muon), 1e6).unwrap()),
    ];
    for run in runs {
        let mut imnn = run.build().unwrap();
        let before = imnn.weights(Weights::Final).unwrap().clone();
        imnn.fit(&FitSettings { whiten: false, ..settings(1) }).unwrap();
        let after = imnn.weights(Weights::Final).unwrap();
        for entry in before.layout().entries() {
            let [old, new] = [&before, after].map(|weights| &weights.values()[entry.range()]);
            let squares = old.iter().zip(new).map(|(&old, &new)| f64::from(new - old).powi(2));
            let rms = (squares.sum::<f64>() / entry.len() as f64).sqrt() / rate;
            match &*entry.name {
                "layers/0/weight" | "layers/1/weight" => assert!(rms > 0.1 && rms < 0.25, "{}: {rms}", entry.name),
                _ => assert!(rms > 0.9 && rms < 1.1, "{}: {rms}", entry.name),
            }
        }
    }
}

#[test]
fn a_short_training_finds_most_of_the_information_on_mean_and_variance() {
    let mut imnn = Imnn::<f32>::builder(serial([dense(64), gelu(), dense(64), gelu(), dense(2)]))
        .theta_fid(THETA_FID)
        .training(draws(Kind::OnTheFly, 600, 1))
        .optimiser(Muon::new(Schedule::Cosine { start: 1e-2, iterations: 300, end: 0.0 }).unwrap())
        .build()
        .unwrap();
    let fresh = |imnn: &Imnn<f32>| {
        let source = OnTheFly::new(DRAWS, &THETA_FID, 5000, 5000).unwrap();
        imnn.measure(Weights::Final, &source, Key::new(77)).unwrap().det_f
    };
    let before = fresh(&imnn);
    imnn.fit(&settings(300)).unwrap();
    let found = fresh(&imnn);
    // No network can have more than the exact 50; the scatter of 5000 simulations is about 3 per cent.
    assert!(before < 10.0 && found > 30.0 && found < 50.0 * 1.1, "{found} from {before}");
}

#[test]
fn training_goes_on_as_if_it_had_not_stopped_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let muon = || Clipped::norm(Muon::new(1e-2).unwrap(), 1.0).unwrap();
    let mut whole = builder().optimiser(muon()).device(Cpu::new(1).unwrap()).build().unwrap();
    whole.fit(&settings(6)).unwrap();
    whole.save(&path).unwrap();
    whole.fit(&settings(6)).unwrap();

    let resumed = |threads: usize| {
        let device = Cpu::new(threads).unwrap();
        let mut imnn = builder().optimiser(muon()).device(device).resume(&path).build().unwrap();
        imnn.fit(&settings(6)).unwrap();
        bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values())
    };
    let expected = bits(whole.history(), whole.weights(Weights::Final).unwrap().values());
    for threads in [1, 3] {
        assert_eq!(resumed(threads), expected, "{threads} threads");
    }
    let mut adam = builder().optimiser(Adam::new(1e-2).unwrap()).resume(&path).build().unwrap();
    adam.fit(&settings(6)).unwrap();
    assert_ne!(bits(adam.history(), adam.weights(Weights::Final).unwrap().values()), expected);
}
