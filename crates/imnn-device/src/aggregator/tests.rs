//! Members that are slow, coarse or broken, and how much work they do.

use super::*;
use crate::Cpu;
use crate::cpu_member::CpuMember;
use crate::device::{Cotangents, Summaries, Task};
use crate::member::{Member, Pass};
use crate::shape::Shape;
use imnn_compute::threads::lock;
use imnn_data::{Arrays, simulate_exact, simulate_numerical};
use imnn_engine::{MicrobatchCotangents, Plan, Program, Rows, Saved};
use imnn_models::{dense, gelu, serial};
use imnn_sim::{GaussianMeanVariance, Key};
use ndarray::{Array2, ArrayView2};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const KEY: Key = Key::from_bytes([7; 32]);

fn model() -> Model {
    Model::new(serial([dense(16), gelu(), dense(2)]), &[10]).unwrap()
}

fn exact(n_s: usize, n_d: usize) -> Arrays<f32> {
    simulate_exact(&DRAWS, &[0.0, 1.0], n_s, n_d, KEY).unwrap()
}

/// Summaries, and the gradient for cotangents that differ from row to row.
fn passes(session: &mut dyn Session<f32>, source: &Arrays<f32>) -> Result<(Summaries, Vec<f32>)> {
    use imnn_data::Source;
    let weights = model().initialise(Key::new(1));
    let task = Task { weights: weights.values(), source, key: KEY };
    let summaries = session.forward(&task, true)?.clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f32::NAN; weights.values().len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient)?;
    Ok((summaries, gradient))
}

fn one_device(source: &Arrays<f32>) -> (Summaries, Vec<f32>) {
    passes(Cpu::new(1).unwrap().load(&model()).unwrap().as_mut(), source).unwrap()
}

/// A device of one worker that runs the fused program and behaves as its rules say.
#[derive(Clone)]
struct Odd {
    rules: Arc<Rules>,
    /// Whether it fails and waits; the rules say how.
    bad: bool,
}

#[derive(Default)]
struct Rules {
    leaves_at_once: usize,
    memory: usize,
    /// Bad devices fail, forward or backward.
    fails: [AtomicBool; 2],
    /// Bad devices wait in their first leaf until so many are done by others.
    waits_for: usize,
    done: Mutex<usize>,
    more_done: Condvar,
    /// The most leaves that were handed over at once.
    most: AtomicUsize,
    /// Rows that went forward and backward.
    rows: [AtomicUsize; 2],
}

struct OddMember {
    inner: CpuMember<f32>,
    odd: Odd,
}

struct Counted(Plan<f32>, Arc<Rules>);

impl Device<f32> for Odd {
    fn load(&self, _: &Model) -> Result<Box<dyn Session<f32>>> {
        unreachable!("only in aggregations")
    }
}

impl Unit<f32> for Odd {}

impl member::Unit<f32> for Odd {
    fn kind(&self) -> &'static str {
        "odd"
    }

    fn workers(&self) -> usize {
        1
    }

    fn member(&self, model: &Model, _: Option<usize>) -> Result<Readied<f32>> {
        let program = Counted(Plan::new(model).unwrap(), self.rules.clone());
        let inner = CpuMember::new(Box::new(program), 1, self.rules.memory);
        Ok(Readied { member: Box::new(OddMember { inner, odd: self.clone() }), apart: false, note: None })
    }
}

impl OddMember {
    fn handed(&self, n: usize, pass: usize) -> Result<()> {
        let rules = &self.odd.rules;
        rules.most.fetch_max(n, Ordering::SeqCst);
        if self.odd.bad && rules.fails[pass].load(Ordering::SeqCst) {
            return Err(DeviceError::Weights { expected: 1, found: pass });
        }
        if self.odd.bad && pass == 0 && rules.waits_for > 0 {
            let done = lock(&rules.done);
            // Whoever is shared out nothing of what the others leave waits for ever; a minute is enough to say so.
            let (done, late) = rules
                .more_done
                .wait_timeout_while(done, Duration::from_secs(60), |done| *done < rules.waits_for)
                .unwrap();
            assert!(!late.timed_out(), "{} leaves of {} were done by the other", *done, rules.waits_for);
        }
        Ok(())
    }
}

impl Member<f32> for OddMember {
    fn leaves_at_once(&self) -> usize {
        self.odd.rules.leaves_at_once.max(1)
    }

    fn fitting(&self, shape: &Shape, leaves: Range<usize>) -> usize {
        self.inner.fitting(shape, leaves)
    }

    fn load(&mut self, weights: &[f32]) -> Result<()> {
        self.inner.load(weights)
    }

    fn gradient(&self) -> usize {
        self.inner.gradient()
    }

    fn forward(
        &self,
        worker: usize,
        pass: &Pass<'_, f32>,
        leaves: Range<usize>,
        made: &(dyn Fn(usize, &[f32]) + Sync),
    ) -> Result<()> {
        self.handed(leaves.len(), 0)?;
        let n = leaves.len();
        self.inner.forward(worker, pass, leaves, made)?;
        if !self.odd.bad {
            *lock(&self.odd.rules.done) += n;
            self.odd.rules.more_done.notify_all();
        }
        Ok(())
    }

