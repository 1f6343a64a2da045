//! Sessions on the emulated card: against the CPU, with much and with little memory, and after errors.

use super::session::{CardSession, Limits};
use crate::commands::Backend;
use crate::commands::emulated::Emulated;
use crate::several::Several;
use crate::{Cotangents, Cpu, Device, DeviceError, Session, Summaries, Task};
use imnn_agreement::Case;
use imnn_data::{Arrays, Noise, OnTheFly, Source, Transformed, simulate_exact, simulate_numerical};
use imnn_models::{Element, Model, Padding, conv, dense, flatten, gelu, max_pool, relu, reshape, serial, standardise};
use imnn_sim::{GaussianMeanVariance, Key};
use ndarray::{Array2, ArrayD, Axis, Ix2};

const THETA: [f64; 2] = [0.0, 1.0];
const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const KEY: Key = Key::from_bytes([7; 32]);

fn models() -> [Model; 2] {
    let smooth = serial([dense(16), gelu(), dense(16), gelu(), dense(2)]);
    let layers = [conv(4, &[3], &[1], Padding::Same), relu(), max_pool(&[2], &[2], Padding::Valid)];
    let layers = [reshape(&[10, 1]), standardise(&[0.2], &[1.5])].into_iter().chain(layers);
    let kinks = serial(layers.chain([flatten(), dense(9), relu(), dense(2)]));
    [smooth, kinks].map(|network| Model::new(network, &[10]).unwrap())
}

fn exact(n_s: usize) -> Arrays<f64> {
    simulate_exact(&DRAWS, &THETA, n_s, 2 * n_s / 3, KEY).unwrap()
}

fn sources() -> [Box<dyn Source<f64>>; 3] {
    [
        Box::new(exact(50)),
        Box::new(simulate_numerical::<f64, _>(&DRAWS, &THETA, &[0.1, 0.1], 50, 33, KEY).unwrap()),
        Box::new(OnTheFly::new(DRAWS, &THETA, 40, 40).unwrap()),
    ]
}

fn weights<E: Element>(model: &Model) -> Vec<E> {
    model.initialise::<E>(Key::new(1)).values().to_vec()
}

type Made = (Summaries, Vec<f64>);

fn passes(session: &mut dyn Session<f64>, model: &Model, source: &dyn Source<f64>, keep: bool) -> Made {
    let weights = weights(model);
    let task = Task { weights: &weights, source, key: KEY };
    let summaries = session.forward(&task, keep).unwrap().clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f64::NAN; weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
    (summaries, gradient)
}

fn card(model: &Model, limits: Limits) -> CardSession<f64, Emulated> {
    CardSession::new(model, Emulated::new(size_of::<f64>()), limits).unwrap()
}

fn assert_close(found: &Made, expected: &Made, what: &str) {
    let scale = |values: &[f64]| values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let pairs = [
        (found.0.x.as_slice().unwrap(), expected.0.x.as_slice().unwrap()),
        (found.0.dx.as_slice().unwrap(), expected.0.dx.as_slice().unwrap()),
        (&found.1[..], &expected.1[..]),
    ];
    for (found, expected) in pairs {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-11 * scale(expected), "{what}: {a} and {b}");
        }
    }
}

/// Sources of equal shape are told apart; so are the keys of training and validation.
#[test]
fn sources_of_equal_shape_are_told_apart() {
    let model = &models()[0];
    let draws = |theta: [f64; 2]| OnTheFly::new(DRAWS, &theta, 20, 20).unwrap();
    let (one, other) = (draws([0.0, 1.0]), draws([2.0, 0.5]));
    let fixed = simulate_exact::<f64, _>(&DRAWS, &[1.0, 3.0], 20, 20, Key::new(4)).unwrap();
    let noise = Noise::<f64>::simulated(DRAWS, &[0.0, 1.0]).unwrap();
    let noisy = Transformed::new(draws([0.0, 1.0]), noise).unwrap();
    let sources: [&dyn Source<f64>; 4] = [&one, &other, &fixed, &noisy];
    let mut session = card(model, Limits::default());
    let weights = weights(model);
    for source in sources.into_iter().chain(sources) {
        for validation in sources {
            let task = Task { weights: &weights, source: validation, key: Key::new(77) };
            let found = session.forward(&task, false).unwrap().clone();
            let mut cpu = Cpu::<f64>::new(1).unwrap().load(model).unwrap();
            let expected = cpu.forward(&task, false).unwrap().clone();
            assert_close(&(found, vec![]), &(expected, vec![]), "validation");
            let expected = passes(cpu.as_mut(), model, source, true);
            assert_close(&passes(&mut session, model, source, true), &expected, "training");
        }
    }
}

