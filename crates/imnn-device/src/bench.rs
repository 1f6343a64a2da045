//! What one worker needs to run leaves, reused from leaf to leaf.

use crate::device::Task;
use crate::error::{DeviceError, Result};
use crate::lines::Lines;
use crate::program::{Kept, LeafCotangents, Program};
use crate::shape::Shape;
use imnn_data::Leaf;
use imnn_models::Element;
use ndarray::ArrayView2;

/// The memory of one worker.
#[derive(Default)]
pub(crate) struct Bench<E> {
    leaf: Leaf<E>,
    scratch: Lines<E>,
    /// What the program makes of a leaf.
    summaries: Vec<E>,
    cotangents: Vec<E>,
}

/// What is run, the same for all leaves.
pub(crate) struct Work<'a, E: Element> {
    pub(crate) program: &'a dyn Program<E>,
    pub(crate) task: &'a Task<'a, E>,
    pub(crate) shape: &'a Shape,
}

impl<E: Element> Bench<E> {
    /// Reads leaf `k` into `kept` and runs it; returns the summaries and their tangents.
    pub(crate) fn forward(&mut self, work: &Work<'_, E>, k: usize, kept: &mut Kept<E>) -> Result<&[E]> {
        self.read(work, k, kept)?;
        let rows = work.shape.rows(k);
        let summaries = lengthen(&mut self.summaries, rows.total() * work.shape.n_summaries);
        self.scratch.resize(work.program.scratch(rows));
        work.program.forward(work.task.weights, rows, kept, &mut self.scratch, summaries)?;
        Ok(summaries)
    }

    /// Makes `kept` what [`Bench::forward`] makes it.
    pub(crate) fn again(&mut self, work: &Work<'_, E>, k: usize, kept: &mut Kept<E>) -> Result<()> {
        let rows = work.shape.rows(k);
        if work.program.kept(rows) == (rows.total() * work.shape.input, 0) {
            // The program keeps the input alone.
            return self.read(work, k, kept);
        }
        self.forward(work, k, kept).map(|_| ())
    }

    /// Adds to `gradient` that of leaf `k`; `beside` are the cotangents of the rows beside each simulation.
    pub(crate) fn backward(
        &mut self,
        work: &Work<'_, E>,
        k: usize,
        kept: &Kept<E>,
        (x, beside): (ArrayView2<'_, f64>, &[E]),
        gradient: &mut [E],
    ) -> Result<()> {
        work.shape.cotangents(k, x, beside, &mut self.cotangents);
        let rows = work.shape.rows(k);
        let tangents = if rows.tangents > 0 { beside } else { &[] };
        let cotangents = LeafCotangents { values: &self.cotangents, tangents };
        self.scratch.resize(work.program.scratch(rows));
        work.program.backward(work.task.weights, rows, kept, cotangents, &mut self.scratch, gradient)
    }

    fn read(&mut self, Work { program, task, shape }: &Work<'_, E>, k: usize, kept: &mut Kept<E>) -> Result<()> {
        let (simulations, leaf) = (shape.leaves.rows(k), &mut self.leaf);
        task.source.read(simulations.clone(), task.key, leaf)?;
        let expected = [1, shape.beside(k)].map(|per| simulations.len() * per * shape.input);
        let found = [leaf.values.len(), leaf.derivatives.len()];
        if leaf.n != simulations.len() || found != expected {
            let (start, end) = (simulations.start, simulations.end);
            return Err(DeviceError::Leaf { start, end, expected, found });
        }
        let (numbers, indices) = program.kept(shape.rows(k));
        kept.numbers.resize(numbers);
        kept.indices.resize(indices, 0);
        let (values, rest) = kept.numbers.split_at_mut(found[0]);
        values.copy_from_slice(&leaf.values);
        rest[..found[1]].copy_from_slice(&leaf.derivatives);
        Ok(())
    }
}

/// The first `len` numbers, of which there are made to be enough; what they hold at first is unspecified.
fn lengthen<E: Element>(values: &mut Vec<E>, len: usize) -> &mut [E] {
    if values.len() < len {
        values.resize(len, E::zero());
    }
    &mut values[..len]
}
