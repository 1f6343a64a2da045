//! The memory of one worker, reused from microbatch to microbatch.

use crate::device::Task;
use crate::error::Result;
use crate::shape::Shape;
use imnn_compute::AlignedVec;
use imnn_data::Microbatch;
use imnn_engine::{MicrobatchCotangents, Program, Saved};
use imnn_models::Element;
use ndarray::ArrayView2;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The memory of one worker.
#[derive(Default)]
pub(crate) struct Workspace<E> {
    microbatch: Microbatch<E>,
    scratch: AlignedVec<E>,
    /// What the program returns.
    summaries: Vec<E>,
    cotangents: Vec<E>,
}

/// What is run, the same for all microbatches.
pub(crate) struct Work<'a, E: Element> {
    pub(crate) program: &'a dyn Program<E>,
    pub(crate) task: &'a Task<'a, E>,
    pub(crate) shape: &'a Shape,
    /// Nanoseconds that all workers together have read for. The clock is asked twice for a microbatch, of which the network
    /// takes a thousand times as long.
    pub(crate) reading: &'a AtomicU64,
}

impl<E: Element> Workspace<E> {
    /// Reads microbatch `k` into `saved` and runs it; returns the summaries and their tangents.
    pub(crate) fn forward(&mut self, work: &Work<'_, E>, k: usize, saved: &mut Saved<E>) -> Result<&[E]> {
        self.read(work, k, saved)?;
        let rows = work.shape.rows(k);
        let summaries = lengthen(&mut self.summaries, rows.total() * work.shape.n_summaries);
        self.scratch.resize(work.program.scratch_len(rows));
        work.program.forward(work.task.weights, rows, saved, &mut self.scratch, summaries)?;
        Ok(summaries)
    }

    /// Fills `saved` as [`Workspace::forward`] does.
    pub(crate) fn recompute(&mut self, work: &Work<'_, E>, k: usize, saved: &mut Saved<E>) -> Result<()> {
        let rows = work.shape.rows(k);
        if work.program.saved_len(rows) == (rows.total() * work.shape.input, 0) {
            // The program saves the input alone.
            return self.read(work, k, saved);
        }
        self.forward(work, k, saved).map(|_| ())
    }

    /// Adds to `gradient` that of microbatch `k`; `tangent_rows` are the cotangents of the derivative rows of each simulation.
    pub(crate) fn backward(
        &mut self,
        work: &Work<'_, E>,
        k: usize,
        saved: &Saved<E>,
        (x, tangent_rows): (ArrayView2<'_, f64>, &[E]),
        gradient: &mut [E],
    ) -> Result<()> {
        work.shape.cotangents(k, x, tangent_rows, &mut self.cotangents);
        let rows = work.shape.rows(k);
        let tangents = if rows.tangents > 0 { tangent_rows } else { &[] };
        let cotangents = MicrobatchCotangents { values: &self.cotangents, tangents };
        self.scratch.resize(work.program.scratch_len(rows));
        work.program.backward(work.task.weights, rows, saved, cotangents, &mut self.scratch, gradient)?;
        Ok(())
    }

    fn read(&mut self, work: &Work<'_, E>, k: usize, saved: &mut Saved<E>) -> Result<()> {
        let (shape, microbatch, clock) = (work.shape, &mut self.microbatch, Instant::now());
        let result = shape.read(work.task, shape.microbatches.rows(k), shape.tangent_rows(k), microbatch);
        let nanoseconds = u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
        work.reading.fetch_add(nanoseconds, Ordering::Relaxed);
        result?;
        let (numbers, indices) = work.program.saved_len(shape.rows(k));
        saved.numbers.resize(numbers);
        saved.indices.resize(indices, 0);
        let (values, rest) = saved.numbers.split_at_mut(microbatch.values.len());
        values.copy_from_slice(&microbatch.values);
        rest[..microbatch.derivatives.len()].copy_from_slice(&microbatch.derivatives);
        Ok(())
    }
}

/// The first `len` numbers, allocated if there are too few; what they hold is unspecified.
fn lengthen<E: Element>(values: &mut Vec<E>, len: usize) -> &mut [E] {
    if values.len() < len {
        values.resize(len, E::zero());
    }
    &mut values[..len]
}
