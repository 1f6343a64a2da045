//! Training on the emulated card against training on the host: the CPU's passes, the loss of imnn-stats and the optimisers of
//! imnn-models.

use super::*;
use crate::commands::emulated::Emulated;
use crate::cuda::session::Limits;
use crate::{Cotangents, Cpu, Device, DeviceError, Session};
use imnn_data::{Arrays, OnTheFly, simulate_numerical};
use imnn_models::{
    Adam, AdamW, DeviceUpdate, Model, Optimiser, OptimiserConfig, Padding, RmsProp, Schedule, Sgd, conv, dense,
    flatten, gelu, leaky_relu, relu, reshape, serial,
};
use imnn_sim::GaussianMeanVariance;
use imnn_stats::{Loss, Record};
use ndarray::{Array2, ArrayD, Axis};

const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const THETA: [f64; 2] = [0.0, 1.0];
const KEY: Key = Key::from_bytes([5; 32]);
const ITERATIONS: u64 = 12;

fn model() -> Model {
    Model::new(serial([dense(12), leaky_relu(), dense(12), gelu(), dense(2)]), &[10]).unwrap()
}

/// A 1 x 1 convolution before windows is composed with these.
fn composed() -> Model {
    let layers = [reshape(&[10, 1]), conv(3, &[1], &[1], Padding::Same), conv(4, &[3], &[2], Padding::Same), relu()];
    let layers = layers.into_iter().chain([flatten(), dense(8), leaky_relu(), dense(2)]);
    Model::new(serial(layers), &[10]).unwrap()
}

fn sources(n_s: usize, n_d: usize) -> [Box<dyn Source<f64>>; 3] {
    [
        Box::new(imnn_data::simulate_exact(&DRAWS, &THETA, n_s, n_d, KEY).unwrap()),
        Box::new(simulate_numerical::<f64, _>(&DRAWS, &THETA, &[0.1, 0.2], n_s, n_d, KEY).unwrap()),
        Box::new(OnTheFly::new(DRAWS, &THETA, n_s, n_d).unwrap()),
    ]
}

/// Adam whose steps do not depend on the sign of gradients that are rounding alone.
fn smooth(learning_rate: impl Into<Schedule>) -> Adam {
    Adam::new(learning_rate).unwrap().epsilon(0.1).unwrap()
}

/// The update of an optimiser as cards make it.
fn on_a_device(optimiser: &OptimiserConfig) -> DeviceUpdate {
    Optimiser::<f64>::device_update(optimiser).unwrap()
}

fn optimisers() -> Vec<OptimiserConfig> {
    let cosine = Schedule::Cosine { start: 1e-2, iterations: 10, end: 1e-3 };
    vec![
        smooth(cosine.clone()).into(),
        AdamW::new(1e-2).unwrap().epsilon(0.1).unwrap().weight_decay(0.1).unwrap().into(),
        Sgd::new(1e-3).unwrap().momentum(0.9).unwrap().into(),
        Sgd::new(1e-3).unwrap().momentum(0.9).unwrap().nesterov(true).into(),
        RmsProp::new(cosine).unwrap().epsilon(0.1).unwrap().into(),
        OptimiserConfig::from(smooth(1e-2)).clip(Clip::Norm(0.05)).unwrap(),
        OptimiserConfig::from(Sgd::new(1e-3).unwrap()).clip(Clip::Norm(1e9)).unwrap(),
        OptimiserConfig::from(RmsProp::new(1e-2).unwrap().epsilon(0.1).unwrap()).clip(Clip::Value(0.01)).unwrap(),
    ]
}

fn card<E: Element>(model: &Model, limits: Limits) -> CardSession<E, Emulated> {
    CardSession::new(model, Emulated::new(size_of::<E>()), limits).unwrap()
}

/// What training leaves: weights, optimiser, and of every iteration loss, L2, r, ln det F, det F, det C, det C^-1.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    weights: Vec<f64>,
    state: OptimiserState<f64>,
    records: Vec<[f64; 6]>,
}

fn numbers_of(record: Record) -> [f64; 6] {
    let Record { det_f, det_c, det_inv_c, lambda2, r, log_det_f } = record;
    [lambda2, r, log_det_f, det_f, det_c, det_inv_c]
}

fn keys(i: u64) -> Keys {
    Keys { own: KEY.fold_in(i), next: Some(KEY.fold_in(i + 1)) }
}

struct Case<'a> {
    model: &'a Model,
    source: &'a dyn Source<f64>,
    optimiser: &'a OptimiserConfig,
    loss: Loss,
    iterations: u64,
}

