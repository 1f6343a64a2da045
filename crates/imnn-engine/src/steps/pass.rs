//! What the steps of one pass share.

use crate::plan::{CotangentRows, LinearStep, Plan, Slot, Step, View};
use crate::program::{MicrobatchCotangents, Rows, Saved};
use imnn_compute::Number;
use std::ops::Range;

/// A forward pass.
pub(super) struct Forward<'a, E> {
    pub(super) plan: &'a Plan<E>,
    pub(super) weights: &'a [E],
    pub(super) rows: Rows,
    pub(super) saved: &'a mut Saved<E>,
    pub(super) patches: &'a mut [E],
}

/// A backward pass.
pub(super) struct Backward<'a, E> {
    pub(super) plan: &'a Plan<E>,
    pub(super) weights: &'a [E],
    pub(super) rows: Rows,
    pub(super) order: CotangentRows,
    pub(super) saved: &'a Saved<E>,
    pub(super) cotangents: MicrobatchCotangents<'a, E>,
    pub(super) patches: &'a mut [E],
    /// Gradients and combined rows.
    pub(super) arena: &'a mut [E],
    pub(super) gradient: &'a mut [E],
}

/// The weight of a linear step as a pass needs it.
#[derive(Clone, Copy)]
pub(super) struct Weight<'a, E> {
    /// `(k, g)`.
    pub(super) plain: &'a [E],
    /// `(g, k)`, for narrow products and for those of the backward pass.
    pub(super) transposed: &'a [E],
    /// Whether products are narrow, and the gradient is laid out as the transposed weight.
    pub(super) narrow: bool,
    /// Rows of the weight: numbers of a patch.
    pub(super) k: usize,
    /// Columns of the weight: channels that come out.
    pub(super) g: usize,
}

/// What a step reads and writes forward.
pub(super) struct Operands<'a, E> {
    pub(super) x: &'a mut [E],
    /// The output from its first channel on.
    pub(super) y: &'a mut [E],
    /// Positions of maxima.
    pub(super) indices: &'a mut [u32],
    pub(super) patches: &'a mut [E],
}

/// What a step reads and writes backward.
pub(super) struct Gradients<'a, E> {
    /// The gradient of the output from its first channel on.
    pub(super) gy: &'a mut [E],
    pub(super) gx: &'a mut [E],
    pub(super) patches: &'a mut [E],
}

impl<'a, E: Number> Forward<'a, E> {
    pub(super) fn operands(&mut self, step: &Step) -> Operands<'_, E> {
        let range = |view: View| self.plan.saved_range(view.buffer, self.rows.total());
        let (x, y) = disjoint(&mut self.saved.numbers, range(step.input), range(step.output));
        Operands { x, y: &mut y[step.output.channel..], indices: &mut self.saved.indices, patches: self.patches }
    }

    /// The numbers of a step in place.
    pub(super) fn in_place(&mut self, step: &Step) -> &mut [E] {
        let range = self.plan.saved_range(step.output.buffer, self.rows.total());
        &mut self.saved.numbers[range]
    }

    /// A bias, or nothing.
    pub(super) fn bias(&self, slot: &Option<Slot>) -> &'a [E] {
        slot.as_ref().map_or(&[], |slot| slot.of(self.weights, &self.plan.derived))
    }
}

impl<'a, E: Number> Backward<'a, E> {
    /// The saved numbers of a buffer.
    pub(super) fn saved(&self, buffer: usize) -> &'a [E] {
        &self.saved.numbers[self.plan.saved_range(buffer, self.rows.total())]
    }

    /// Which simulation a row of cotangents belongs to.
    pub(super) fn value_row(&self) -> impl Fn(usize) -> usize + use<E> {
        let (order, rows) = (self.order, self.rows);
        move |r| match order {
            CotangentRows::PerSummary(q) => r / q,
            CotangentRows::PerRow if r < rows.n => r,
            CotangentRows::PerRow => (r - rows.n) / rows.tangents,
        }
    }

    pub(super) fn gradients(&mut self, step: &Step) -> Gradients<'_, E> {
        let (output, input) = (self.gradient_range(step.output.buffer), self.gradient_range(step.input.buffer));
        let (gy, gx) = disjoint(self.arena, output, input);
        Gradients { gy: &mut gy[step.output.channel..], gx, patches: self.patches }
    }

    /// As [`Backward::gradients`], for a step that adds to its input's gradient: zeros unless others have added before.
    pub(super) fn gradients_to_add(&mut self, step: &Step) -> Gradients<'_, E> {
        let gradients = self.gradients(step);
        if !step.accumulate {
            gradients.gx.fill(E::zero());
        }
        gradients
    }

    pub(super) fn gradient_range(&self, buffer: usize) -> Range<usize> {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        buffer.gradient * rows..(buffer.gradient + buffer.size) * rows
    }

    pub(super) fn combined_range(&self, buffer: usize) -> Range<usize> {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        buffer.combined * rows..(buffer.combined + buffer.size) * rows
    }
}

impl<E: Number> Plan<E> {
    /// Where the numbers of a buffer are saved for this many rows.
    pub(super) fn saved_range(&self, buffer: usize, rows: usize) -> Range<usize> {
        let buffer = &self.buffers[buffer];
        buffer.saved * rows..(buffer.saved + buffer.size) * rows
    }

    pub(super) fn weight<'a>(&'a self, linear: &LinearStep, weights: &'a [E], output: View) -> Weight<'a, E> {
        let plain = linear.weight.of(weights, &self.derived);
        let transposed: &[E] = linear.transposed.as_ref().map_or(&[], |slot| slot.of(weights, &self.derived));
        let g = output.shape.channels;
        Weight { plain, transposed, narrow: linear.narrow, k: plain.len() / g, g }
    }
}

/// Two parts of a slice that do not overlap.
pub(super) fn disjoint<E>(data: &mut [E], a: Range<usize>, b: Range<usize>) -> (&mut [E], &mut [E]) {
    if a.end <= b.start {
        let (before, after) = data.split_at_mut(b.start);
        (&mut before[a], &mut after[..b.len()])
    } else {
        assert!(b.end <= a.start, "{a:?} and {b:?} overlap");
        let (before, after) = data.split_at_mut(a.start);
        (&mut after[..a.len()], &mut before[b])
    }
}
