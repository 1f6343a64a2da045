//! The kinds of steps, a file each with its rules, forward and backward together; and the passes, step by step.

mod bias;
pub(crate) mod columns;
mod combine;
pub(crate) mod compose;
mod copy;
mod function;
pub(crate) mod gather;
mod linear;
mod max_pool;
mod mean_pool;
mod pass;
mod piecewise;
pub(crate) mod pooled;
mod smooth;
mod standardise;
mod transpose;

#[cfg(test)]
mod activation_tests;

use crate::plan::{CotangentRows, Plan, Step, StepOp};
use crate::program::{MicrobatchCotangents, Program, Rows, Saved};
use imnn_models::{Element, Result};
use pass::{Backward, Forward};
use transpose::{add_transposed, transpose};

impl<E: Element> Program<E> for Plan<E> {
    fn saved_len(&self, rows: Rows) -> (usize, usize) {
        (self.saved.0 * rows.total(), self.saved.1 * rows.n)
    }

    fn scratch_len(&self, rows: Rows) -> usize {
        self.patches + self.cotangents * self.cotangent_rows(rows).total(rows)
    }

    fn gradient_len(&self) -> usize {
        self.n_weights + self.n_folded
    }

    fn load(&mut self, weights: &[E]) {
        for composed in &self.composed {
            composed.load(weights, &mut self.derived);
        }
        for transposed in &self.transposed {
            // What is transposed is derived, if at all, before its transpose.
            let (before, to) = self.derived.split_at_mut(transposed.to.start);
            let from = transposed.from.of(weights, before);
            transpose(from, transposed.rows, &mut to[..transposed.to.len()]);
        }
    }

    fn forward(
        &self,
        weights: &[E],
        rows: Rows,
        saved: &mut Saved<E>,
        scratch: &mut [E],
        summaries: &mut [E],
    ) -> Result<()> {
        let patches = &mut scratch[..self.patches];
        let mut pass = Forward { plan: self, weights, rows, saved, patches };
        for step in &self.steps {
            forward(step, &mut pass);
        }
        summaries.copy_from_slice(&saved.numbers[self.saved_range(self.output, rows.total())]);
        Ok(())
    }

    fn backward(
        &self,
        weights: &[E],
        rows: Rows,
        saved: &Saved<E>,
        cotangents: MicrobatchCotangents<'_, E>,
        scratch: &mut [E],
        gradient: &mut [E],
    ) -> Result<()> {
        let order = self.cotangent_rows(rows);
        let (patches, arena) = scratch.split_at_mut(self.patches);
        let mut pass = Backward { plan: self, weights, rows, order, saved, cotangents, patches, arena, gradient };
        seed(&mut pass);
        for step in self.steps.iter().rev() {
            backward(step, &mut pass);
        }
        Ok(())
    }

    fn finish(&self, weights: &[E], gradient: &mut [E]) {
        let (gradient, derived) = gradient.split_at_mut(self.n_weights);
        for transposed in self.transposed.iter().filter(|transposed| transposed.narrow) {
            let (before, from) = derived.split_at_mut(transposed.to.start);
            let range = transposed.from.range.clone();
            let to = if transposed.from.derived { &mut before[range] } else { &mut gradient[range] };
            add_transposed(&from[..transposed.to.len()], transposed.rows, to);
        }
        for composed in &self.composed {
            composed.finish(weights, gradient, derived);
        }
    }
}

fn forward<E: Element>(step: &Step, pass: &mut Forward<'_, E>) {
    match &step.op {
        StepOp::Linear(linear) => linear::forward(linear, step, pass),
        StepOp::MaxPool(pool) => max_pool::forward(pool, step, pass),
        StepOp::MeanPool(windows) => mean_pool::forward(windows, step, pass),
        StepOp::Standardise(constants) => standardise::forward(constants, step, pass),
        StepOp::Piecewise(pointwise) => piecewise::forward(pointwise, step, pass),
        StepOp::Smooth(pointwise) => smooth::forward(pointwise, step, pass),
        StepOp::Pooled(pooled) => pooled::forward(pooled, step, pass),
        StepOp::Copy => copy::forward(step, false, pass),
        StepOp::Add => copy::forward(step, true, pass),
    }
}

fn backward<E: Element>(step: &Step, pass: &mut Backward<'_, E>) {
    let needed = pass.plan.buffers[step.input.buffer].needed;
    match &step.op {
        StepOp::Linear(linear) => linear::backward(linear, step, pass),
        StepOp::Pooled(pooled) => pooled::backward(pooled, step, pass),
        _ if !needed => {}
        StepOp::MaxPool(pool) => max_pool::backward(pool, step, pass),
        StepOp::MeanPool(windows) => mean_pool::backward(windows, step, pass),
        StepOp::Standardise(constants) => standardise::backward(constants, step, pass),
        StepOp::Piecewise(pointwise) => piecewise::backward(pointwise, step, pass),
        StepOp::Smooth(_) => smooth::backward(step, pass),
        StepOp::Copy | StepOp::Add => copy::backward(step, pass),
    }
}

/// Writes the gradient of the summaries: the cotangents, or the unit vectors.
fn seed<E: Element>(pass: &mut Backward<'_, E>) {
    let (size, range) = (pass.plan.buffers[pass.plan.output].size, pass.gradient_range(pass.plan.output));
    let seeds = &mut pass.arena[range];
    match pass.order {
        CotangentRows::PerSummary(q) => {
            seeds.fill(E::zero());
            for (row, seed) in seeds.chunks_exact_mut(size).enumerate() {
                seed[row % q] = E::one();
            }
        }
        CotangentRows::PerRow => {
            let (values, tangents) = seeds.split_at_mut(pass.rows.n * size);
            values.copy_from_slice(pass.cotangents.values);
            if pass.rows.tangents > 0 {
                for seed in tangents.chunks_exact_mut(pass.cotangents.tangents.len()) {
                    seed.copy_from_slice(pass.cotangents.tangents);
                }
            }
        }
    }
}
