//! Simulations on their way to an emulated card: copies as late as they may be, batches read ahead, errors, idle time.

use super::layout::Passes;
use super::session::{CardSession, Limits};
use crate::commands::Backend;
use crate::commands::emulated::Emulated;
use crate::{Cotangents, DeviceError, Keys, LossResult, Session, Start, Summaries, Task};
use imnn_data::{
    Arrays, DataError, DatasetSpec, HeldRows, Identity, Microbatch, OnTheFly, Prefetch, Source, Streamed, Streaming,
    simulate_exact,
};
use imnn_models::{Adam, Model, Optimiser, OptimiserConfig, dense, gelu, serial};
use imnn_sim::{GaussianMeanVariance, Key};
use imnn_stats::Loss;
use ndarray::Array2;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const THETA: [f64; 2] = [0.0, 1.0];
const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };

fn model() -> Model {
    Model::new(serial([dense(9), gelu(), dense(2)]), &[10]).unwrap()
}

fn draws() -> OnTheFly<GaussianMeanVariance> {
    OnTheFly::new(DRAWS, &THETA, 41, 23).unwrap()
}

fn key(k: u64) -> Key {
    Key::new(11).fold_in(k)
}

fn few() -> Limits {
    Limits { n: Some(5), ..Limits::default() }
}

/// So little that batches share one place.
fn little() -> Limits {
    Limits { memory: Some(6_000), ..Limits::default() }
}

fn session(limits: Limits) -> CardSession<f64, Emulated> {
    CardSession::new(&model(), Emulated::new(size_of::<f64>()), limits).unwrap()
}

fn late(limits: Limits) -> CardSession<f64, Emulated> {
    let mut session = session(limits);
    session.backend.late = true;
    session
}

fn weights() -> Vec<f64> {
    model().initialise::<f64>(Key::new(1)).values().to_vec()
}

type Made = (Summaries, Vec<f64>);

fn pass(session: &mut CardSession<f64, impl Backend>, source: &dyn Source<f64>, key: Key) -> Result<Made, DeviceError> {
    let weights = weights();
    let task = Task { weights: &weights, source, key };
    let summaries = session.forward(&task, true)?.clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, source.n_params()), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f64::NAN; weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient)?;
    Ok((summaries, gradient))
}

/// Has the first batch of a later task read.
fn read_ahead(session: &mut CardSession<f64, impl Backend>, source: &dyn Source<f64>, key: Key) {
    let weights = weights();
    let task = Task { weights: &weights, source, key };
    let layout = session.layouts.get_mut(Passes::Both).unwrap();
    session.feed.read_ahead(&mut session.backend, layout, &task, 0, None).unwrap();
}

/// Simulations of which it is known when they are read, and which can be without a name or not be read at all.
struct Watched<S> {
    inner: S,
    named: bool,
    constant: bool,
    rows: AtomicUsize,
    broken: AtomicBool,
    /// How long reading takes, and whether the card is idle afterwards.
    read: Option<(Duration, Arc<AtomicBool>, bool)>,
}

impl<S> Watched<S> {
    fn new(inner: S) -> Self {
        let (rows, broken) = (AtomicUsize::new(0), AtomicBool::new(false));
        Watched { inner, named: true, constant: true, rows, broken, read: None }
    }

    /// The rows that were read since this was asked last.
    fn rows(&self) -> usize {
        self.rows.swap(0, Ordering::Relaxed)
    }
}

impl<S: Source<f64>> Source<f64> for Watched<S> {
    fn spec(&self) -> &DatasetSpec {
        self.inner.spec()
    }

    fn identity(&self) -> Identity {
        match self.inner.identity() {
            _ if !self.named => Identity::Unknown,
            Identity::Constant(name) if !self.constant => Identity::Keyed(name),
            identity => identity,
        }
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<f64>) -> Result<(), DataError> {
        self.rows.fetch_add(rows.len(), Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) {
            return Err(DataError::NoRows { name: "broken" });
        }
        if let Some((time, idle, value)) = &self.read {
            std::thread::sleep(*time);
            idle.store(*value, Ordering::Relaxed);
        }
        self.inner.read(rows, key, microbatch)
    }
}

fn exact(key: u64) -> Arrays<f64> {
    simulate_exact(&DRAWS, &THETA, 41, 23, Key::new(key)).unwrap()
}

fn streamed(arrays: &Arrays<f64>, streaming: &Streaming) -> Streamed<f64> {
    let rows = |name, array| Box::new(HeldRows::new(name, array));
    let fiducial = rows("f", arrays.fiducial().into_owned());
    Streamed::exact(fiducial, rows("d", arrays.derivative())).unwrap().with(streaming).unwrap()
}

