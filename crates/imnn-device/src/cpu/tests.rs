//! What CPUs save, and how much work they do.

use super::*;
use crate::device::{Cotangents, Summaries, Task};
use crate::error::Result;
use crate::shape::Shape;
use imnn_compute::threads::Workers;
use imnn_data::{Arrays, Source, simulate_exact, simulate_numerical};
use imnn_engine::{MicrobatchCotangents, Rows, Saved};
use imnn_models::{dense, gelu, serial};
use imnn_sim::{GaussianMeanVariance, Key};
use ndarray::Array2;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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
    let weights = model().initialise(Key::new(1));
    let task = Task { weights: weights.values(), source, key: KEY };
    let summaries = session.forward(&task, true)?.clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f32::NAN; weights.values().len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient)?;
    Ok((summaries, gradient))
}

/// A plan that counts the rows that go forward and backward.
struct Counted(Plan<f32>, Arc<[AtomicUsize; 2]>);

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
        self.1[0].fetch_add(rows.total(), Ordering::SeqCst);
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
        self.1[1].fetch_add(rows.total(), Ordering::SeqCst);
        self.0.backward(weights, rows, saved, cotangents, scratch, gradient)
    }

    fn finish(&self, weights: &[f32], gradient: &mut [f32]) {
        self.0.finish(weights, gradient);
    }
}

/// A session of two CPUs of one thread each, and the rows that went forward and backward.
fn counted(memory: [usize; 2], n_per_device: usize) -> (CpuSession<f32>, Arc<[AtomicUsize; 2]>) {
    let rows = Arc::<[AtomicUsize; 2]>::default();
    let program = Box::new(Counted(Plan::new(&model()).unwrap(), rows.clone()));
    let groups = memory.map(|memory| Group { threads: 1, memory }).to_vec();
    let workers = Pools::default().get(2, false).unwrap();
    (CpuSession::new(&model(), program, groups, workers, Some(n_per_device), None, None), rows)
}

#[test]
fn simulations_without_derivatives_are_one_row() {
    // (simulations, with derivatives, rows)
    for (n_s, n_d) in [(1009, 499), (1000, 1000), (700, 1)] {
        let numerical = simulate_numerical(&DRAWS, &[0.0, 1.0], &[0.1, 0.1], n_s, n_d, KEY).unwrap();
        for (source, tangent_rows) in [(exact(n_s, n_d), 2), (numerical, 4)] {
            let rows = n_s + tangent_rows * n_d;
            for (memory, forward) in [(1 << 30, rows), (0, 2 * rows)] {
                let (mut session, counts) = counted([memory; 2], 100);
                passes(&mut session, &source).unwrap();
                let found = [0, 1].map(|pass| counts[pass].load(Ordering::SeqCst));
                assert_eq!(found, [forward, rows], "{n_s} simulations, {n_d} with derivatives, {memory} bytes");
            }
        }
    }
}

#[test]
fn saved_microbatches_have_slots_of_their_own_as_far_as_each_memory_goes() {
    let source = exact(1000, 1000);
    let weights = model().initialise::<f32>(Key::new(1));
    let task = Task { weights: weights.values(), source: &source, key: KEY };
    let shape = Shape::new(&model(), &task, 64).unwrap();
    let (numbers, _) = Program::<f32>::saved_len(&Plan::new(&model()).unwrap(), shape.rows(0));
    let bytes = numbers * size_of::<f32>();
    for (memory, expected) in [
        ([0, 0], vec![]),
        ([2 * bytes, 3 * bytes + bytes / 2], vec![0, 1, 8, 9, 10]),
        ([usize::MAX, 0], (0..8).collect()),
        ([usize::MAX; 2], (0..16).collect()),
    ] {
        let (mut session, _) = counted(memory, 64);
        session.choose_slots(&shape, &(0..shape.microbatches.len()));
        let saved: Vec<usize> = (0..16).filter(|&k| session.slots[k].is_some()).collect();
        assert_eq!(saved, expected, "{memory:?} of {bytes}");
        let slots: Vec<usize> = session.slots.iter().copied().flatten().collect();
        assert_eq!(slots, (0..expected.len()).collect::<Vec<_>>());
        assert_eq!(session.saved.len(), expected.len());
    }
}

/// 64 workers who do their work one after the other; how many were asked for each time.
#[derive(Default)]
struct Many(Mutex<Vec<usize>>);

impl Workers for Many {
    fn count(&self) -> usize {
        64
    }

    fn each(&self, n: usize, work: &(dyn Fn(usize) + Sync)) {
        self.0.lock().unwrap().push(n);
        (0..n).for_each(work);
    }
}

#[test]
fn more_workers_than_a_laptop_has_all_have_work() {
    let many = Arc::new(Many::default());
    let groups = vec![Group { threads: 64, memory: 1 << 30 }];
    let program = Box::new(Plan::new(&model()).unwrap());
    let mut session = CpuSession::new(&model(), program, groups, many.clone(), None, None, None);
    // 128 microbatches, two of which are a chunk.
    let source = exact(64 * 128, 64 * 128);
    let found = passes(&mut session, &source).unwrap();
    // Forward and backward; the sum of so few weights is one piece.
    assert_eq!(*many.0.lock().unwrap(), [64, 64, 1]);
    let mut alone = Cpu::new(1).unwrap().load(&model()).unwrap();
    assert_eq!(found, passes(alone.as_mut(), &source).unwrap());
}
