//! The last layer in closed form, and training in rounds.

use crate::small::{DRAWS, Kind, THETA_FID, draws};
use imnn::data::{OnTheFly, Source};
use imnn::device::{Aggregator, Cpu, Device};
use imnn::fit::{FitSettings, Imnn, LastLayer, Stop, Weights};
use imnn::models::{Adam, Element, Network, dense, flatten, gelu, serial, tanh};
use imnn::sim::{Key, NoisyLine};

fn network() -> Network {
    serial([dense(64), gelu(), dense(2)])
}

fn untrained<E: Element>(network: Network, source: Box<dyn Source<E>>, device: impl Device<E> + 'static) -> Imnn<E> {
    let mut imnn = Imnn::<E>::builder(network)
        .theta_fid(THETA_FID)
        .training(source)
        .device(device)
        .key(Key::new(3))
        .build()
        .unwrap();
    let outcome = imnn.fit(&FitSettings { max_iterations: 0, ..FitSettings::default() }).unwrap();
    assert!(matches!(outcome.last_layer, Some(LastLayer::ReadOut { .. })), "{:?}", outcome.last_layer);
    assert_eq!((outcome.iterations, outcome.stop), (0, Stop::MaxIterations));
    imnn
}

fn fresh(imnn: &Imnn<f32>) -> f64 {
    let source = OnTheFly::new(DRAWS, &THETA_FID, 20_000, 20_000).unwrap();
    imnn.measure(Weights::Final, &source, Key::new(77)).unwrap().det_f
}

/// 64 features that were never trained, put together by the read-out.
#[test]
fn an_untrained_network_finds_most_of_the_information() {
    let found = fresh(&untrained(network(), draws(Kind::OnTheFly, 1000, 1), Cpu::new(2).unwrap()));
    assert!(found > 45.0 && found < 51.0, "{found}");
}

/// With so many features that a LAPACK would share the equations of the read-out among threads.
#[test]
fn the_read_out_has_the_same_bits_on_any_device() {
    for kind in [Kind::OnTheFly, Kind::Exact, Kind::Numerical] {
        let weights = |device: Box<dyn Device<f32>>| {
            let network = serial([dense(160), gelu(), dense(2)]);
            let imnn = untrained::<f32>(network, draws(kind, 400, 1), device);
            imnn.weights(Weights::Final).unwrap().values().to_vec()
        };
        let one = weights(Box::new(Cpu::new(1).unwrap()));
        assert_eq!(one, weights(Box::new(Cpu::new(4).unwrap())));
        let several = Aggregator::new([Cpu::new(1).unwrap(), Cpu::new(2).unwrap()]).unwrap();
        assert_eq!(one, weights(Box::new(several)));
    }
}

#[test]
fn rounds_go_on_until_one_gains_too_little() {
    let train = |tolerance| {
        let mut imnn = Imnn::<f32>::builder(network())
            .theta_fid(THETA_FID)
            .training(draws(Kind::OnTheFly, 500, 1))
            .build()
            .unwrap();
        let settings = FitSettings { tolerance, round: Some(40), max_iterations: 300, ..FitSettings::default() };
        let outcome = imnn.fit(&settings).unwrap();
        (imnn, outcome)
    };
    let (imnn, outcome) = train(1.0);
    assert_eq!((outcome.iterations, outcome.stop), (40, Stop::Tolerance));
    let rounds = &imnn.history().rounds;
    assert_eq!(rounds.iter().map(|round| round.iteration).collect::<Vec<_>>(), [0, 40]);
    assert!(rounds[1].log_det_f.value < 50.0_f64.ln() + 4.0 * rounds[1].log_det_f.error);

    let (imnn, outcome) = train(0.0);
    let iterations: Vec<usize> = imnn.history().rounds.iter().map(|round| round.iteration).collect();
    assert!(iterations.starts_with(&[0, 40, 120]), "{iterations:?}");
    assert!(iterations.ends_with(&[300]) || outcome.stop == Stop::Tolerance, "{iterations:?} {outcome:?}");
    // What is said of the best weights is what they have.
    let best = imnn.measure(Weights::Best, &OnTheFly::new(DRAWS, &THETA_FID, 20_000, 20_000).unwrap(), Key::new(77));
    let held_out = outcome.held_out.unwrap();
    assert!((best.unwrap().log_det_f - held_out.value).abs() < 4.0 * held_out.error, "{held_out:?}");
}

#[test]
fn without_held_out_simulations_there_is_one_round() {
    let mut imnn =
        Imnn::<f32>::builder(network()).theta_fid(THETA_FID).training(draws(Kind::Exact, 300, 1)).build().unwrap();
    let outcome = imnn.fit(&FitSettings { round: Some(20), ..FitSettings::default() }).unwrap();
    assert_eq!((outcome.iterations, outcome.stop), (20, Stop::OneRound));
    assert_eq!((outcome.held_out, outcome.read_out_gain), (None, None));
    assert!(imnn.history().rounds.is_empty());
}