impl<'a> Case<'a> {
    fn new(model: &'a Model, source: &'a dyn Source<f64>, optimiser: &'a OptimiserConfig) -> Self {
        Case { model, source, optimiser, loss: Loss::new(10.0, 0.1).unwrap(), iterations: ITERATIONS }
    }

    fn start(&self) -> (Vec<f64>, OptimiserState<f64>) {
        let weights = self.model.initialise::<f64>(Key::new(1)).values().to_vec();
        let state = self.optimiser.initialise(weights.len());
        (weights, state)
    }

    fn on_host(&self) -> Run {
        let (mut weights, mut state) = self.start();
        let mut session = Cpu::<f64>::new(1).unwrap().load(self.model).unwrap();
        let mut gradient = vec![0.0; weights.len()];
        let mut records = vec![];
        for i in 0..self.iterations {
            let task = Task { weights: &weights, source: self.source, key: keys(i).own };
            let made = session.forward(&task, true).unwrap();
            let found = self.loss.evaluate(made.x.view(), made.dx.view()).unwrap();
            let cotangents = Cotangents { x: found.dloss_dx.view(), dx: found.dloss_ddx.view() };
            session.backward(&task, &cotangents, &mut gradient).unwrap();
            self.optimiser.update(i, &mut gradient, &mut state, &mut weights);
            let s = &found.statistics;
            records.push([found.record.lambda2, found.record.r, s.log_det_f, s.det_f, s.det_c, s.det_inv_c]);
        }
        Run { weights, state, records }
    }

    fn training<'b>(&self, session: &'b mut CardSession<f64, Emulated>) -> CardTraining<'b, f64, Emulated> {
        let (weights, state) = self.start();
        let update = on_a_device(self.optimiser);
        let start =
            Start { weights: &weights, optimiser: &update, state: &state, loss: self.loss, source: self.source };
        CardTraining::new(session, &start).unwrap().unwrap()
    }

    fn on_card(&self, session: &mut CardSession<f64, Emulated>) -> Run {
        let mut training = self.training(session);
        let mut records = vec![];
        for i in 0..self.iterations {
            match training.iterate(self.source, keys(i), i, None).unwrap() {
                LossResult::Record(record) => records.push(numbers_of(record)),
                LossResult::Singular(summaries) => panic!("{summaries:?}"),
            }
        }
        let (mut weights, mut state) = self.start();
        training.fetch(&mut weights, &mut state).unwrap();
        Run { weights, state, records }
    }
}

fn assert_near(found: &Run, expected: &Run, tolerance: f64, what: &str) {
    let near = |a: &[f64], b: &[f64], name: &str| {
        assert_eq!(a.len(), b.len());
        let scale = b.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= tolerance * scale.max(1e-3), "{what}, {name}: {a} and {b}");
        }
    };
    near(&found.weights, &expected.weights, "weights");
    for ((name, a), (other, b)) in found.state.slots().iter().zip(expected.state.slots()) {
        assert_eq!(name, other);
        near(a, b, name);
    }
    for (i, (a, b)) in found.records.iter().zip(&expected.records).enumerate() {
        a.iter().zip(b).for_each(|(a, b)| near(&[*a], &[*b], &format!("iteration {i}: {b}")));
    }
}

#[test]
fn training_on_a_card_is_training_on_the_host() {
    let whole = Limits::default();
    let limits = [
        whole,
        Limits { n: Some(7), ..whole },
        Limits { memory: Some(60_000), ..whole },
        Limits { n: Some(40), ..whole },
    ];
    for model in [&model(), &composed()] {
        for (which, source) in sources(60, 40).iter().enumerate() {
            let optimiser = smooth(1e-2).into();
            let case = Case::new(model, source.as_ref(), &optimiser);
            let expected = case.on_host();
            for limits in limits {
                let mut session = card(model, limits);
                let found = case.on_card(&mut session);
                assert_near(&found, &expected, 1e-9, &format!("source {which}, {limits:?}"));
                // The same again to the bit, with threads the other way round, and nothing is left behind.
                let used = session.backend.used;
                session.backend.backwards = true;
                assert_eq!(case.on_card(&mut session), found);
                assert_eq!(session.backend.used, used);
            }
        }
    }
}

#[test]
fn all_optimisers_and_limits_are_those_of_the_host() {
    let model = model();
    let source = &sources(50, 50)[0];
    for optimiser in &optimisers() {
        let case = Case::new(&model, source.as_ref(), optimiser);
        let found = case.on_card(&mut card(&model, Limits::default()));
        assert_near(&found, &case.on_host(), 1e-9, &format!("{optimiser:?}"));
    }
}