#[test]
fn when_copies_are_done_changes_nothing() {
    let unnamed = Watched { named: false, ..Watched::new(draws()) };
    let files = streamed(&exact(3), &Streaming::default());
    let sources: [&dyn Source<f64>; 4] = [&draws(), &unnamed, &files, &exact(4)];
    for source in sources {
        for limits in [few(), little(), Limits { n: Some(3), ..little() }, Limits::default()] {
            let (mut one, mut other, mut plain) = (session(limits), late(limits), late(limits));
            // A card without a buffer of the host waits for each copy.
            plain.backend.pinnable = 0;
            for k in [0, 1, 2, 2, 0] {
                let expected = pass(&mut one, source, key(k)).unwrap();
                assert_eq!(pass(&mut other, source, key(k)).unwrap(), expected, "{limits:?}");
                assert_eq!(pass(&mut plain, source, key(k)).unwrap(), expected, "{limits:?}");
            }
            assert_eq!((one.backend.uploaded, one.backend.beside), (other.backend.uploaded, other.backend.beside));
        }
    }
}

/// Simulations that go through buffers and stages make the same bits as those that are copied once, plainly.
fn ways_agree<B: Backend>(card: impl Fn() -> B) {
    let arrays = exact(3);
    let named = Watched { constant: false, ..Watched::new(arrays.clone()) };
    let unnamed = Watched { named: false, ..Watched::new(arrays.clone()) };
    for limits in [Limits::default(), few(), little(), Limits { n: Some(3), ..little() }] {
        let session = || CardSession::<f64, B>::new(&model(), card(), limits).unwrap();
        let expected = pass(&mut session(), &arrays, key(0)).unwrap();
        for source in [&named, &unnamed] {
            let mut session = session();
            for k in 0..5 {
                assert_eq!(pass(&mut session, source, key(k)).unwrap(), expected, "{limits:?}");
                read_ahead(&mut session, source, key(k + k % 2));
            }
        }
    }
}

#[test]
fn all_ways_to_a_card_are_one() {
    ways_agree(|| Emulated::new(size_of::<f64>()));
    ways_agree(|| {
        let mut card = Emulated::new(size_of::<f64>());
        card.late = true;
        card
    });
}

/// The same on the card of this machine; with IMNN_GPU set there has to be one.
#[cfg(feature = "cuda")]
#[test]
fn all_ways_to_the_gpu_are_one() {
    let report = crate::CudaReport::look();
    if !report.missing.is_empty() {
        assert!(std::env::var_os("IMNN_GPU").is_none(), "IMNN_GPU is set, and: {}", report.missing.join("; "));
        eprintln!("SKIPPED: nothing was copied to a GPU: {}", report.missing.join("; "));
        return;
    }
    ways_agree(|| super::card::Card::new(0, size_of::<f64>(), false).unwrap());
}

#[test]
fn all_batches_but_the_first_come_beside_the_work() {
    let source = Watched::new(draws());
    for limits in [few(), little()] {
        let mut session = late(limits);
        pass(&mut session, &source, key(0)).unwrap();
        let layout = session.layouts.get(Passes::Both).unwrap();
        let first = layout.spans[0].input.len * size_of::<f64>();
        let n = 23 * 10 * 3 + 18 * 10;
        assert!(layout.stage.is_some() && layout.spans.len() > 3);
        assert!(session.backend.beside >= n * size_of::<f64>() - first, "{}", session.backend.beside);
        // With places of their own they are read once; where one is shared, the last two of them are at hand backward.
        let rows = source.rows();
        assert!(if layout.has_own_input(layout.spans.len() - 1) { rows == 41 } else { rows < 2 * 41 }, "{rows}");
    }
}

#[test]
fn a_buffer_that_is_filled_too_early_makes_wrong_numbers() {
    let expected = pass(&mut session(few()), &draws(), key(0)).unwrap();
    let mut hasty = late(few());
    hasty.backend.hasty = true;
    // Such numbers may be none at all.
    assert!(pass(&mut hasty, &draws(), key(0)).map_or(true, |found| found != expected));
}