#[test]
fn the_read_out_is_made_again_as_often_as_asked() {
    let train = |settings: FitSettings| {
        let mut imnn = Imnn::<f32>::builder(network())
            .theta_fid(THETA_FID)
            .training(draws(Kind::OnTheFly, 300, 1))
            .optimiser(Adam::new(1e-4).unwrap())
            .build()
            .unwrap();
        imnn.fit(&FitSettings { max_iterations: 60, ..settings }).unwrap();
        imnn.history().training.lambda2.clone()
    };
    // Each read-out makes the covariance of its simulations the identity; without a penalty whitening does so.
    let distance = |lambda2: &[f64]| lambda2[50];
    let none = train(FitSettings { kappa: Some(0.0), read_out: false, whiten: false, ..FitSettings::default() });
    assert!(distance(&none) < 1.0 && none[0] > 5.0, "{none:?}");
    let every = FitSettings { read_out_every: Some(10), read_out: false, whiten: false, ..FitSettings::default() };
    let lambda2 = train(every);
    assert!(lambda2[0] > 5.0 && lambda2[10] < 1.0 && lambda2[50] < 1.0, "{lambda2:?}");
}

#[test]
fn other_networks_are_whitened_or_left_alone_with_the_reason() {
    let start = |network: Network| {
        let training = draws(Kind::OnTheFly, 300, 1);
        let mut imnn = Imnn::<f32>::builder(network).theta_fid(THETA_FID).training(training).build().unwrap();
        imnn.fit(&FitSettings { max_iterations: 0, ..FitSettings::default() }).unwrap().last_layer.unwrap()
    };
    assert_eq!(start(serial([dense(8), gelu(), dense(2), tanh()])), LastLayer::AsGiven);
    assert!(matches!(start(serial([dense(8), gelu(), dense(2), flatten()])), LastLayer::ReadOut { .. }));
}

/// Features that are almost the same large number: the read-out lives on their small differences, which f32 does not have.
#[test]
fn weights_that_cancel_too_much_are_not_taken() {
    let training = OnTheFly::new(NoisyLine::default(), &[4e4], 400, 400).unwrap();
    let mut imnn = Imnn::<f32>::builder(serial([dense(64), gelu(), dense(1)]))
        .theta_fid([4e4])
        .training(training)
        .build()
        .unwrap();
    let outcome = imnn.fit(&FitSettings { max_iterations: 0, ..FitSettings::default() }).unwrap();
    let Some(LastLayer::Whitened { instead: Some(reason) }) = outcome.last_layer else { panic!("{outcome:?}") };
    assert!(reason.contains("cancel to one part in"), "{reason}");
}

/// Of files with a validation set the last layer is made again at the end, from all simulations.
#[test]
fn at_the_end_the_last_layer_is_made_of_both_sets() {
    let fit = |settings: FitSettings, threads| {
        let mut imnn = Imnn::<f32>::builder(network())
            .theta_fid(THETA_FID)
            .training(draws(Kind::Exact, 600, 1))
            .validation(draws(Kind::Exact, 400, 2))
            .device(Cpu::new(threads).unwrap())
            .build()
            .unwrap();
        let outcome = imnn.fit(&settings).unwrap();
        (imnn.weights(Weights::Best).unwrap().values().to_vec(), outcome)
    };
    for iterations in [0, 30] {
        let settings = FitSettings { max_iterations: iterations, ..FitSettings::default() };
        let (weights, outcome) = fit(settings.clone(), 1);
        assert_eq!(outcome.refit, Some(600 + 400), "{outcome:?}");
        assert_eq!(fit(settings.clone(), 4).0, weights);
        // What was held out is told of the last layer before that.
        let (before, without) = fit(FitSettings { refit: false, ..settings }, 1);
        assert_eq!((without.refit, without.held_out), (None, outcome.held_out));
        // Nothing but the last layer is another.
        let last = 64 * 2 + 2;
        let (features, others) = (&weights[..weights.len() - last], &before[..before.len() - last]);
        assert!(features == others && weights != before);
    }
}

/// There is nothing to be made again of a simulator, of files without a validation set, or with an optimiser of one's own.
#[test]
fn without_two_sets_of_files_and_rounds_the_last_layer_stays() {
    let fit = |kind, validates: bool, with_adam: bool| {
        let mut builder = Imnn::<f32>::builder(network()).theta_fid(THETA_FID).training(draws(kind, 300, 1));
        if validates {
            builder = builder.validation(draws(kind, 200, 2));
        }
        if with_adam {
            builder = builder.optimiser(Adam::new(1e-3).unwrap());
        }
        let settings = FitSettings { max_iterations: 5, ..FitSettings::default() };
        builder.build().unwrap().fit(&settings).unwrap().refit
    };
    assert_eq!(fit(Kind::OnTheFly, true, false), None);
    assert_eq!(fit(Kind::Exact, false, false), None);
    assert_eq!(fit(Kind::Exact, true, true), None);
}
