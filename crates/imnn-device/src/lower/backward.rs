//! The backward pass of a batch as commands; see [`super`].

use super::{Chain, Command, Factor, Kernel, Lowering, Sums, activation_code, chunk, chunks, patch_row, run};
use crate::commands::Span;
use imnn_engine::plan::{CotangentRows, Gather, LinearStep, MaxPool, Pointwise, Slot, Step, StepOp};
use imnn_models::Element;

impl<E: Element> Lowering<'_, E> {
    /// Adds to the gradient the vector-Jacobian product with the cotangents.
    pub(crate) fn backward(mut self) -> Vec<Command> {
        if let Some(chain) = Chain::of(self.plan, self.rows) {
            self.dense_backward(&chain);
            return self.commands;
        }
        self.seed(self.gradient_of(self.plan.output));
        for k in (0..self.plan.steps.len()).rev() {
            self.step_backward(k);
        }
        self.commands
    }

    /// The gradient of the summaries: the cotangents, or the unit vectors.
    pub(super) fn seed(&mut self, seeds: Span) {
        let size = self.plan.buffers[self.plan.output].size;
        let kernel = match self.order {
            CotangentRows::PerSummary(q) => Kernel::new("seed_units").numbers([seeds]).counts([size, q]),
            CotangentRows::PerRow => {
                let (values, tangents) = (self.spans.values, self.spans.tangents);
                let kernel = Kernel::new("seed_rows").numbers([seeds, values]).counts([values.len]);
                kernel.numbers([tangents]).counts([tangents.len])
            }
        };
        kernel.launch(seeds.len, &mut self.commands);
    }

    fn step_backward(&mut self, k: usize) {
        let plan = self.plan;
        let step = &plan.steps[k];
        let (from, to) = (step.input, step.output);
        if let StepOp::Linear(linear) = &step.op {
            return self.linear_backward(k, linear, step);
        }
        if !plan.buffers[from.buffer].needed {
            return;
        }
        let (n, p) = (self.rows.n, self.rows.tangents);
        let (gy, gx) = (self.gradient_of(to.buffer), self.gradient_of(from.buffer));
        let (size, channels, add) = (plan.buffers[from.buffer].size, to.shape.channels, usize::from(step.accumulate));
        let (n_own, per) = match self.order {
            CotangentRows::PerSummary(q) => (0, q),
            CotangentRows::PerRow => (n, p.max(1)),
        };
        let table = self.tables[k];
        match &step.op {
            StepOp::Piecewise(Pointwise { activation, .. }) => {
                let y = self.saved(to.buffer).part(0..n * size);
                let both = [(1, 0), (p, n * size)];
                let one = [(per, 0)];
                let groups: &[(usize, usize)] = if n_own == 0 { &one } else { &both };
                for &(q, first) in groups.iter().filter(|&&(q, _)| q > 0) {
                    let counts = [activation_code(*activation), q, size, first];
                    let kernel = Kernel::new("piecewise_backward").counts(counts).numbers([y, gy]);
                    kernel.launch(n * size, &mut self.commands);
                }
            }
            StepOp::Smooth(Pointwise { activation, .. }) => {
                let kernel = Kernel::new("smooth_backward").counts([activation_code(*activation), p, size]);
                kernel.numbers([self.saved(from.buffer), gy]).launch(n * size, &mut self.commands);
            }
            StepOp::MaxPool(MaxPool { windows, indices }) => {
                let run = run(channels, [gx; 2]);
                Kernel::new("select_back")
                    .numbers([gy.from(to.channel)])
                    .counts([to.ld])
                    .indices([self.indices(*indices, to), table.first, table.readers])
                    .counts([windows.n_outputs(), channels, size, n_own, per, run])
                    .numbers([gx])
                    .counts([add])
                    .launch(gx.len / run, &mut self.commands);
            }
            StepOp::MeanPool(windows) => {
                Kernel::new("mean_back")
                    .numbers([gy.from(to.channel)])
                    .counts([to.ld])
                    .indices([table.first, table.readers])
                    .numbers([table.constants])
                    .counts([windows.n_outputs(), windows.n_taps, channels, size])
                    .numbers([gx])
                    .counts([add])
                    .launch(gx.len, &mut self.commands);
            }
            StepOp::Standardise(_) => self.standardise(k, gy, gx, 0, step.accumulate),
            StepOp::Copy | StepOp::Add => {
                self.copy(gy.from(to.channel), to.ld, gx, channels, (gx.len, channels), step.accumulate);
            }
            // Those of pools are not among the steps of a plan for cards.
            StepOp::Linear(_) | StepOp::Pooled(_) => {}
        }
    }

    fn linear_backward(&mut self, k: usize, linear: &LinearStep, step: &Step) {
        let (from, to) = (step.input, step.output);
        let (total, positions, g, ld) = (self.order.total(self.rows), to.shape.positions, to.shape.channels, to.ld);
        let per_summary = match self.order {
            CotangentRows::PerSummary(q) => Some(q),
            CotangentRows::PerRow => None,
        };
        let x = self.saved(from.buffer);
        if let (Some(q), true) = (per_summary, step.combine) {
            self.combine(x, self.plan.buffers[from.buffer].size, q, self.combined_of(from.buffer));
        }
        let left = if per_summary.is_some() { self.combined_of(from.buffer) } else { x };
        let gy = self.gradient_of(to.buffer).from(to.channel);
        let (weight, width) = self.weight(linear, step);
        // The plan turns gradients of narrow weights round; here they are not turned to begin with.
        let gradient = self.gradient_place(&linear.weight);
        self.left_factors(k, left, total, |lowering, left, rows| {
            let m = rows.len() * positions;
            let left = Factor { transposed: true, ..left };
            let gy = Factor { span: gy.from(rows.start * positions * ld), ld, transposed: false };
            lowering.product((width, g, m), left, gy, (gradient, g), true);
        });
        self.bias_gradient(linear, step, gy, per_summary.is_some());
        if self.plan.buffers[from.buffer].needed {
            let transposed = Factor { transposed: true, ..weight };
            self.input_gradient(k, linear, step, gy, transposed, width);
        }
    }

    fn combine(&mut self, x: Span, size: usize, q: usize, left: Span) {
        let (n, p, run) = (self.rows.n, self.rows.tangents, run(size, [x, left]));
        let kernel = Kernel::new("combine").numbers([x]).counts([n * size, p, q, size]);
        let kernel = kernel.numbers([self.spans.values, self.spans.tangents]).counts([run]).numbers([left]);
        kernel.launch(left.len / run, &mut self.commands);
    }

    fn bias_gradient(&mut self, linear: &LinearStep, step: &Step, gy: Span, per_summary: bool) {
        let (positions, channels) = (step.output.shape.positions, step.output.shape.channels);
        let rows = if per_summary { self.order.total(self.rows) } else { self.rows.n };
        let sums = Sums::new(linear, step, rows, positions);
        let per_weight = match per_summary {
            true if sums.columns == channels => positions,
            true => 1,
            false => 0,
        };
        let partial = self.spans.partial.part(0..sums.parts * sums.columns);
        let counts = [step.output.ld, channels, sums.columns, sums.rows, sums.rows_per_part];
        let kernel = Kernel::new("column_sums").numbers([gy]).counts(counts).numbers([self.spans.values]);
        kernel.counts([per_weight]).numbers([partial]).launch(partial.len, &mut self.commands);
        self.add_parts(partial, sums.parts, self.gradient_place(&linear.bias));
    }

    /// Adds to a gradient its parts.
    pub(super) fn add_parts(&mut self, partial: Span, parts: usize, gradient: Span) {
        let kernel = Kernel::new("add_parts").numbers([partial]).counts([parts]).numbers([gradient]);
        kernel.launch(gradient.len, &mut self.commands);
    }

    fn input_gradient(&mut self, k: usize, linear: &LinearStep, step: &Step, gy: Span, weight: Factor, width: usize) {
        let (from, to) = (step.input, step.output);
        let (total, positions, g, ld) = (self.order.total(self.rows), to.shape.positions, to.shape.channels, to.ld);
        let gx = self.gradient_of(from.buffer);
        let Some(windows) = linear.gather.as_ref().map(Gather::windows) else {
            let gy = Factor { span: gy, ld, transposed: false };
            return self.product((total * positions, width, g), gy, weight, (gx, width), step.accumulate);
        };
        let (per_row, size) = (patch_row(linear, step), self.plan.buffers[from.buffer].size);
        for rows in chunks(total, chunk(per_row, self.patches)) {
            let patches = self.spans.patches.part(0..per_row * rows.len());
            let gy = Factor { span: gy.from(rows.start * positions * ld), ld, transposed: false };
            self.product((rows.len() * positions, width, g), gy, weight, (patches, width), false);
            let gx = gx.part(rows.start * size..rows.end * size);
            let (channels, add) = (from.shape.channels, step.accumulate.into());
            let run = run(channels, [patches, gx]);
            let (first, readers) = (self.tables[k].first, self.tables[k].readers);
            let kernel = Kernel::new("scatter").numbers([patches]).indices([first, readers]);
            let kernel = kernel.counts([windows.taps.len(), channels, size, run]).numbers([gx]).counts([add]);
            kernel.launch(gx.len / run, &mut self.commands);
        }
    }

    fn gradient_place(&self, place: &Slot) -> Span {
        self.spans.gradient.part(place.gradient(self.plan.n_weights))
    }

    fn gradient_of(&self, buffer: usize) -> Span {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        self.arena_part(buffer.gradient * rows, buffer.size * rows, buffer.needed)
    }

    fn combined_of(&self, buffer: usize) -> Span {
        let (buffer, rows) = (&self.plan.buffers[buffer], self.order.total(self.rows));
        self.arena_part(buffer.combined * rows, buffer.size * rows, true)
    }

    /// What has no place, since nothing flows back there, has no numbers.
    fn arena_part(&self, start: usize, len: usize, placed: bool) -> Span {
        if placed { self.spans.arena.part(start..start + len) } else { Span { len: 0, ..self.spans.arena } }
    }
}
