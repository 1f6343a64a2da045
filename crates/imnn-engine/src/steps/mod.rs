//! Forward and backward passes: the steps of a plan, one after the other.

mod activation;
mod combine;
pub(crate) mod compose;
pub(crate) mod gather;
mod linear;
mod pool;

use crate::plan::{CotangentRows, LinearStep, Plan, Slot, Step, StepOp, View};
use crate::program::{MicrobatchCotangents, Program, Rows, Saved};
use combine::combine;
use imnn_compute::{Number, vectorised};
use imnn_models::{Element, Result};
use linear::Weight;
use std::ops::Range;

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
        for step in &self.steps {
            self.step_forward(step, weights, rows, saved, patches);
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
        pass.seed();
        for step in self.steps.iter().rev() {
            pass.step(step);
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

impl<E: Element> Plan<E> {
    fn step_forward(&self, step: &Step, weights: &[E], rows: Rows, saved: &mut Saved<E>, patches: &mut [E]) {
        let total = rows.total();
        let (from, to) = (step.input, step.output);
        let bias = |place: &Option<Slot>| match place {
            Some(place) => place.of(weights, &self.derived),
            None => &[],
        };
        if let StepOp::Piecewise { activation, bias: place } = &step.op {
            let x = &mut saved.numbers[self.saved_range(to.buffer, total)];
            return activation::forward_piecewise(*activation, rows.n, rows.tangents, bias(place), x);
        }
        let (x, y) =
            disjoint(&mut saved.numbers, self.saved_range(from.buffer, total), self.saved_range(to.buffer, total));
        let (size, ld, channels) = (self.buffers[from.buffer].size, to.ld, to.shape.channels);
        if let StepOp::Smooth { activation, bias: place } = &step.op {
            return activation::forward_smooth(*activation, rows.n, rows.tangents, bias(place), x, y);
        }
        let y = &mut y[to.channel..];
        match &step.op {
            StepOp::Linear(linear) => {
                let weight = self.weight(linear, weights, to);
                linear::forward(linear, weight, x, y, (total * to.shape.positions, ld), patches);
                if !linear.bias_later {
                    let bias = linear.bias.of(weights, &self.derived);
                    linear::add_bias(y, ld, rows.n * to.shape.positions, bias, channels);
                }
            }
            StepOp::MaxPool { windows, indices } => {
                let n_selected = to.shape.size();
                let indices = &mut saved.indices[indices * rows.n..][..n_selected * rows.n];
                let (values, tangents) = x.split_at(rows.n * size);
                pool::max(windows, channels, values, y, ld, indices);
                if rows.tangents > 0 {
                    let y = &mut y[rows.n * to.shape.positions * ld..];
                    pool::select(tangents, size, (y, ld, channels), indices, n_selected, |r| r / rows.tangents);
                }
            }
            StepOp::MeanPool(windows) => pool::mean(windows, channels, x, y, ld),
            StepOp::Copy | StepOp::Add => {
                let add = matches!(step.op, StepOp::Add);
                put((y, ld), (x, channels), channels, add);
            }
            StepOp::Piecewise { .. } | StepOp::Smooth { .. } => {}
        }
    }

    fn weight<'a>(&'a self, linear: &LinearStep, weights: &'a [E], output: View) -> Weight<'a, E> {
        let plain = linear.weight.of(weights, &self.derived);
        let transposed: &[E] = linear.transposed.as_ref().map_or(&[], |place| place.of(weights, &self.derived));
        let g = output.shape.channels;
        Weight { plain, transposed, narrow: linear.narrow, k: plain.len() / g, g }
    }

    fn saved_range(&self, buffer: usize, rows: usize) -> Range<usize> {
        let buffer = &self.buffers[buffer];
        buffer.saved * rows..(buffer.saved + buffer.size) * rows
    }
}

/// A backward pass under way.
struct Backward<'a, E> {
    plan: &'a Plan<E>,
    weights: &'a [E],
    rows: Rows,
    order: CotangentRows,
    saved: &'a Saved<E>,
    cotangents: MicrobatchCotangents<'a, E>,
    patches: &'a mut [E],
    /// Gradients and combined rows.
    arena: &'a mut [E],
    gradient: &'a mut [E],
}

impl<E: Element> Backward<'_, E> {
    /// The gradient of the summaries: the cotangents, or the unit vectors.
    fn seed(&mut self) {
        let size = self.plan.buffers[self.plan.output].size;
        let range = self.gradient_range(self.plan.output);
        let seeds = &mut self.arena[range];
        match self.order {
            CotangentRows::PerSummary(q) => {
                seeds.fill(E::zero());
                for (row, seed) in seeds.chunks_exact_mut(size).enumerate() {
                    seed[row % q] = E::one();
                }
            }
            CotangentRows::PerRow => {
                let (values, tangents) = seeds.split_at_mut(self.rows.n * size);
                values.copy_from_slice(self.cotangents.values);
                if self.rows.tangents > 0 {
                    for seed in tangents.chunks_exact_mut(self.cotangents.tangents.len()) {
                        seed.copy_from_slice(self.cotangents.tangents);
                    }
                }
            }
        }
    }

    fn step(&mut self, step: &Step) {
        let (from, to) = (step.input, step.output);
        let needed = self.plan.buffers[from.buffer].needed;
        match &step.op {
            StepOp::Linear(linear) => self.linear(step, linear),
            _ if !needed => {}
            StepOp::Piecewise { activation, .. } => {
                let y = &self.saved.numbers[self.plan.saved_range(to.buffer, self.rows.total())];
                let size = self.plan.buffers[to.buffer].size;
                let y = &y[..self.rows.n * size];
                let range = self.gradient_range(to.buffer);
                let g = &mut self.arena[range];
                match self.order {
                    CotangentRows::PerSummary(q) => {
                        activation::backward_piecewise(*activation, self.rows.n, q, y, g);
                    }
                    CotangentRows::PerRow => {
                        let (values, tangents) = g.split_at_mut(self.rows.n * size);
                        activation::backward_piecewise(*activation, self.rows.n, 1, y, values);
                        if self.rows.tangents > 0 {
                            activation::backward_piecewise(*activation, self.rows.n, self.rows.tangents, y, tangents);
                        }
                    }
                }
            }
            StepOp::Smooth { activation, .. } => {
                let x = &self.saved.numbers[self.plan.saved_range(from.buffer, self.rows.total())];
                let rows = self.rows;
                let (gy, gx) = self.gradients(to, from);
                activation::backward_smooth(*activation, rows.n, rows.tangents, x, gy);
                let size = gy.len();
                put((gx, size), (gy, size), size, step.accumulate);
            }
            StepOp::MaxPool { windows: _, indices } => {
                let n_selected = to.shape.size();
                let indices = &self.saved.indices[indices * self.rows.n..][..n_selected * self.rows.n];
                let of = self.value_row();
                let size = self.plan.buffers[from.buffer].size;
                let (gy, gx) = self.gradients(to, from);
                if !step.accumulate {
                    gx.fill(E::zero());
                }
                let gy = (&gy[to.channel..], to.ld, to.shape.channels);
                pool::select_back(gx, size, gy, indices, n_selected, of);
            }
            StepOp::MeanPool(windows) => {
                let (gy, gx) = self.gradients(to, from);
                if !step.accumulate {
                    gx.fill(E::zero());
                }
                pool::mean_back(windows, to.shape.channels, gx, &gy[to.channel..], to.ld);
            }
            StepOp::Copy | StepOp::Add => {
                let (gy, gx) = self.gradients(to, from);
                let channels = to.shape.channels;
                put((gx, channels), (&gy[to.channel..], to.ld), channels, step.accumulate);
            }
        }
    }

    fn linear(&mut self, step: &Step, linear: &LinearStep) {
        let (from, to) = (step.input, step.output);
        let weight = self.plan.weight(linear, self.weights, to);
        let (rows, positions) = (self.order.total(self.rows), to.shape.positions);
        let shape = (rows * positions, to.ld);
        let x = &self.saved.numbers[self.plan.saved_range(from.buffer, self.rows.total())];
        let combined = self.combined_range(from.buffer);
        let per_summary = matches!(self.order, CotangentRows::PerSummary(_));
        if per_summary && step.combine {
            combine(self.rows, self.cotangents, x, &mut self.arena[combined.clone()]);
        }
        let gy = &self.arena[self.gradient_range(to.buffer)][to.channel..];
        let left = if per_summary { &self.arena[combined] } else { x };
        let place = if linear.narrow { linear.transposed.as_ref() } else { None };
        let place = place.unwrap_or(&linear.weight).gradient(self.plan.n_weights);
        linear::weight_gradient(linear, weight, left, gy, shape, self.patches, &mut self.gradient[place]);
        let place = linear.bias.gradient(self.plan.n_weights);
        let (n_rows, row_weights) =
            if per_summary { (rows, Some(self.cotangents.values)) } else { (self.rows.n, None) };
        let shape_of_bias = (n_rows, positions, to.shape.channels);
        linear::bias_gradient(gy, to.ld, shape_of_bias, row_weights, &mut self.gradient[place]);
        if self.plan.buffers[from.buffer].needed {
            let (to_range, from_range) = (self.gradient_range(to.buffer), self.gradient_range(from.buffer));
            let (gy, gx) = disjoint(self.arena, to_range, from_range);
            linear::input_gradient(linear, weight, &gy[to.channel..], gx, step.accumulate, shape, self.patches);
        }
    }

    /// Which simulation a row of cotangents belongs to.
    fn value_row(&self) -> impl Fn(usize) -> usize + use<E> {
        let (order, rows) = (self.order, self.rows);
        move |r| match order {
            CotangentRows::PerSummary(q) => r / q,
            CotangentRows::PerRow if r < rows.n => r,
            CotangentRows::PerRow => (r - rows.n) / rows.tangents,
        }
    }

    /// The gradients of two buffers.
    fn gradients(&mut self, output: View, input: View) -> (&mut [E], &mut [E]) {
        let (output, input) = (self.gradient_range(output.buffer), self.gradient_range(input.buffer));
        disjoint(self.arena, output, input)
    }

    fn gradient_range(&self, buffer: usize) -> Range<usize> {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        buffer.gradient * rows..(buffer.gradient + buffer.size) * rows
    }

    fn combined_range(&self, buffer: usize) -> Range<usize> {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        buffer.combined * rows..(buffer.combined + buffer.size) * rows
    }
}

