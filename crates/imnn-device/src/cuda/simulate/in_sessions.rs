//! Sessions whose cards make their simulations themselves, against the CPU.

use crate::cuda::emulated::Emulated;
use crate::cuda::session::{CardSession, Limits};
use crate::cuda::several::Several;
use crate::{Cotangents, Cpu, Device, DeviceError, Evaluated, Keys, Session, Start, Summaries, Task};
use imnn_data::{Noise, OnTheFly, Source, Transformed};
use imnn_models::{Element, Model, Optimiser, OptimiserConfig, Padding, conv, dense, flatten, gelu, serial};
use imnn_sim::{FiniteDifferences, GaussianMeanVariance, Key, NoisyLine, PowerLawField, Simulator};
use imnn_stats::Loss;
use ndarray::Array2;

const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const KEY: Key = Key::from_bytes([9; 32]);

fn dense_model(n: usize) -> Model {
    Model::new(serial([dense(8), gelu(), dense(2)]), &[n]).unwrap()
}

/// Networks and sources with exact and numerical derivatives of each simulator; rows of both kinds.
fn cases<E: Element>() -> Vec<(Model, Box<dyn Source<E>>)> {
    fn both<E: Element, S: Simulator + Clone + 'static>(simulator: S, theta: &[f64]) -> [Box<dyn Source<E>>; 2] {
        let widths = vec![0.1; theta.len()];
        [
            Box::new(OnTheFly::new(simulator.clone(), theta, 26, 15).unwrap()),
            Box::new(OnTheFly::numerical(simulator, theta, &widths, 26, 15).unwrap()),
        ]
    }
    let layers = [conv(3, &[3, 3], &[2, 2], Padding::Circular), gelu(), flatten(), dense(2)];
    let convolutions = Model::new(serial(layers), &[6, 6, 1]).unwrap();
    let line = NoisyLine::default().with_slope_variance(0.1).unwrap();
    let [a, b] = both(DRAWS, &[0.3, 1.2]);
    let [c, d] = both(line, &[1.0]);
    let [e, f] = both(PowerLawField::new(6).unwrap(), &[1.0, 0.5]);
    let (draws, line) = (dense_model(10), dense_model(100));
    vec![(draws.clone(), a), (draws, b), (line.clone(), c), (line, d), (convolutions.clone(), e), (convolutions, f)]
}

type Made = (Summaries, Vec<f64>);

/// Summaries and gradient.
fn passes<E: Element>(session: &mut dyn Session<E>, model: &Model, source: &dyn Source<E>, key: Key) -> Made {
    let weights = model.initialise::<E>(Key::new(1)).values().to_vec();
    let task = Task { weights: &weights, source, key };
    let made = session.forward(&task, true).unwrap().clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, source.n_params()), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![E::nan(); weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
    (made, gradient.iter().map(|g| g.f64()).collect())
}

fn on_cpu<E: Element>(model: &Model, source: &dyn Source<E>, key: Key) -> Made {
    passes(Cpu::<E>::new(1).unwrap().load(model).unwrap().as_mut(), model, source, key)
}

fn card<E: Element>(model: &Model, limits: Limits) -> CardSession<E, Emulated> {
    CardSession::new(model, Emulated::new(size_of::<E>()), limits).unwrap()
}

#[track_caller]
fn assert_near(found: &Made, expected: &Made, tolerance: f64) {
    let parts =
        |made: &Made| [made.0.x.as_slice().unwrap().to_vec(), made.0.dx.iter().copied().collect(), made.1.clone()];
    for (found, expected) in parts(found).iter().zip(parts(expected)) {
        assert_eq!(found.len(), expected.len());
        let scale = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= tolerance * scale, "{found} and {expected} of {scale}");
        }
    }
}

#[test]
fn cards_that_simulate_agree_with_the_cpu_and_read_nothing() {
    fn agree<E: Element>(tolerance: f64) {
        for (model, source) in cases::<E>() {
            let expected = on_cpu(&model, source.as_ref(), KEY);
            for n in [None, Some(4)] {
                let mut session = card::<E>(&model, Limits { n, ..Limits::default() });
                let found = passes(&mut session, &model, source.as_ref(), KEY);
                assert_near(&found, &expected, tolerance);
                assert!(session.backend.seen.contains("draw_normals"));
                // The next pass uploads no simulations: weights, cotangents and a key.
                let weights = model.layout().len() * size_of::<E>();
                let before = session.backend.uploaded;
                let other = passes(&mut session, &model, source.as_ref(), KEY.fold_in(1));
                let uploaded = session.backend.uploaded - before;
                assert!(uploaded <= weights + (15 * 5 + 26 + 8) * 2 * size_of::<E>() + 32, "{uploaded}");
                assert_ne!(other, found);
                session.backend.backwards = true;
                assert_eq!(passes(&mut session, &model, source.as_ref(), KEY), found);
            }
        }
    }
    agree::<f64>(1e-11);
    agree::<f32>(3e-5);
}

