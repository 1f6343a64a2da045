//! Networks of dense layers alone, with a kernel for each layer and way: see `kernels/dense.cu`.

use super::{Lowering, activation_code};
use crate::commands::{Kernel, Span, kernels};
use imnn_engine::Rows;
use imnn_engine::plan::{CotangentRows, LinearStep, Plan, StepOp};
use imnn_models::{Activation, Element};

const ROWS: usize = kernels::TILE[0];
const COLUMNS: usize = kernels::TILE[1];
/// Layers with more multiplications than this leave no time to be saved: the card's library is faster at them.
const MOST: usize = 1 << 27;
/// Parts of the sums for the gradient, and rows of a part at least.
const PARTS: usize = 64;
const ROWS_PER_PART: usize = 64;

/// A dense layer with the activation behind it.
struct Layer<'a> {
    linear: &'a LinearStep,
    /// What comes in, what the product makes of it, and what the activation does.
    buffers: [usize; 3],
    widths: [usize; 2],
    activation: Option<Activation>,
    smooth: bool,
    /// Where its cotangents lie in the arena, per row.
    slot: usize,
}

/// The layers of a network, first to last; the last one has no activation.
pub(super) struct Chain<'a>(Vec<Layer<'a>>);

impl<'a> Chain<'a> {
    /// The layers of a plan, if there are no others in it, and these are small for batches of these rows.
    pub(super) fn of<E: Element>(plan: &'a Plan<E>, rows: Rows) -> Option<Self> {
        let mut layers: Vec<Layer<'_>> = Vec::new();
        let mut steps = plan.steps.iter().peekable();
        let mut slot = 0;
        while let Some(step) = steps.next() {
            let StepOp::Linear(linear) = &step.op else { return None };
            let (from, to, weight, bias) = (step.input, step.output, &linear.weight, &linear.bias);
            let whole = [from, to].iter().all(|view| view.channel == 0 && view.ld == view.shape.channels);
            let one = from.shape.positions == 1 && to.shape.positions == 1;
            let behind = !weight.derived && !bias.derived && bias.range.start == weight.range.end;
            if linear.gather.is_some() || step.accumulate || !whole || !one || !behind {
                return None;
            }
            let widths = [from.shape.channels, to.shape.channels];
            let mut layer = Layer {
                linear,
                buffers: [from.buffer, to.buffer, to.buffer],
                widths,
                activation: None,
                smooth: false,
                slot,
            };
            slot += widths[1];
            if let Some(next) = steps.next_if(|next| !matches!(next.op, StepOp::Linear(_))) {
                let (StepOp::Piecewise(pointwise) | StepOp::Smooth(pointwise)) = &next.op else { return None };
                layer.activation = Some(pointwise.activation);
                layer.smooth = matches!(next.op, StepOp::Smooth(_));
                layer.buffers[2] = next.output.buffer;
                if next.input.buffer != to.buffer || next.accumulate {
                    return None;
                }
            }
            layers.push(layer);
        }
        let joined = layers.windows(2).all(|pair| {
            pair[0].buffers[2] == pair[1].buffers[0]
                && pair[0].activation.is_some()
                && pair[0].widths[1] == pair[1].widths[0]
        });
        let ends = layers.last()?.activation.is_none() && layers.last()?.buffers[1] == plan.output;
        let begins = layers[0].buffers[0] == 0;
        let largest = layers.iter().map(|layer| layer.widths[0] * layer.widths[1]).max()?;
        let small = rows.total().saturating_mul(largest) <= MOST && rows.tangents < ROWS;
        (joined && ends && begins && small).then_some(Chain(layers))
    }

    /// Numbers per row of all cotangents.
    pub(super) fn arena(&self) -> usize {
        self.0.iter().map(|layer| layer.widths[1]).sum()
    }
}

/// Rows of each part of the sums over these rows, and the parts.
pub(super) fn parts(rows: usize) -> (usize, usize) {
    let rows_per_part = rows.div_ceil(PARTS).max(ROWS_PER_PART);
    (rows_per_part, rows.div_ceil(rows_per_part))
}

