//! The backward pass of a batch as commands; see [`super`].

use super::{
    Argument, Chain, Command, Factor, Lowering, Sums, accumulate_flag, activation_code, chunk, chunks, count,
    patch_row, run,
};
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
        let to = Argument::Numbers(seeds);
        match self.order {
            CotangentRows::PerSummary(q) => self.launch("seed_units", seeds.len, &[to, count(size), count(q)]),
            CotangentRows::PerRow => {
                let (values, tangents) = (self.spans.values, self.spans.tangents);
                let arguments = [
                    to,
                    Argument::Numbers(values),
                    count(values.len),
                    Argument::Numbers(tangents),
                    count(tangents.len),
                ];
                self.launch("seed_rows", seeds.len, &arguments);
            }
        }
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
        let (size, channels, add) =
            (plan.buffers[from.buffer].size, to.shape.channels, accumulate_flag(step.accumulate));
        let (n_own, per) = match self.order {
            CotangentRows::PerSummary(q) => (0, q),
            CotangentRows::PerRow => (n, p.max(1)),
        };
        let (table, table_of) = (self.tables[k], Argument::Indices);
        match &step.op {
            StepOp::Piecewise(Pointwise { activation, .. }) => {
                let y = self.saved(to.buffer).part(0..n * size);
                let both = [(1, 0), (p, n * size)];
                let one = [(per, 0)];
                let groups: &[(usize, usize)] = if n_own == 0 { &one } else { &both };
                for &(q, first) in groups.iter().filter(|&&(q, _)| q > 0) {
                    let f = activation_code(*activation);
                    let (y, g) = (Argument::Numbers(y), Argument::Numbers(gy));
                    self.launch("piecewise_backward", n * size, &[f, count(q), count(size), count(first), y, g]);
                }
            }
            StepOp::Smooth(Pointwise { activation, .. }) => {
                let [x, g] = [self.saved(from.buffer), gy].map(Argument::Numbers);
                self.launch("smooth_backward", n * size, &[activation_code(*activation), count(p), count(size), x, g]);
            }
            StepOp::MaxPool(MaxPool { windows, indices }) => {
                let run = run(channels, [gx; 2]);
                let arguments = [
                    Argument::Numbers(gy.from(to.channel)),
                    count(to.ld),
                    Argument::Indices(self.indices(*indices, to)),
                    table_of(table.first),
                    table_of(table.readers),
                    count(windows.n_outputs()),
                    count(channels),
                    count(size),
                    count(n_own),
                    count(per),
                    count(run),
                    Argument::Numbers(gx),
                    add,
                ];
                self.launch("select_back", gx.len / run, &arguments);
            }
            StepOp::MeanPool(windows) => {
                let arguments = [
                    Argument::Numbers(gy.from(to.channel)),
                    count(to.ld),
                    table_of(table.first),
                    table_of(table.readers),
                    Argument::Numbers(table.share),
                    count(windows.n_outputs()),
                    count(windows.n_taps),
                    count(channels),
                    count(size),
                    Argument::Numbers(gx),
                    add,
                ];
                self.launch("mean_back", gx.len, &arguments);
            }
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
        let arguments = [
            Argument::Numbers(x),
            count(n * size),
            count(p),
            count(q),
            count(size),
            Argument::Numbers(self.spans.values),
            Argument::Numbers(self.spans.tangents),
            count(run),
            Argument::Numbers(left),
        ];
        self.launch("combine", left.len / run, &arguments);
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
        let arguments = [
            Argument::Numbers(gy),
            count(step.output.ld),
            count(channels),
            count(sums.columns),
            count(sums.rows),
            count(sums.rows_per_part),
            Argument::Numbers(self.spans.values),
            count(per_weight),
            Argument::Numbers(partial),
        ];
        self.launch("column_sums", partial.len, &arguments);
        let gradient = self.gradient_place(&linear.bias);
        let arguments = [Argument::Numbers(partial), count(sums.parts), Argument::Numbers(gradient)];
        self.launch("add_parts", sums.columns, &arguments);
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
            let run = run(from.shape.channels, [patches, gx]);
            let arguments = [
                Argument::Numbers(patches),
                Argument::Indices(self.tables[k].first),
                Argument::Indices(self.tables[k].readers),
                count(windows.taps.len()),
                count(from.shape.channels),
                count(size),
                count(run),
                Argument::Numbers(gx),
                accumulate_flag(step.accumulate),
            ];
            self.launch("scatter", gx.len / run, &arguments);
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
