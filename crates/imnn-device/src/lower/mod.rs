//! The steps of a plan as commands for a card.
//!
//! The rules are those of the CPU's passes, file by file; what differs is who does the work:
//!
//! ```text
//! matrix products      the card's library, for narrow matrices too; transposed factors are read as they lie
//! patches              of as many whole rows as fit, so that the way back is a sum over the readers of each position
//! transposes           none: the library reads weights as they lie
//! ```

#[cfg(test)]
mod agreement;
mod backward;
mod dense;
mod derive;
mod windows;

use dense::Chain;
pub(crate) use derive::{WeightSpans, derive, fold, n_weights, taps};
use windows::Table;

use crate::commands::kernels::LONGEST_RUN;
use crate::commands::{Command, Factor, Kernel, Product, Span};
use imnn_engine::Rows;
use imnn_engine::plan::{CotangentRows, Gather, LinearStep, MaxPool, Plan, Pointwise, Slot, Step, StepOp, View};
use imnn_models::{Activation, Element};
use std::ops::Range;

/// Where the tables of one step lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableSpans {
    pub(crate) taps: Span,
    pub(crate) first: Span,
    pub(crate) readers: Span,
    pub(crate) constants: Span,
}

/// Where a batch and what its passes need lie on the card. All but `indices` are numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans {
    /// The simulations `(rows.total(), F)`.
    pub(crate) input: Span,
    /// The layers.
    pub(crate) saved: Span,
    /// Where maxima were found.
    pub(crate) indices: Span,
    /// Gradients and combined rows.
    pub(crate) arena: Span,
    pub(crate) patches: Span,
    /// Partial sums.
    pub(crate) partial: Span,
    /// The weights and those derived from them.
    pub(crate) weights: Span,
    /// Their gradient.
    pub(crate) gradient: Span,
    /// Cotangents of the values `(rows.n, n_summaries)` and of the tangents `(rows.tangents, n_summaries)`.
    pub(crate) values: Span,
    pub(crate) tangents: Span,
    /// The summaries `(rows.total(), n_summaries)`.
    pub(crate) summaries: Span,
}

/// How many numbers the spans of a batch need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) input: usize,
    pub(crate) saved: usize,
    pub(crate) indices: usize,
    pub(crate) arena: usize,
    pub(crate) patches: usize,
    pub(crate) partial: usize,
    /// The largest number of anything that a kernel counts, in 32 bits.
    pub(crate) largest: usize,
}

/// The tables of all steps.
pub(crate) fn tables<E: Element>(plan: &Plan<E>) -> Vec<Table> {
    let table = |op: &StepOp| match op {
        StepOp::Linear(LinearStep { gather: Some(gather), .. }) => Table::new(gather.windows(), false),
        StepOp::MaxPool(MaxPool { windows, .. }) => Table::new(windows, true),
        StepOp::MeanPool(windows) => Table::of_means(windows),
        StepOp::Standardise(constants) => {
            let constants = plan.constants[constants.clone()].iter().map(|constant| constant.f64());
            Table { constants: constants.collect(), ..Table::default() }
        }
        StepOp::Linear(_)
        | StepOp::Piecewise(_)
        | StepOp::Smooth(_)
        | StepOp::Pooled(_)
        | StepOp::Copy
        | StepOp::Add => Table::default(),
    };
    plan.steps.iter().map(|step| table(&step.op)).collect()
}

/// Partial sums of columns are added by about this many threads.
const SUMMING: usize = 1 << 16;
/// No fewer rows than this go to one partial sum.
const ROWS_PER_PART: usize = 32;

/// What a batch of these rows needs, with at most `patches` numbers of patches at a time, or one row.
pub(crate) fn lengths<E: Element>(plan: &Plan<E>, rows: Rows, patches: usize) -> Lengths {
    let (total, back) = (rows.total(), plan.cotangent_rows(rows).total(rows));
    let (mut widest, mut partial, mut largest) = (0, 0, 0);
    for step in &plan.steps {
        let StepOp::Linear(linear) = &step.op else { continue };
        let positions = step.output.shape.positions;
        if linear.gather.is_some() {
            let per_row = patch_row(linear, step);
            widest = widest.max(per_row * chunk(per_row, patches).min(total.max(back)));
        }
        let sums = Sums::new(linear, step, back, positions);
        partial = partial.max(sums.parts * sums.columns);
    }
    let mut arena = plan.cotangents;
    if let Some(chain) = Chain::of(plan, rows) {
        arena = arena.max(chain.arena());
        partial = partial.max(dense::parts(back).1 * plan.n_weights);
    }
    for buffer in &plan.buffers {
        largest = largest.max(buffer.size * total.max(back));
    }
    let skipped = skipped(plan);
    Lengths {
        input: plan.buffers[0].size * total,
        saved: (plan.saved.0 - skipped) * total,
        indices: plan.saved.1 * rows.n,
        arena: arena * back,
        patches: widest,
        partial,
        largest: largest.max(widest),
    }
}