impl<E: Element> Lowering<'_, E> {
    pub(super) fn dense_forward(&mut self, chain: &Chain<'_>) {
        let Rows { n, tangents: p } = self.rows;
        for layer in &chain.0 {
            let ([from, to, out], [depth, columns]) = (layer.buffers, layer.widths);
            let y = if layer.activation.is_some() { self.saved(out) } else { self.spans.summaries };
            let name = if layer.smooth { "dense_smooth_forward" } else { "dense_forward" };
            let weights = [&layer.linear.weight, &layer.linear.bias].map(|slot| self.place(slot));
            let kernel = Kernel::new(name).numbers([self.saved(from)]).counts([depth]).numbers(weights);
            let kernel = kernel.counts([columns, n, p, code(layer)]);
            let kernel = if layer.smooth { kernel.numbers([self.saved(to)]) } else { kernel };
            self.blocks(kernel.numbers([y]), n.div_ceil(ROWS / (1 + p)) * columns.div_ceil(COLUMNS));
        }
    }

    pub(super) fn dense_backward(&mut self, chain: &Chain<'_>) {
        let Rows { n, tangents: p } = self.rows;
        let rows = self.order.total(self.rows);
        let (q, n_own, per) = match self.order {
            CotangentRows::PerSummary(q) => (q, 0, q),
            CotangentRows::PerRow => (0, n, p.max(1)),
        };
        let (rows_per_part, parts) = parts(rows);
        let stride = self.plan.n_weights;
        let cotangents = |lowering: &Self, layer: &Layer<'_>| -> Span {
            lowering.spans.arena.part(layer.slot * rows..(layer.slot + layer.widths[1]) * rows)
        };
        if let Some(last) = chain.0.last() {
            self.seed(cotangents(self, last));
        }
        for (k, layer) in chain.0.iter().enumerate().rev() {
            let ([from, ..], [depth, columns]) = (layer.buffers, layer.widths);
            let (x, g) = (self.saved(from), cotangents(self, layer));
            if let Some(before) = k.checked_sub(1).map(|before| &chain.0[before]) {
                let (weight, to) = (self.place(&layer.linear.weight), cotangents(self, before));
                let tiles = depth.div_ceil(COLUMNS);
                if before.smooth {
                    let kernel = Kernel::new("dense_smooth_backward").numbers([g]).counts([columns]).numbers([weight]);
                    let kernel = kernel.counts([depth, n, p, code(before)]);
                    let kernel = kernel.numbers([self.saved(before.buffers[1]), to]);
                    self.blocks(kernel, n.div_ceil(ROWS / (1 + p)) * tiles);
                } else {
                    let kernel = Kernel::new("dense_backward").numbers([g]).counts([columns, rows]).numbers([weight]);
                    let kernel = kernel.counts([depth, code(before)]).numbers([x.part(0..n * depth)]);
                    self.blocks(kernel.counts([n_own, per]).numbers([to]), rows.div_ceil(ROWS) * tiles);
                }
            }
            let range = layer.linear.weight.range.start..layer.linear.bias.range.end;
            let partial = self.spans.partial.part(range.start..(parts - 1) * stride + range.end);
            let kernel = Kernel::new("dense_gradient").numbers([x]).counts([depth, n, p, q]);
            let kernel = kernel.numbers([self.spans.values, self.spans.tangents, g]);
            let kernel = kernel.counts([columns, rows, rows_per_part]).numbers([partial]).counts([stride]);
            self.blocks(kernel, parts * (depth + 1).div_ceil(ROWS) * columns.div_ceil(COLUMNS));
        }
        self.add_parts(self.spans.partial.part(0..parts * stride), parts, self.spans.gradient.part(0..stride));
    }

    fn blocks(&mut self, kernel: Kernel, blocks: usize) {
        kernel.launch(blocks * kernels::BLOCK as usize, &mut self.commands);
    }
}

/// The number of the activation; none of the kernels' where there is none.
fn code(layer: &Layer<'_>) -> usize {
    layer.activation.map_or(u32::MAX as usize, activation_code)
}
