//! The loss of a task on a card, and its gradient with respect to the summaries, as commands.
//!
//! ```text
//! summaries -> sums -> means -> sums about them -> loss -> cotangents of every batch
//! ```
//!
//! All of it is in double precision, with the formulas and refusals of imnn-stats; see `kernels/loss.cu`.

use super::layout::Layout;
use crate::commands::kernels::{BLOCK, WHOLE_SUMMARIES};
use crate::commands::{Backend, Command, Kernel, Span};
use crate::error::Result;
use imnn_data::Derivatives;
use imnn_stats::Record;
use std::ops::Range;

/// Rows of one partial sum.
const ROWS_PER_PART: usize = 32;
/// A loss of one batch of no more simulations than this, and few summaries, is one kernel of one block.
const WHOLE_ROWS: usize = 1 << 13;
/// Numbers of a record on the card: the status, and those of [`Record`].
const RECORD: usize = 1 + Record::NAMES.len();

/// Where the loss of a task is worked out.
pub(crate) struct Evaluation {
    /// Doubles.
    record: Span,
    widths: Span,
    /// The widths that lie there.
    loaded: Vec<f64>,
    pub(super) commands: Vec<Command>,
    /// The sequence of these commands alone.
    pub(super) sequence: usize,
}

impl Evaluation {
    /// Prepares the commands for the batches of a task, with its cotangents if there is a backward pass. `settings` holds
    /// lambda and alpha.
    ///
    /// # Errors
    /// If the card refuses.
    pub(crate) fn new<B: Backend>(backend: &mut B, layout: &mut Layout, settings: Span) -> Result<Self> {
        let shape = layout.batches.shape;
        let (q, p) = (shape.n_summaries, shape.n_params);
        let mut take = |len: usize| layout.training.allocate::<f64>(backend, len);
        let [record, widths] = [take(RECORD)?, take(p)?];

        let commands = match layout.spans.as_slice() {
            [only] if shape.n_d == shape.n_s && p == q && q <= WHOLE_SUMMARIES && shape.n_s <= WHOLE_ROWS => {
                let to = if layout.backward.is_empty() { only.values.part(0..0) } else { only.values };
                let kernel = Kernel::new("whole_loss").numbers([only.summaries]);
                let kernel = kernel.counts([shape.n_s, shape.tangent_rows(0), q]).doubles([settings, widths, record]);
                vec![kernel.numbers([to]).counts([to.len]).numbers([layout.tangents]).run(BLOCK as usize)]
            }
            _ => in_parts(backend, layout, [record, widths, settings])?,
        };
        let sequence = layout.training.prepare(backend, commands.clone())?;
        Ok(Evaluation { record, widths, loaded: vec![], commands, sequence })
    }

    /// Uploads the widths of numerical derivatives, unless they are there already.
    pub(crate) fn load_widths<B: Backend>(&mut self, backend: &mut B, derivatives: &Derivatives) -> Result<()> {
        let Derivatives::Numerical { widths } = derivatives else { return Ok(()) };
        if self.loaded != *widths {
            backend.upload(self.widths.memory, 0, bytemuck::cast_slice(widths))?;
            self.loaded.clone_from(widths);
        }
        Ok(())
    }

    /// The doubles of which the first says whether there is a loss: 0 if so.
    pub(crate) fn status(&self) -> Span {
        self.record
    }

    /// What was evaluated last; `None` if there is no loss.
    pub(crate) fn record<B: Backend>(&self, backend: &mut B) -> Result<Option<Record>> {
        let mut numbers = [0.0; RECORD];
        backend.download(self.record.memory, 0, bytemuck::cast_slice_mut(&mut numbers))?;
        let mut record = [0.0; Record::NAMES.len()];
        record.copy_from_slice(&numbers[1..]);
        Ok((numbers[0] == 0.0).then(|| Record::from_array(record)))
    }
}

/// The commands for any number of batches and summaries, with memory for what they pass on.
fn in_parts<B: Backend>(
    backend: &mut B,
    layout: &mut Layout,
    [record, widths, settings]: [Span; 3],
) -> Result<Vec<Command>> {
    let parts = parts(layout);
    let shape = layout.batches.shape;
    let (q, p, sides) = (shape.n_summaries, shape.n_params, if shape.exact { 1 } else { 2 });
    let rows = |k: usize| shape.microbatches.rows(k).len();
    let n_parts = parts.last().map_or(0, |part| part.end);
    let (first, second) = (q + q * p, q * (q + 2));
    let mut take = |len: usize| layout.training.allocate::<f64>(backend, len);
    let [sums, mean, totals, gradient] =
        [take(n_parts * first.max(second))?, take(first)?, take(second)?, take(q + q * q)?];
    let mut commands = Vec::new();
    for (k, part) in parts.iter().enumerate() {
        let kernel = Kernel::new("first_sums").numbers([layout.spans[k].summaries]);
        let kernel = kernel.counts([rows(k), ROWS_PER_PART, q, p, shape.tangent_rows(k)]);
        let sums = sums.part(part.start * first..part.end * first);
        kernel.doubles([widths, sums]).launch(sums.len, &mut commands);
    }
    let kernel = Kernel::new("first_means").doubles([sums]).counts([n_parts, q, shape.n_s, shape.n_d]);
    kernel.doubles([mean]).launch(first, &mut commands);
    for (k, part) in parts.iter().enumerate() {
        let kernel = Kernel::new("second_sums").numbers([layout.spans[k].summaries]);
        let sums = sums.part(part.start * second..part.end * second);
        kernel.counts([rows(k), ROWS_PER_PART, q]).doubles([mean, sums]).launch(sums.len, &mut commands);
    }
    let kernel = Kernel::new("second_totals").doubles([sums]).counts([n_parts, q]);
    kernel.doubles([totals]).launch(second, &mut commands);
    let kernel = Kernel::new("loss").doubles([mean, totals]).counts([q, p, shape.n_s, shape.n_d]);
    let kernel = kernel.doubles([settings, widths]).counts([sides]).doubles([record, gradient]);
    kernel.numbers([layout.tangents]).launch(1, &mut commands);
    for (k, spans) in layout.spans.iter().enumerate().filter(|_| !layout.backward.is_empty()) {
        let kernel = Kernel::new("cotangents").numbers([spans.summaries]).counts([rows(k) * q, q]);
        let kernel = kernel.doubles([gradient]).numbers([layout.tangents]).counts([sides * p * q]);
        kernel.numbers([spans.values]).launch(spans.values.len, &mut commands);
    }
    Ok(commands)
}

/// The partial sums of each batch.
fn parts(layout: &Layout) -> Vec<Range<usize>> {
    let shape = layout.batches.shape;
    let parts = (0..layout.spans.len()).map(|k| shape.microbatches.rows(k).len().div_ceil(ROWS_PER_PART));
    let ranges = parts.scan(0, |end, n| {
        *end += n;
        Some(*end - n..*end)
    });
    ranges.collect()
}