/// In two lanes, of which either may be ahead, the same bits come out, and there is something to gain.
#[test]
fn two_lanes_make_the_same_bits() {
    for model in [&model(), &composed()] {
        for source in &sources(60, 40) {
            let optimiser = OptimiserConfig::from(Adam::new(1e-2).unwrap()).clip(Clip::Norm(0.1)).unwrap();
            let case = Case::new(model, source.as_ref(), &optimiser);
            let expected = case.on_card(&mut card(model, Limits::default()));
            for ahead in [0, 1] {
                let mut backend = Emulated::new(size_of::<f64>());
                backend.ahead = Some(ahead);
                let mut session =
                    CardSession::new(model, backend, Limits { n: Some(30), ..Limits::default() }).unwrap();
                let found = case.on_card(&mut session);
                let mut plain = card(model, Limits { n: Some(30), ..Limits::default() });
                assert_eq!(found, case.on_card(&mut plain), "lane {ahead} ahead");
                assert_near(&found, &expected, 1e-9, "batches");
            }
        }
    }
}

#[test]
fn a_whole_iteration_is_one_sequence_where_all_fits() {
    let model = model();
    let optimiser = OptimiserConfig::default();
    for (source, sequences) in sources(60, 60).iter().zip([1, 1, 1]) {
        let case = Case::new(&model, source.as_ref(), &optimiser);
        let mut session = card(&model, Limits::default());
        let mut training = case.training(&mut session);
        training.iterate(case.source, keys(0), 0, None).unwrap();
        let before = training.session.backend.runs;
        training.iterate(case.source, keys(1), 1, None).unwrap();
        assert_eq!(training.session.backend.runs - before, sequences);
    }
}

/// The loss itself for many numbers of summaries and parameters. The network is linear, from more numbers than it has
/// summaries: else no information would be lost, and the gradient would be that of the regularisation alone.
#[test]
fn the_loss_is_that_of_the_statistics_crate() {
    let several = [(5, 2), (9, 7), (MOST_SUMMARIES, 4), (MOST_SUMMARIES, MOST_SUMMARIES)].map(|(q, p)| (q, p, 70));
    let few = [(1, 1), (2, 1), (2, 2), (3, 3), (4, 4)].map(|(q, p)| [70, 80].map(|n_d| (q, p, n_d)));
    for (q, p, n_d) in several.into_iter().chain(few.into_iter().flatten()) {
        let model = Model::new(serial([dense(q)]), &[2 * q + 1]).unwrap();
        let normal = |purpose: u64, shape: &[usize]| {
            let mut values = vec![0.0; shape.iter().product()];
            Key::new((100 * q + p) as u64).fold_in(purpose).fill_normal(&mut values);
            ArrayD::from_shape_vec(shape, values).unwrap()
        };
        let mut values = normal(0, &[80, 2 * q + 1]);
        // Scales and offsets differ from summary to summary.
        for (s, mut column) in values.axis_iter_mut(Axis(1)).enumerate() {
            column.mapv_inplace(|v| 10.0 * s as f64 + v * 4.0_f64.powi(s as i32 % 5 - 2));
        }
        let source = Arrays::exact(values, normal(1, &[n_d, 2 * q + 1, p])).unwrap();
        let losses =
            [Loss::new(10.0, 0.1), Loss::new(100.0, 0.1), Loss::new(1.0, 0.3), Loss::squared(0.1), Loss::squared(0.0)];
        for loss in losses.map(Result::unwrap) {
            let optimiser = Sgd::new(1e-3).unwrap().into();
            // After one update the optimiser remembers the gradient.
            let case = Case { loss, iterations: 1, ..Case::new(&model, &source, &optimiser) };
            let mut session = card(&model, Limits::default());
            let found = case.on_card(&mut session);
            assert_near(&found, &case.on_host(), 1e-7, &format!("{q} summaries, {p} parameters, {loss:?}"));
            assert_eq!(session.backend.seen.contains("whole_loss"), q == p && q <= 3 && n_d == 80);
        }
    }
}