#[test]
fn what_was_read_ahead_is_used_if_it_is_what_is_wanted() {
    let (source, other) = (Watched::new(draws()), Watched::new(OnTheFly::new(DRAWS, &[0.5, 2.0], 41, 23).unwrap()));
    for limits in [Limits::default(), few(), little()] {
        for pinnable in [usize::MAX, 0] {
            let fresh = |source: &dyn Source<f64>, k| pass(&mut session(limits), source, key(k)).unwrap();
            let expected = [fresh(&source, 0), fresh(&source, 1), fresh(&other, 1)];
            let mut session = late(limits);
            session.backend.pinnable = pinnable;
            assert_eq!(pass(&mut session, &source, key(0)).unwrap(), expected[0]);
            source.rows();
            read_ahead(&mut session, &source, key(1));
            let first = source.rows();
            assert_eq!(first > 0, pinnable > 0);
            // Twice is no more than once.
            read_ahead(&mut session, &source, key(1));
            assert_eq!(source.rows(), 0);
            // A source with another name, then the other key, then what was read ahead, though perhaps driven out.
            assert_eq!(pass(&mut session, &other, key(1)).unwrap(), expected[2]);
            assert_eq!(pass(&mut session, &source, key(0)).unwrap(), expected[0]);
            assert_eq!(pass(&mut session, &source, key(1)).unwrap(), expected[1]);
            pass(&mut session, &source, key(0)).unwrap();
            source.rows();
            pass(&mut session, &source, key(2)).unwrap();
            let without = source.rows();
            pass(&mut session, &source, key(0)).unwrap();
            source.rows();
            read_ahead(&mut session, &source, key(1));
            let first = source.rows();
            assert_eq!(pass(&mut session, &source, key(1)).unwrap(), expected[1]);
            assert_eq!(first + source.rows(), without, "{limits:?}");
        }
    }
    let unnamed = Watched { named: false, ..Watched::new(draws()) };
    let mut session = late(few());
    pass(&mut session, &unnamed, key(0)).unwrap();
    unnamed.rows();
    read_ahead(&mut session, &unnamed, key(1));
    assert_eq!(unnamed.rows(), 0, "whose simulations these are could not be told");
}

#[test]
fn what_reading_ahead_fails_with_is_told_when_the_batch_is_wanted() {
    let source = Watched::new(draws());
    let fresh = |k| pass(&mut session(few()), &source, key(k)).unwrap();
    let expected = [fresh(0), fresh(1)];
    let mut session = late(few());
    assert_eq!(pass(&mut session, &source, key(0)).unwrap(), expected[0]);
    let fail = |session: &mut CardSession<f64, Emulated>| {
        source.broken.store(true, Ordering::Relaxed);
        read_ahead(session, &source, key(1));
        source.broken.store(false, Ordering::Relaxed);
    };
    fail(&mut session);
    let error = pass(&mut session, &source, key(1)).unwrap_err();
    assert!(matches!(error, DeviceError::Data(DataError::NoRows { name: "broken" })), "{error}");
    // It is told once.
    assert_eq!(pass(&mut session, &source, key(1)).unwrap(), expected[1]);
    // And not at all where something else is wanted.
    pass(&mut session, &source, key(0)).unwrap();
    fail(&mut session);
    assert_eq!(pass(&mut session, &source, key(0)).unwrap(), expected[0]);
    // Within a pass, what was done before harms nothing.
    source.broken.store(true, Ordering::Relaxed);
    assert!(pass(&mut session, &source, key(5)).is_err());
    source.broken.store(false, Ordering::Relaxed);
    assert_eq!(pass(&mut session, &source, key(0)).unwrap(), expected[0]);
}

#[test]
fn files_stay_on_the_card_like_simulations_in_memory() {
    let arrays = exact(3);
    let expected = pass(&mut session(Limits::default()), &arrays, key(0)).unwrap();
    for (cache, prefetch) in
        [(0, Prefetch::Auto), (0, Prefetch::Never), (1000, Prefetch::Always), (1 << 20, Prefetch::Auto)]
    {
        let files = streamed(&arrays, &Streaming { cache, prefetch, ..Streaming::default() });
        let source = Watched::new(files);
        let mut own = late(Limits::default());
        assert_eq!(pass(&mut own, &source, key(0)).unwrap(), expected);
        assert_eq!(source.rows(), 41);
        let uploaded = own.backend.uploaded;
        assert_eq!(pass(&mut own, &source, key(1)).unwrap(), expected);
        assert_eq!(source.rows(), 0);
        // Weights and cotangents, which are fewer.
        assert!(own.backend.uploaded - uploaded < 41 * 10 * size_of::<f64>());
        // Where some fit, these stay, and all are still right.
        let mut shared = late(Limits { memory: Some(12_000), n: Some(2), ..Limits::default() });
        let first = pass(&mut shared, &source, key(0)).unwrap();
        source.rows();
        assert_eq!(pass(&mut shared, &source, key(1)).unwrap(), first);
        let rows = source.rows();
        let layout = shared.layouts.get(Passes::Both).unwrap();
        assert!(layout.has_own_input(0) && !layout.has_own_input(layout.spans.len() - 1));
        assert!(rows > 0 && rows < 2 * 41, "{rows}");
    }
}