/// Two parts of a slice that do not overlap.
fn disjoint<E>(data: &mut [E], a: Range<usize>, b: Range<usize>) -> (&mut [E], &mut [E]) {
    if a.end <= b.start {
        let (before, after) = data.split_at_mut(b.start);
        (&mut before[a], &mut after[..b.len()])
    } else {
        assert!(b.end <= a.start, "{a:?} and {b:?} overlap");
        let (before, after) = data.split_at_mut(a.start);
        (&mut after[..a.len()], &mut before[b])
    }
}

vectorised! {
    /// `to = from`, or `to += from`, for some channels of all positions, each so many numbers from the one before.
    fn put<'a, E>(to: (&'a mut [E], usize), from: (&'a [E], usize), channels: usize, add: bool) {
        for (to, from) in to.0.chunks_mut(to.1).zip(from.0.chunks(from.1)) {
            let (to, from) = (&mut to[..channels], &from[..channels]);
            if add {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            } else {
                to.copy_from_slice(from);
            }
        }
    }

    /// `to[j, i] = from[i, j]` for `rows` rows of `from`, a square at a time, so that both sides stay in the nearest cache.
    fn transpose<'a, E>(from: &'a [E], rows: usize, to: &'a mut [E]) {
        const SIDE: usize = 16;
        let cols = from.len() / rows;
        let (whole_rows, whole_cols) = (rows - rows % SIDE, cols - cols % SIDE);
        for i in (0..whole_rows).step_by(SIDE) {
            for j in (0..whole_cols).step_by(SIDE) {
                let mut square = [[E::zero(); SIDE]; SIDE];
                for (k, square) in square.iter_mut().enumerate() {
                    square.copy_from_slice(&from[(i + k) * cols + j..][..SIDE]);
                }
                for l in 0..SIDE {
                    let to = &mut to[(j + l) * rows + i..][..SIDE];
                    to.iter_mut().zip(&square).for_each(|(to, row)| *to = row[l]);
                }
            }
        }
        for i in 0..rows {
            let from_col = if i < whole_rows { whole_cols } else { 0 };
            (from_col..cols).for_each(|j| to[j * rows + i] = from[i * cols + j]);
        }
    }
}

/// `to[i, j] += from[j, i]` for `rows` rows of `to`.
fn add_transposed<E: Number>(from: &[E], rows: usize, to: &mut [E]) {
    let cols = from.len() / rows;
    for (i, row) in to.chunks_exact_mut(cols).enumerate() {
        row.iter_mut().enumerate().for_each(|(j, x)| *x += from[j * rows + i]);
    }
}