#[test]
fn best_weights_are_those_that_were_kept() {
    let model = model();
    let [source, ..] = sources(60, 60);
    let optimiser = OptimiserConfig::default();
    let case = Case::new(&model, source.as_ref(), &optimiser);
    let mut session = card(&model, Limits::default());
    let mut training = case.training(&mut session);
    let (start, mut state) = case.start();
    let (mut best, mut now) = (vec![0.0; start.len()], vec![0.0; start.len()]);
    assert!(!training.best(&mut best).unwrap());
    let LossResult::Record(first) = training.iterate(case.source, keys(0), 0, Some(f64::NEG_INFINITY)).unwrap() else {
        panic!()
    };
    assert!(training.best(&mut best).unwrap());
    assert_eq!(best, start);
    training.fetch(&mut now, &mut state).unwrap();
    assert_ne!(now, start);
    // Not above what was reached: the best stay.
    training.validate(case.source, KEY, Some(f64::INFINITY)).unwrap();
    training.validate(case.source, KEY, None).unwrap();
    training.best(&mut best).unwrap();
    assert_eq!(best, start);
    training.validate(case.source, KEY, Some(f64::NEG_INFINITY)).unwrap();
    training.iterate(case.source, keys(1), 1, Some(f64::INFINITY)).unwrap();
    training.best(&mut best).unwrap();
    assert_eq!(best, now);
    // The same iteration again, with the det F that it has: it is not above itself.
    drop(training);
    let mut again = card(&model, Limits::default());
    let mut training = case.training(&mut again);
    training.iterate(case.source, keys(0), 0, Some(first.log_det_f)).unwrap();
    assert!(!training.best(&mut best).unwrap());
}

#[test]
fn validation_leaves_training_as_it_is() {
    let model = model();
    for (source, validation) in sources(60, 60).iter().zip(&sources(60, 30)) {
        let optimiser = OptimiserConfig::default();
        let case = Case::new(&model, source.as_ref(), &optimiser);
        let alone = case.on_card(&mut card(&model, Limits::default()));
        let mut session = card(&model, Limits::default());
        let mut training = case.training(&mut session);
        let (mut weights, mut state) = case.start();
        for i in 0..ITERATIONS {
            let found = match training.iterate(case.source, keys(i), i, None).unwrap() {
                LossResult::Record(record) => numbers_of(record),
                LossResult::Singular(_) => panic!(),
            };
            assert_eq!(found, alone.records[i as usize]);
            training.fetch(&mut weights, &mut state).unwrap();
            let LossResult::Record(found) = training.validate(validation.as_ref(), KEY, None).unwrap() else {
                panic!()
            };
            let task = Task { weights: &weights, source: validation.as_ref(), key: KEY };
            let mut cpu = Cpu::<f64>::new(1).unwrap().load(&model).unwrap();
            let made = cpu.forward(&task, false).unwrap();
            let expected = case.loss.evaluate(made.x.view(), made.dx.view()).unwrap();
            approx::assert_relative_eq!(found.det_f, expected.record.det_f, max_relative = 1e-10);
            approx::assert_relative_eq!(found.det_f, expected.statistics.det_f, max_relative = 1e-10);
        }
        assert_eq!(weights, alone.weights);
    }
}

/// Equal shapes do not push each other off the card.
#[test]
fn training_and_validation_of_equal_shape_are_uploaded_once() {
    let model = model();
    let ([source, ..], validation) = (sources(60, 60), imnn_data::simulate_exact(&DRAWS, &THETA, 60, 60, Key::new(3)));
    let validation: Arrays<f64> = validation.unwrap();
    let optimiser = OptimiserConfig::default();
    let case = Case::new(&model, source.as_ref(), &optimiser);
    let mut session = card(&model, Limits::default());
    let mut training = case.training(&mut session);
    for i in 0..3 {
        let before = training.session.backend.uploaded;
        training.iterate(case.source, keys(i), i, None).unwrap();
        training.validate(&validation, KEY, None).unwrap();
        let uploaded = training.session.backend.uploaded - before;
        assert!(i == 0 || uploaded < 200, "{uploaded} bytes in iteration {i}");
    }
}