#[test]
fn little_memory_changes_nothing_but_who_simulates() {
    let mut who = [0, 0];
    for (model, source) in cases::<f64>() {
        let expected = on_cpu(&model, source.as_ref(), KEY);
        for memory in [3_000, 6_000, 12_000, 25_000, 50_000, 100_000, 400_000] {
            let mut session = card::<f64>(&model, Limits { memory: Some(memory), ..Limits::default() });
            let before = session.backend.used;
            let weights = model.initialise::<f64>(Key::new(1)).values().to_vec();
            let task = Task { weights: &weights, source: source.as_ref(), key: KEY };
            match session.forward(&task, true) {
                Err(DeviceError::OutOfMemory { .. }) => continue,
                other => drop(other.unwrap()),
            }
            // Beside what is counted there are summaries and their cotangents.
            let uncounted = 8 * (2 * 2 * (26 + 4 * 15) + 2 * 2 * 2);
            assert!(session.backend.used - before <= memory + uncounted, "{memory}");
            assert_near(&passes(&mut session, &model, source.as_ref(), KEY), &expected, 1e-11);
            who[usize::from(session.backend.seen.contains("draw_normals"))] += 1;
        }
    }
    assert!(who[0] > 0 && who[1] > 0, "{who:?}");
}

/// Simulations of rows on several cards are those of the whole.
#[test]
fn several_cards_simulate_their_shares() {
    for (model, source) in cases::<f64>() {
        let expected = on_cpu(&model, source.as_ref(), KEY);
        for n in [2, 3] {
            let cards = (0..n).map(|_| -> Box<dyn Session<f64>> { Box::new(card(&model, Limits::default())) });
            let mut session = Several::new(cards.collect());
            assert_near(&passes(&mut session, &model, source.as_ref(), KEY), &expected, 1e-11);
        }
    }
}

/// Sources of equal shape that simulate otherwise, or do not, are told apart; so are the keys of training and validation.
#[test]
fn sources_of_equal_shape_are_told_apart() {
    let model = dense_model(10);
    let field = |theta: [f64; 2]| OnTheFly::new(DRAWS, &theta, 20, 20).unwrap();
    let (one, other) = (field([0.0, 1.0]), field([2.0, 0.5]));
    let fixed = imnn_data::simulate_exact::<f64, _>(&DRAWS, &[1.0, 3.0], 20, 20, Key::new(4)).unwrap();
    let differences =
        FiniteDifferences::new(2, vec![10], vec![1e-3; 2], |key: Key, theta: &[f64], data: &mut [f64]| {
            DRAWS.simulate(key, theta, data);
        });
    let differences = OnTheFly::new(differences.unwrap(), &[0.0, 1.0], 20, 20).unwrap();
    let noise = Noise::<f64>::simulated(DRAWS, &[0.0, 1.0]).unwrap();
    let noise = Transformed::new(field([0.0, 1.0]), noise).unwrap();
    let sources: [&dyn Source<f64>; 5] = [&one, &other, &fixed, &differences, &noise];
    assert_eq!(sources.map(|source| source.simulated().is_some()), [true, true, false, false, false]);
    let mut session = card::<f64>(&model, Limits::default());
    let weights = model.initialise::<f64>(Key::new(1)).values().to_vec();
    for source in sources.into_iter().chain(sources) {
        for validation in sources {
            let task = Task { weights: &weights, source: validation, key: Key::new(77) };
            let found = session.forward(&task, false).unwrap().clone();
            let mut cpu = Cpu::<f64>::new(1).unwrap().load(&model).unwrap();
            let expected = cpu.forward(&task, false).unwrap();
            assert_near(&(found, vec![]), &(expected.clone(), vec![]), 1e-11);
            assert_near(&passes(&mut session, &model, source, KEY), &on_cpu(&model, source, KEY), 1e-11);
        }
    }
}

/// With everything on the card an iteration of several batches is one sequence, before which a key is uploaded.
#[test]
fn whole_iterations_simulate_too() {
    for (model, source) in cases::<f64>() {
        let (optimiser, loss) = (OptimiserConfig::default(), Loss::new(10.0, 0.1).unwrap());
        let weights = model.initialise::<f64>(Key::new(1)).values().to_vec();
        let state = optimiser.initialise(weights.len());
        let start = Start {
            weights: &weights,
            optimiser: &optimiser,
            state: &state,
            lambda: loss.regularisation.lambda(),
            alpha: loss.regularisation.alpha(),
            source: source.as_ref(),
        };
        let losses = |n: Option<usize>| {
            let mut session = card::<f64>(&model, Limits { n, ..Limits::default() });
            let mut losses = vec![];
            let mut settled = session.settle(&start).unwrap().unwrap();
            for i in 0..4 {
                let keys = Keys { own: KEY.fold_in(i), next: None };
                let evaluated = settled.iterate(source.as_ref(), keys, i, None).unwrap();
                let Evaluated::Loss(record) = evaluated else { panic!() };
                losses.push(-record.det_f.ln() + record.r * record.lambda2);
            }
            drop(settled);
            (losses, session.backend.runs, session.backend.uploaded)
        };
        let (expected, runs, uploaded) = losses(None);
        let (found, runs_of_batches, uploaded_with_batches) = losses(Some(4));
        assert_eq!((runs_of_batches, uploaded_with_batches), (runs, uploaded));
        for (found, expected) in found.iter().zip(&expected) {
            approx::assert_relative_eq!(found, expected, max_relative = 1e-9);
        }
        // The first is the loss of the host's simulations.
        let made = on_cpu(&model, source.as_ref(), KEY.fold_in(0)).0;
        let host = loss.evaluate(made.x.view(), made.dx.view()).unwrap();
        approx::assert_relative_eq!(expected[0], host.value, max_relative = 1e-9);
    }
}