/// Numbers per row before the first layer: the input has a place of its own.
fn skipped<E>(plan: &Plan<E>) -> usize {
    plan.buffers.get(1).map_or(plan.saved.0, |buffer| buffer.saved)
}

/// Numbers of the patches of one row.
fn patch_row(linear: &LinearStep, step: &Step) -> usize {
    linear.weight.range.len() / step.output.shape.channels * step.output.shape.positions
}

/// Rows of a chunk of patches.
fn chunk(per_row: usize, patches: usize) -> usize {
    (patches / per_row.max(1)).max(1)
}

/// Column sums in parts.
struct Sums {
    columns: usize,
    rows: usize,
    rows_per_part: usize,
    parts: usize,
}

impl Sums {
    /// The sums for the bias of a layer over `rows` rows of `positions`.
    fn new(linear: &LinearStep, step: &Step, rows: usize, positions: usize) -> Self {
        let (columns, g) = (linear.bias.range.len(), step.output.shape.channels);
        let rows = if columns == g { rows * positions } else { rows };
        let most = rows.div_ceil(ROWS_PER_PART).max(1);
        let parts = (SUMMING / columns.max(1)).clamp(1, most);
        let rows_per_part = rows.div_ceil(parts).max(1);
        Sums { columns, rows, rows_per_part, parts: rows.div_ceil(rows_per_part).max(1) }
    }
}

/// The commands of one batch.
pub(crate) struct Lowering<'a, E> {
    plan: &'a Plan<E>,
    rows: Rows,
    order: CotangentRows,
    spans: Spans,
    tables: &'a [TableSpans],
    /// Numbers of patches at a time.
    patches: usize,
    commands: Vec<Command>,
}

impl<'a, E: Element> Lowering<'a, E> {
    pub(crate) fn new(plan: &'a Plan<E>, rows: Rows, spans: Spans, tables: &'a [TableSpans], patches: usize) -> Self {
        Lowering { plan, rows, order: plan.cotangent_rows(rows), spans, tables, patches, commands: Vec::new() }
    }

    /// From the input the summaries and their tangents.
    pub(crate) fn forward(mut self) -> Vec<Command> {
        if let Some(chain) = Chain::of(self.plan, self.rows) {
            self.dense_forward(&chain);
            return self.commands;
        }
        for k in 0..self.plan.steps.len() {
            self.step_forward(k);
        }
        let (from, to) = (self.saved(self.plan.output), self.spans.summaries);
        self.copy(from, 1, to, 1, (to.len, 1), false);
        self.commands
    }

    fn step_forward(&mut self, k: usize) {
        let plan = self.plan;
        let step = &plan.steps[k];
        let (from, to) = (step.input, step.output);
        let (x, y) = (self.saved(from.buffer), self.saved(to.buffer));
        let (n, p, total) = (self.rows.n, self.rows.tangents, self.rows.total());
        let (size, channels) = (plan.buffers[from.buffer].size, to.shape.channels);
        let (positions, ld) = (to.shape.positions, to.ld);
        match &step.op {
            StepOp::Linear(linear) => {
                let (weight, width) = self.weight(linear, step);
                self.left_factors(k, x, total, |lowering, x, rows| {
                    let m = rows.len() * positions;
                    let y = y.from(rows.start * positions * ld + to.channel);
                    lowering.product((m, channels, width), x, weight, (y, ld), false);
                });
                if !linear.bias_later {
                    let bias = self.place(&linear.bias);
                    let kernel = Kernel::new("add_bias").numbers([y.from(to.channel)]).counts([ld]).numbers([bias]);
                    kernel.counts([bias.len, channels]).launch(n * positions * channels, &mut self.commands);
                }
            }
            StepOp::MaxPool(MaxPool { windows, indices }) => {
                let (table, found) = (self.tables[k], self.indices(*indices, to));
                let y = y.from(to.channel);
                Kernel::new("max_forward")
                    .numbers([x])
                    .indices([table.taps])
                    .counts([windows.n_outputs(), windows.n_taps, channels, size])
                    .numbers([y])
                    .counts([ld])
                    .indices([found])
                    .launch(n * to.shape.size(), &mut self.commands);
                if p > 0 {
                    Kernel::new("select")
                        .numbers([x.from(n * size)])
                        .indices([found])
                        .counts([to.shape.size(), channels, size, p])
                        .numbers([y.from(n * positions * ld)])
                        .counts([ld])
                        .launch(n * p * to.shape.size(), &mut self.commands);
                }
            }
            StepOp::MeanPool(windows) => {
                let table = self.tables[k];
                Kernel::new("mean_forward")
                    .numbers([x])
                    .indices([table.taps])
                    .numbers([table.constants])
                    .counts([windows.n_outputs(), windows.n_taps, channels, size])
                    .numbers([y.from(to.channel)])
                    .counts([ld])
                    .launch(total * to.shape.size(), &mut self.commands);
            }
            StepOp::Standardise(_) => self.standardise(k, x, y, n * size, false),
            StepOp::Piecewise(pointwise) => {
                let kernel = self.activation("piecewise_forward", pointwise, size);
                kernel.numbers([y]).launch(n * size, &mut self.commands);
            }
            StepOp::Smooth(pointwise) => {
                let kernel = self.activation("smooth_forward", pointwise, size);
                kernel.numbers([x, y]).launch(n * size, &mut self.commands);
            }
            // Not among the steps of a plan for cards.
            StepOp::Pooled(_) => {}
            StepOp::Copy | StepOp::Add => {
                let add = matches!(step.op, StepOp::Add);
                let numbers = total * to.shape.size();
                self.copy(x, channels, y.from(to.channel), ld, (numbers, channels), add);
            }
        }
    }