#[test]
fn where_there_is_no_loss_nothing_changes() {
    let model = model();
    let [source, ..] = sources(60, 60);
    let optimiser = OptimiserConfig::default();
    let case = Case::new(&model, source.as_ref(), &optimiser);
    let mut session = card(&model, Limits::default());
    let mut training = case.training(&mut session);
    training.iterate(case.source, keys(0), 0, None).unwrap();
    let (mut before, mut state) = case.start();
    training.fetch(&mut before, &mut state).unwrap();
    // All simulations are the same: their summaries have no covariance.
    let (same, derivative) = (ArrayD::ones(vec![60, 10]), ArrayD::ones(vec![60, 10, 2]));
    let same = Arrays::exact(same, derivative).unwrap();
    let LossResult::Singular(summaries) = training.iterate(&same, keys(1), 1, None).unwrap() else { panic!("a loss") };
    assert!(case.loss.evaluate(summaries.x.view(), summaries.dx.view()).is_err());
    // A number that is none is named by its row.
    let mut huge = Array2::zeros((60, 10)).into_dyn();
    huge.index_axis_mut(Axis(0), 17).fill(f64::MAX);
    let huge = Arrays::exact(huge, ArrayD::ones(vec![60, 10, 2])).unwrap();
    let error = training.iterate(&huge, keys(1), 1, None).unwrap_err();
    assert!(matches!(error, DeviceError::NonFinite { row: 17, n_s: 60, .. }), "{error}");
    let (mut after, mut state_after) = case.start();
    training.fetch(&mut after, &mut state_after).unwrap();
    assert_eq!((&after, &state_after), (&before, &state));
    // And training goes on as if nothing had been.
    let LossResult::Record(found) = training.iterate(case.source, keys(1), 1, None).unwrap() else { panic!("no loss") };
    let expected = case.on_card(&mut card(&model, Limits::default()));
    assert_eq!(numbers_of(found), expected.records[1]);
}

#[test]
fn what_cannot_train_on_a_card_is_left_to_the_host() {
    let many = MOST_SUMMARIES + 1;
    let model = Model::new(serial([dense(many)]), &[10]).unwrap();
    let [source, ..] = sources(60, 60);
    let optimiser = OptimiserConfig::default();
    let weights = vec![0.0; model.layout().len()];
    let state = optimiser.initialise(weights.len());
    let update = on_a_device(&optimiser);
    let start = |weights, source| Start {
        weights,
        optimiser: &update,
        state: &state,
        loss: Loss::new(10.0, 0.1).unwrap(),
        source,
    };
    let mut session = card::<f64>(&model, Limits::default());
    let used = session.backend.used;
    assert!(session.start_training(&start(&weights, source.as_ref())).unwrap().is_none());
    let few = Model::new(serial([dense(1)]), &[10]).unwrap();
    assert!(
        card::<f64>(&few, Limits::default()).start_training(&start(&weights[..11], source.as_ref())).unwrap().is_none()
    );
    assert_eq!(session.backend.used, used);
}

/// Training that finds too little memory beside what earlier passes have left takes it from them; with too little for
/// itself it is refused, and holds nothing.
#[test]
fn training_takes_memory_from_earlier_passes() {
    let model = model();
    let [source, ..] = sources(60, 60);
    let optimiser = smooth(1e-2).into();
    let case = Case::new(&model, source.as_ref(), &optimiser);
    let expected = case.on_card(&mut card(&model, Limits::default()));
    let mut session = card(&model, Limits::default());
    let bare = session.backend.used;
    let (weights, state) = case.start();
    let task = Task { weights: &weights, source: source.as_ref(), key: KEY };
    session.forward(&task, true).unwrap();
    assert!(session.backend.used > bare + 20_000);
    session.backend.really = session.backend.used + 1_000;
    assert_near(&case.on_card(&mut session), &expected, 1e-9, "little memory");

    let mut session = card(&model, Limits::default());
    session.backend.really = session.backend.used + 10_000;
    let loss = case.loss;
    let update = on_a_device(&optimiser);
    let start = Start { weights: &weights, optimiser: &update, state: &state, loss, source: source.as_ref() };
    let error = session.start_training(&start).err().unwrap();
    assert!(matches!(error, DeviceError::OutOfMemory { .. }), "{error}");
    assert_eq!(session.backend.used, bare);
}

#[test]
fn single_precision_trains_too() {
    let model = model();
    let source = imnn_data::simulate_exact::<f32, _>(&DRAWS, &THETA, 60, 60, KEY).unwrap();
    let double = &sources(60, 60)[0];
    let optimiser: OptimiserConfig = Adam::new(1e-2).unwrap().into();
    let case = Case::new(&model, double.as_ref(), &optimiser);
    let expected = case.on_host();
    let weights = model.initialise::<f32>(Key::new(1)).values().to_vec();
    let state = optimiser.initialise(weights.len());
    let Case { loss, .. } = case;
    let update = on_a_device(&optimiser);
    let start = Start { weights: &weights, optimiser: &update, state: &state, loss, source: &source };
    let mut session = card::<f32>(&model, Limits::default());
    let mut training = CardTraining::new(&mut session, &start).unwrap().unwrap();
    for i in 0..ITERATIONS {
        let LossResult::Record(found) = training.iterate(&source, keys(i), i, None).unwrap() else { panic!("no loss") };
        approx::assert_relative_eq!(found.det_f.ln(), expected.records[i as usize][2], max_relative = 1e-3);
    }
}