    fn backward(
        &self,
        worker: usize,
        pass: &Pass<'_, f32>,
        runs: Range<usize>,
        cotangents: (ArrayView2<'_, f64>, &[f32]),
        gradients: &[Mutex<Vec<f32>>],
    ) -> Result<()> {
        self.handed(runs.clone().map(|run| pass.shape.leaves.run(run).len()).sum(), 1)?;
        self.inner.backward(worker, pass, runs, cotangents, gradients)
    }

    fn finish(&self, weights: &[f32], gradient: &mut [f32]) {
        self.inner.finish(weights, gradient);
    }
}

impl Program<f32> for Counted {
    fn saved_len(&self, rows: Rows) -> (usize, usize) {
        self.0.saved_len(rows)
    }

    fn scratch_len(&self, rows: Rows) -> usize {
        self.0.scratch_len(rows)
    }

    fn gradient_len(&self) -> usize {
        self.0.gradient_len()
    }

    fn load(&mut self, weights: &[f32]) {
        self.0.load(weights);
    }

    fn forward(
        &self,
        weights: &[f32],
        rows: Rows,
        saved: &mut Saved<f32>,
        scratch: &mut [f32],
        summaries: &mut [f32],
    ) -> imnn_models::Result<()> {
        self.1.rows[0].fetch_add(rows.total(), Ordering::SeqCst);
        self.0.forward(weights, rows, saved, scratch, summaries)
    }

    fn backward(
        &self,
        weights: &[f32],
        rows: Rows,
        saved: &Saved<f32>,
        cotangents: MicrobatchCotangents<'_, f32>,
        scratch: &mut [f32],
        gradient: &mut [f32],
    ) -> imnn_models::Result<()> {
        self.1.rows[1].fetch_add(rows.total(), Ordering::SeqCst);
        self.0.backward(weights, rows, saved, cotangents, scratch, gradient)
    }

    fn finish(&self, weights: &[f32], gradient: &mut [f32]) {
        self.0.finish(weights, gradient);
    }
}

/// A session of two such devices, the second good.
fn odd(rules: Rules, bad: bool, n_per_device: usize) -> (Box<dyn Session<f32>>, Arc<Rules>) {
    let rules = Arc::new(rules);
    let units = [bad, false].map(|bad| Odd { rules: rules.clone(), bad });
    let device = Aggregator::new(units).unwrap().with_n_per_device(n_per_device).unwrap();
    (device.load(&model()).unwrap(), rules)
}

#[test]
fn members_that_take_many_leaves_at_once_give_the_same_bits() {
    let source = exact(1009, 499);
    let expected = one_device(&source);
    for (leaves_at_once, n_per_device, most) in
        [(1, 1009, 1), (3, 1009, 3), (3, 128, 2), (usize::MAX, 127, 1), (usize::MAX, 256, 4), (8, usize::MAX, 8)]
    {
        for memory in [0, 30_000, 1 << 30] {
            let (mut session, rules) = odd(Rules { leaves_at_once, memory, ..Rules::default() }, false, n_per_device);
            assert_eq!(passes(session.as_mut(), &source).unwrap(), expected, "{leaves_at_once} leaves, {memory} bytes");
            // A run is never cut: one at least is handed over, of two leaves here.
            assert_eq!(rules.most.load(Ordering::SeqCst), most.max(2), "of {leaves_at_once} with {n_per_device}");
        }
    }
}

#[test]
fn whoever_is_done_takes_over() {
    // Of 16 leaves the slow member does one; it goes on when the other has done all the rest.
    let source = exact(1000, 1000);
    let rules = Rules { waits_for: 15, memory: 1 << 30, ..Rules::default() };
    let (mut session, _) = odd(rules, true, 1000);
    assert_eq!(passes(session.as_mut(), &source).unwrap(), one_device(&source));
}

#[test]
fn a_member_that_fails_is_reported_and_the_session_goes_on() {
    let source = exact(700, 300);
    let expected = one_device(&source);
    let (mut session, rules) = odd(Rules { memory: 1 << 30, ..Rules::default() }, true, 700);
    for pass in [0, 1, 0, 1] {
        rules.fails[pass].store(true, Ordering::SeqCst);
        let error = passes(session.as_mut(), &source).unwrap_err();
        assert!(matches!(error, DeviceError::Weights { expected: 1, found } if found == pass), "{error}");
        rules.fails[pass].store(false, Ordering::SeqCst);
        assert_eq!(passes(session.as_mut(), &source).unwrap(), expected);
    }
}

#[test]
fn simulations_without_derivatives_are_one_row() {
    // (simulations, with derivatives, rows)
    for (n_s, n_d) in [(1009, 499), (1000, 1000), (700, 1)] {
        let numerical = simulate_numerical(&DRAWS, &[0.0, 1.0], &[0.1, 0.1], n_s, n_d, KEY).unwrap();
        for (source, beside) in [(exact(n_s, n_d), 2), (numerical, 4)] {
            let rows = n_s + beside * n_d;
            for (memory, forward) in [(1 << 30, rows), (0, 2 * rows)] {
                let (mut session, rules) = odd(Rules { memory, ..Rules::default() }, false, 100);
                passes(session.as_mut(), &source).unwrap();
                let found = [0, 1].map(|pass| rules.rows[pass].load(Ordering::SeqCst));
                assert_eq!(found, [forward, rows], "{n_s} simulations, {n_d} with derivatives, {memory} bytes");
            }
        }
    }
}