#[test]
fn a_card_agrees_with_the_cpu_however_the_work_is_cut() {
    let whole = Limits::default();
    let limits = [
        whole,
        Limits { n: Some(7), ..whole },
        Limits { n: Some(1), ..whole },
        Limits { memory: Some(60_000), ..whole },
        Limits { memory: Some(20_000), patches: 100, ..whole },
    ];
    for model in &models() {
        for source in &sources() {
            let mut cpu = Cpu::<f64>::new(1).unwrap().load(model).unwrap();
            let expected = passes(cpu.as_mut(), model, source.as_ref(), true);
            for limits in limits {
                for keep in [true, false] {
                    let mut session = card(model, limits);
                    let found = passes(&mut session, model, source.as_ref(), keep);
                    assert_close(&found, &expected, &format!("{limits:?}, keep: {keep}"));
                    // The same again to the bit, also with threads the other way round.
                    session.backend.backwards = true;
                    assert_eq!(passes(&mut session, model, source.as_ref(), keep), found, "{limits:?}");
                }
            }
        }
    }
}

#[test]
fn simulations_in_memory_are_uploaded_once() {
    let [model, _] = models();
    let mut session = card(&model, Limits::default());
    let source = exact(60);
    let first = passes(&mut session, &model, &source, true);
    let before = session.backend.uploaded;
    assert_eq!(passes(&mut session, &model, &source, true), first);
    let again = session.backend.uploaded - before;
    assert!(again < 60 * 10 * size_of::<f64>() * 2, "{again} bytes");
    // Other simulations of the same shape are other simulations.
    let other: Arrays<f64> = simulate_exact(&DRAWS, &THETA, 60, 40, Key::new(99)).unwrap();
    let found = passes(&mut session, &model, &other, true);
    assert_ne!(found, first);
    assert_eq!(passes(&mut card(&model, Limits::default()), &model, &other, true), found);
    assert_eq!(passes(&mut session, &model, &source, true), first);
}

#[test]
fn training_and_validation_take_turns() {
    let [model, _] = models();
    let (training, validation) = (exact(50), exact(30));
    let alone = passes(&mut card(&model, Limits::default()), &model, &training, true);
    let mut session = card(&model, Limits::default());
    let weights = weights(&model);
    for _ in 0..3 {
        assert_eq!(passes(&mut session, &model, &training, true), alone);
        let task = Task { weights: &weights, source: &validation, key: KEY };
        assert_eq!(session.forward(&task, false).unwrap().x.nrows(), 30);
    }
    let held = session.backend.used;
    passes(&mut session, &model, &training, true);
    assert_eq!(session.backend.used, held);
}

#[test]
fn when_memory_runs_out_batches_get_smaller() {
    let [model, _] = models();
    let source = exact(50);
    let expected = passes(&mut card(&model, Limits::default()), &model, &source, true);
    let mut session = card(&model, Limits::default());
    session.backend.really = session.backend.used + 40_000;
    let found = passes(&mut session, &model, &source, true);
    assert_close(&found, &expected, "little memory");
    assert!(session.note().unwrap().contains("out of memory"), "{:?}", session.note());
    // Too little for a single simulation is an error, and no more than that.
    let mut session = card(&model, Limits::default());
    session.backend.really = session.backend.used + 1000;
    let (weights, used) = (weights(&model), session.backend.used);
    let task = Task { weights: &weights, source: &source, key: KEY };
    let error = session.forward(&task, true).unwrap_err();
    assert!(matches!(error, DeviceError::OutOfMemory { device: 0, .. }), "{error}");
    assert_eq!(session.backend.used, used);
    session.backend.really = usize::MAX;
    assert_eq!(passes(&mut session, &model, &source, true), expected);
}

#[test]
fn what_does_not_fit_is_refused_and_harms_nothing() {
    let [model, _] = models();
    let source = exact(30);
    let mut session = card(&model, Limits::default());
    let expected = passes(&mut session, &model, &source, true);
    let good = weights(&model);
    let short = Task { weights: &good[1..], source: &source, key: KEY };
    assert!(matches!(session.forward(&short, true).unwrap_err(), DeviceError::Weights { .. }));
    let nans = vec![f64::NAN; good.len()];
    let task = Task { weights: &nans, source: &source, key: KEY };
    assert!(matches!(session.forward(&task, true).unwrap_err(), DeviceError::NonFinite { row: 0, n_s: 30, .. }));
    let task = Task { weights: &good, source: &source, key: KEY };
    let (x, dx) = (Array2::zeros((29, 2)), Array2::zeros((2, 2)));
    let cotangents = Cotangents { x: x.view(), dx: dx.view() };
    let mut gradient = vec![0.0; good.len()];
    assert!(matches!(session.backward(&task, &cotangents, &mut gradient), Err(DeviceError::Cotangents { .. })));
    let x = Array2::zeros((30, 2));
    let cotangents = Cotangents { x: x.view(), dx: dx.view() };
    assert!(matches!(session.backward(&task, &cotangents, &mut gradient[1..]), Err(DeviceError::Gradient { .. })));
    assert_eq!(passes(&mut session, &model, &source, true), expected);
}