    /// Numbers over the deviations of their channels, the first so many less the means, put or added.
    fn standardise(&mut self, k: usize, from: Span, to: Span, n_values: usize, add: bool) {
        let (constants, channels) = (self.tables[k].constants, self.plan.steps[k].output.shape.channels);
        let kernel = Kernel::new("standardise").numbers([from, constants]).counts([n_values, channels]);
        kernel.numbers([to]).counts([add.into()]).launch(to.len, &mut self.commands);
    }

    /// What both kinds of activations have in common.
    fn activation(&self, kernel: &'static str, f: &Pointwise, width: usize) -> Kernel {
        let bias = f.bias.as_ref().map_or(Span { len: 0, ..self.spans.weights }, |bias| self.place(bias));
        let counts = [activation_code(f.activation), self.rows.tangents, width];
        Kernel::new(kernel).counts(counts).numbers([bias]).counts([bias.len])
    }

    /// Calls `multiply` with the left factor of a linear layer and the rows that it is of: `x` as it lies, or the patches
    /// of some rows after the other.
    fn left_factors(
        &mut self,
        k: usize,
        x: Span,
        total: usize,
        mut multiply: impl FnMut(&mut Self, Factor, Range<usize>),
    ) {
        let step = &self.plan.steps[k];
        let StepOp::Linear(linear) = &step.op else { return };
        let (_, ld) = self.weight(linear, step);
        let Some(windows) = linear.gather.as_ref().map(Gather::windows) else {
            return multiply(self, Factor { span: x, ld, transposed: false }, 0..total);
        };
        let (per_row, size) = (patch_row(linear, step), self.plan.buffers[step.input.buffer].size);
        for rows in chunks(total, chunk(per_row, self.patches)) {
            let patches = self.spans.patches.part(0..per_row * rows.len());
            let x = x.part(rows.start * size..rows.end * size);
            let channels = step.input.shape.channels;
            let run = run(channels, [x, patches]);
            let kernel = Kernel::new("gather").numbers([x]).indices([self.tables[k].taps]);
            let kernel = kernel.counts([windows.taps.len(), channels, size, run]).numbers([patches]);
            kernel.launch(patches.len / run, &mut self.commands);
            multiply(self, Factor { span: patches, ld, transposed: false }, rows);
        }
    }

    /// W `(k, g)`, and k.
    fn weight(&self, linear: &LinearStep, step: &Step) -> (Factor, usize) {
        let g = step.output.shape.channels;
        let span = self.place(&linear.weight);
        (Factor { span, ld: g, transposed: false }, span.len / g)
    }

    fn place(&self, place: &Slot) -> Span {
        let shift = if place.derived { self.plan.n_weights } else { 0 };
        self.spans.weights.part(place.range.start + shift..place.range.end + shift)
    }

    fn saved(&self, buffer: usize) -> Span {
        if buffer == 0 {
            return self.spans.input;
        }
        let (total, buffer) = (self.rows.total(), &self.plan.buffers[buffer]);
        let start = (buffer.saved - skipped(self.plan)) * total;
        self.spans.saved.part(start..start + buffer.size * total)
    }

    fn indices(&self, first: usize, to: View) -> Span {
        self.spans.indices.part(first * self.rows.n..(first + to.shape.size()) * self.rows.n)
    }

    fn copy(&mut self, from: Span, ld_from: usize, to: Span, ld_to: usize, (n, channels): (usize, usize), add: bool) {
        let kernel = Kernel::new("copy").numbers([from]).counts([ld_from]).numbers([to]);
        kernel.counts([ld_to, channels, add.into()]).launch(n, &mut self.commands);
    }

    fn product(&mut self, (m, n, k): (usize, usize, usize), a: Factor, b: Factor, (c, ld): (Span, usize), add: bool) {
        if m > 0 && n > 0 {
            self.commands.push(Command::Product(Product { m, n, k, a, b, c, ld, accumulate: add }));
        }
    }
}

/// Runs of `size` rows.
fn chunks(total: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total).step_by(size).map(move |start| start..(start + size).min(total))
}

/// How many neighbouring numbers of so many a thread makes: as many as a card moves at once, if they lie so in these spans.
fn run(len: usize, spans: [Span; 2]) -> usize {
    let together = |n: usize| n.is_multiple_of(LONGEST_RUN);
    if together(len) && spans.iter().all(|span| together(span.start)) { LONGEST_RUN } else { 1 }
}

/// The number of an activation in the kernels.
fn activation_code(f: Activation) -> usize {
    f.code() as usize
}