#[test]
fn buffers_are_for_what_comes_again_and_again() {
    let mut session = session(few());
    session.backend.pinnable = 0;
    pass(&mut session, &exact(3), key(0)).unwrap();
    session.backend.pinnable = usize::MAX;
    // None is taken for simulations that come once, and none is asked for again in vain by others.
    let (arrays, source) = (exact(3), draws());
    pass(&mut session, &arrays, key(0)).unwrap();
    assert_eq!(session.backend.beside, 0);
    pass(&mut session, &source, key(0)).unwrap();
    assert!(
        session.layouts.get(Passes::Both).unwrap().stage.is_none(),
        "the layout was for simulations that come once"
    );
    assert_eq!(pass(&mut session, &source, key(0)).unwrap(), pass(&mut late(few()), &source, key(0)).unwrap());
}

#[test]
fn a_stage_is_within_the_memory() {
    let source = draws();
    let mut staged = 0;
    for memory in (4_000..60_000).step_by(500) {
        let mut session = session(Limits { memory: Some(memory), ..Limits::default() });
        let before = session.backend.used;
        let weights = weights();
        session.forward(&Task { weights: &weights, source: &source, key: key(0) }, true).map(|_| ()).unwrap();
        let layout = session.layouts.get(Passes::Both).unwrap();
        // Beside what is counted there are summaries and their cotangents.
        let beside = 8 * (2 * 2 * 41 + 3 * 2 * 23 + 2 * 2 * 2);
        assert!(session.backend.used - before <= memory + beside, "{memory}");
        staged += usize::from(layout.stage.is_some());
        assert_eq!(layout.stage.is_some(), layout.batches.staged);
    }
    assert!(staged > 50, "{staged}");
}

#[test]
fn idle_time_is_that_in_which_the_card_waits_for_simulations() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let piece = Duration::from_millis(5);
    // The card is idle from the beginning, never, or from the first of eight pieces on.
    for (from, to, expected) in [(true, true, 8 * piece), (false, false, Duration::ZERO), (false, true, 7 * piece)] {
        let idle = Arc::new(AtomicBool::new(from));
        let read = Some((piece, idle.clone(), to));
        let source = Watched { read, ..Watched::new(OnTheFly::new(DRAWS, &THETA, 8 * 16, 0).unwrap()) };
        let weights = weights();
        let mut session = session(Limits::default());
        session.backend.idle = Some(idle);
        one.install(|| session.forward(&Task { weights: &weights, source: &source, key: key(0) }, true).map(drop))
            .unwrap();
        let usage = session.usage();
        assert!(usage.total >= 8 * piece && usage.reading >= expected, "{usage:?}");
        assert!(usage.reading <= usage.total - (8 * piece - expected), "{usage:?}");
        assert_eq!(usage.reading.is_zero(), expected.is_zero());
    }
}

#[test]
fn iterations_on_the_card_read_for_the_next_one() {
    let optimiser = OptimiserConfig::from(Adam::new(1e-2).unwrap());
    let validation = Watched::new(draws());
    for limits in [Limits::default(), few(), little()] {
        let train = |ahead: bool, late: bool| {
            let source = Watched::new(draws());
            let mut session = session(limits);
            session.backend.late = late;
            let weights = weights();
            let state = optimiser.initialise(weights.len());
            let loss = Loss::new(10.0, 0.1).unwrap();
            let update = Optimiser::<f64>::device_update(&optimiser).unwrap();
            let start = Start { weights: &weights, optimiser: &update, state: &state, loss, source: &source };
            let mut training = session.start_training(&start).unwrap().unwrap();
            let mut records = vec![];
            let mut rows = vec![];
            for k in 0..4 {
                let keys = Keys { own: key(k), next: Some(key(k + 1)).filter(|_| ahead && k < 3) };
                for made in [true, false] {
                    let evaluated = if made {
                        training.iterate(&source, keys, k, None)
                    } else {
                        training.validate(&validation, key(99), None)
                    };
                    let LossResult::Record(record) = evaluated.unwrap() else { panic!("no loss") };
                    records.push(record);
                }
                rows.push((source.rows(), validation.rows()));
            }
            drop(training);
            assert!(session.usage().total > Duration::ZERO && session.usage().reading <= session.usage().total);
            (records, rows)
        };
        let (expected, without) = train(false, false);
        for late in [false, true] {
            let (records, rows) = train(true, late);
            assert_eq!(records, expected, "{limits:?}");
            let sum = |rows: &[(usize, usize)]| rows.iter().map(|(rows, _)| rows).sum::<usize>();
            // Nothing is read twice for it, and what is read comes earlier.
            assert_eq!(sum(&rows), sum(&without), "{limits:?}");
            assert!(rows[0].0 > without[0].0 && rows[3].0 < without[3].0, "{rows:?} {without:?}");
            if limits.memory.is_none() {
                // Validation has the same key each time: its simulations stay.
                assert!(rows[1..].iter().all(|&(_, validation)| validation == 0), "{rows:?}");
            }
        }
    }
}