#[test]
fn several_cards_are_one() {
    let model = &models()[1];
    for source in &sources() {
        let expected = passes(&mut card(model, Limits::default()), model, source.as_ref(), true);
        for n in [1, 2, 3, 60] {
            let cards = (0..n).map(|_| -> Box<dyn Session<f64>> { Box::new(card(model, Limits::default())) });
            let mut session = Several::new(cards.collect());
            let found = passes(&mut session, model, source.as_ref(), true);
            assert_close(&found, &expected, &format!("{n} cards"));
            assert_eq!(passes(&mut session, model, source.as_ref(), true), found);
        }
    }
    let mut session =
        Several::new(vec![Box::new(card(model, Limits::default())), Box::new(card(model, Limits::default()))]);
    let mut broken = exact(30).fiducial().into_owned();
    // The last simulation of the first card has a sum that is too large for any number.
    broken.index_axis_mut(Axis(0), 14).fill(f64::MAX);
    let source = Arrays::data(broken, "broken").unwrap();
    let weights = vec![1.0; model.layout().len()];
    let task = Task { weights: &weights, source: &source, key: KEY };
    let error = session.forward(&task, true).unwrap_err();
    assert!(matches!(error, DeviceError::NonFinite { row: 14, n_s: 30, .. }), "{error}");
}

/// Random networks through a session on a card against the CPU, several passes each, so that graphs are captured and
/// replayed; the bits of all passes are the same.
///
/// `coarse` is how far factors of products are rounded beyond E, relative to themselves.
fn networks_agree<E: Element, B: Backend>(seeds: u64, tolerance: f64, coarse: f64, card: impl Fn() -> B) {
    let mut compared = 0;
    for seed in 0..seeds {
        let model = Case::drawn(seed).model;
        let exact = Passes::drawn(&model, seed);
        let expected = exact.run(Cpu::<f64>::new(1).unwrap().load(&model).unwrap().as_mut(), 1);
        // Near a kink rounding may do more; how much, the CPU in the same precision shows, with inputs as coarse.
        let mut bounds = [0.0; 3];
        for draw in 0..if coarse > 0.0 { 4 } else { 1 } {
            let near = |values: &ArrayD<f64>| {
                let mut noise = vec![0.0; values.len()];
                Key::new(seed).fold_in(4 + draw).fill_normal(&mut noise);
                let mut values = values.clone();
                values.iter_mut().zip(noise).for_each(|(v, noise)| *v *= 1.0 + coarse * noise);
                values
            };
            let (values, derivatives) = (near(&exact.values), near(&exact.derivatives));
            let other = Passes { values, derivatives, x: exact.x.clone(), dx: exact.dx.clone(), ..exact };
            let rounded = other.run(Cpu::<E>::new(1).unwrap().load(&model).unwrap().as_mut(), 1);
            for ((bound, rounded), expected) in bounds.iter_mut().zip(&rounded).zip(&expected) {
                *bound = f64::max(*bound, 8.0 * distance(rounded, expected));
            }
        }
        let mut session = CardSession::<E, B>::new(&model, card(), Limits { n: Some(5), ..Limits::default() }).unwrap();
        let found = exact.run(&mut session, 4);
        if !expected.iter().flatten().all(|v| v.is_finite()) {
            continue;
        }
        for ((found, expected), bound) in found.iter().zip(&expected).zip(bounds) {
            let scale = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            let off = distance(found, expected);
            assert!(off <= bound.max(tolerance * scale), "seed {seed}: {off:e} of {scale:e}; {:?}", model.network());
        }
        compared += 1;
    }
    assert!(compared > seeds / 2, "{compared} of {seeds}");
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
}

struct Passes<'a> {
    model: &'a Model,
    values: ArrayD<f64>,
    derivatives: ArrayD<f64>,
    x: Array2<f64>,
    dx: Array2<f64>,
}

impl<'a> Passes<'a> {
    /// Random simulations and cotangents for a model.
    fn drawn(model: &'a Model, seed: u64) -> Self {
        let (n_s, n_d, p) = (13, 9, 1 + seed as usize % 3);
        let shape = |first: &[usize]| [first, model.input_shape()].concat();
        let normal = |purpose: u64, shape: &[usize]| {
            let mut values = vec![0.0; shape.iter().product()];
            Key::new(seed).fold_in(purpose).fill_normal(&mut values);
            ArrayD::from_shape_vec(shape, values).unwrap()
        };
        let values = normal(0, &shape(&[n_s]));
        let derivatives = normal(1, &[&shape(&[n_d])[..], &[p]].concat());
        let x = normal(2, &[n_s, model.n_summaries()]).into_dimensionality::<Ix2>().unwrap();
        let dx = normal(3, &[model.n_summaries(), p]).into_dimensionality::<Ix2>().unwrap();
        Passes { model, values, derivatives, x, dx }
    }

