//! The loss of a task on a card, and its gradient with respect to the summaries, as commands.
//!
//! ```text
//! summaries -> sums -> means -> sums about them -> loss -> cotangents of every batch
//! ```
//!
//! All of it is in double precision, with the formulas and refusals of imnn-stats; see `kernels/loss.cu`.

use super::layout::Layout;
use crate::commands::kernels::{BLOCK, WHOLE_SUMMARIES};
use crate::commands::{Argument, Backend, Command, Span, bytes, count, launch};
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
    /// the numbers of the penalty.
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
                let arguments = [
                    Argument::Numbers(only.summaries),
                    count(shape.n_s),
                    count(shape.tangent_rows(0)),
                    count(q),
                    Argument::Doubles(settings),
                    Argument::Doubles(widths),
                    Argument::Doubles(record),
                    Argument::Numbers(to),
                    count(to.len),
                    Argument::Numbers(layout.tangents),
                ];
                let mut commands = Vec::new();
                launch(&mut commands, "whole_loss", BLOCK as usize, &arguments);
                commands
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
            backend.upload(self.widths.memory, 0, bytes::of(widths))?;
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
        backend.download(self.record.memory, 0, bytes::of_mut(&mut numbers))?;
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
    let n_parts = parts.last().map_or(0, |part| part.end);
    let (first, second) = (q + q * p, q * (q + 2));
    let mut take = |len: usize| layout.training.allocate::<f64>(backend, len);
    let [sums, mean, totals, gradient] =
        [take(n_parts * first.max(second))?, take(first)?, take(second)?, take(q + q * q)?];
    let mut commands = Vec::new();
    for (k, part) in parts.iter().enumerate() {
        let arguments = [
            Argument::Numbers(layout.spans[k].summaries),
            count(shape.microbatches.rows(k).len()),
            count(ROWS_PER_PART),
            count(q),
            count(p),
            count(shape.tangent_rows(k)),
            Argument::Doubles(widths),
            Argument::Doubles(sums.part(part.start * first..part.end * first)),
        ];
        launch(&mut commands, "first_sums", part.len() * first, &arguments);
    }
    let counts = [n_parts, q, shape.n_s, shape.n_d].map(count);
    let arguments = [Argument::Doubles(sums)].into_iter().chain(counts).chain([Argument::Doubles(mean)]);
    launch(&mut commands, "first_means", first, &arguments.collect::<Vec<_>>());
    for (k, part) in parts.iter().enumerate() {
        let arguments = [
            Argument::Numbers(layout.spans[k].summaries),
            count(shape.microbatches.rows(k).len()),
            count(ROWS_PER_PART),
            count(q),
            Argument::Doubles(mean),
            Argument::Doubles(sums.part(part.start * second..part.end * second)),
        ];
        launch(&mut commands, "second_sums", part.len() * second, &arguments);
    }
    let arguments = [Argument::Doubles(sums), count(n_parts), count(q), Argument::Doubles(totals)];
    launch(&mut commands, "second_totals", second, &arguments);
    let arguments = [
        Argument::Doubles(mean),
        Argument::Doubles(totals),
        count(q),
        count(p),
        count(shape.n_s),
        count(shape.n_d),
        Argument::Doubles(settings),
        Argument::Doubles(widths),
        count(sides),
        Argument::Doubles(record),
        Argument::Doubles(gradient),
        Argument::Numbers(layout.tangents),
    ];
    launch(&mut commands, "loss", 1, &arguments);
    for (k, spans) in layout.spans.iter().enumerate().filter(|_| !layout.backward.is_empty()) {
        let arguments = [
            Argument::Numbers(spans.summaries),
            count(shape.microbatches.rows(k).len() * q),
            count(q),
            Argument::Doubles(gradient),
            Argument::Numbers(layout.tangents),
            count(sides * p * q),
            Argument::Numbers(spans.values),
        ];
        launch(&mut commands, "cotangents", spans.values.len, &arguments);
    }
    Ok(commands)
}

/// The partial sums of each batch.
fn parts(layout: &Layout) -> Vec<Range<usize>> {
    let mut end = 0;
    let rows = (0..layout.spans.len()).map(|k| layout.batches.shape.microbatches.rows(k).len());
    rows.map(|rows| {
        let start = end;
        end += rows.div_ceil(ROWS_PER_PART);
        start..end
    })
    .collect()
}