    /// Summaries, tangents and gradient, of several passes with the same bits.
    fn run<E: Element>(&self, session: &mut dyn Session<E>, times: usize) -> [Vec<f64>; 3] {
        let narrow = |values: &ArrayD<f64>| values.mapv(E::of);
        let source = Arrays::exact(narrow(&self.values), narrow(&self.derivatives)).unwrap();
        let weights = weights::<E>(self.model);
        let task = Task { weights: &weights, source: &source, key: KEY };
        let mut once = || {
            let made = session.forward(&task, true).unwrap().clone();
            let mut gradient = vec![E::nan(); weights.len()];
            let cotangents = Cotangents { x: self.x.view(), dx: self.dx.view() };
            session.backward(&task, &cotangents, &mut gradient).unwrap();
            let gradient = gradient.iter().map(|g| g.f64()).collect();
            [made.x.into_iter().collect(), made.dx.into_iter().collect(), gradient]
        };
        let first = once();
        for _ in 1..times {
            assert_eq!(once(), first);
        }
        first
    }
}

#[test]
fn random_networks_agree_with_the_cpu() {
    networks_agree::<f32, _>(60, 1e-4, 0.0, || Emulated::new(size_of::<f32>()));
    networks_agree::<f64, _>(60, 1e-10, 0.0, || Emulated::new(size_of::<f64>()));
}

/// What is counted for benchmarks is about what kernels touch: a span counts once, whatever a kernel skips of it or adds to.
#[test]
fn traffic_is_about_what_kernels_touch() {
    let mut all = std::collections::BTreeMap::new();
    for seed in 0..60 {
        let model = Case::drawn(seed).model;
        let limits = Limits { n: Some(5), ..Limits::default() };
        let mut session = CardSession::<f32, _>::new(&model, Emulated::new(size_of::<f32>()), limits).unwrap();
        session.backend.traffic = Some(all);
        let exact = Passes::drawn(&model, seed);
        exact.run(&mut session, 1);
        all = session.backend.traffic.take().unwrap();
    }
    let [counted, touched] = all.values().fold([0; 2], |sum, own| [sum[0] + own[0], sum[1] + own[1]]);
    assert!(touched * 2 <= counted * 3 && counted * 2 <= touched * 3, "{counted} for {touched}: {all:?}");
}

/// The same on the card of this machine; with IMNN_GPU set, as `cargo xtask gpu-check` does, there has to be one.
#[cfg(feature = "cuda")]
#[test]
fn random_networks_agree_on_the_gpu() {
    use super::card::Card;
    let report = crate::CudaReport::look();
    if !report.missing.is_empty() {
        assert!(std::env::var_os("IMNN_GPU").is_none(), "IMNN_GPU is set, and: {}", report.missing.join("; "));
        eprintln!("SKIPPED: nothing was run on a GPU: {}", report.missing.join("; "));
        return;
    }
    // Fewer where each access is checked, which takes long.
    let n = std::env::var("IMNN_GPU_NETWORKS").ok().map_or(100, |n| n.parse().unwrap());
    networks_agree::<f32, _>(n, 1e-4, 0.0, || Card::new(0, size_of::<f32>(), false).unwrap());
    networks_agree::<f64, _>(n, 1e-10, 0.0, || Card::new(0, size_of::<f64>(), false).unwrap());
    // TF32 has ten bits of mantissa.
    networks_agree::<f32, _>(n.min(20), 2e-2, 1.0 / 1024.0, || Card::new(0, size_of::<f32>(), true).unwrap());
    eprintln!(
        "GPU: {n} random networks agree with the CPU in f32 and f64, up to 20 in TF32, every pass to the bit\n{report}"
    );
}

/// What is answered where there is no GPU, or one that does not exist.
#[test]
fn a_gpu_that_is_not_there_is_refused() {
    let report = crate::CudaReport::look();
    let error = crate::Cuda::<f32>::new(1000).unwrap_err();
    assert!(matches!(crate::Aggregator::<f32, crate::Cuda<f32>>::new([]), Err(DeviceError::NoDevices)));
    match error {
        DeviceError::NoCudaFeature => assert!(!report.built && report.missing[0].contains("feature `cuda`")),
        DeviceError::NoCuda { missing } => assert!(report.built && missing.contains(&report.missing[0])),
        DeviceError::NoGpu { device: 1000, found } => assert_eq!(found, report.gpus.len()),
        other => panic!("{other}"),
    }
    assert!(report.to_string().contains(if report.built { "cuBLAS" } else { "missing: this build" }));
}
