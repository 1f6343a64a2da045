//! Training whose weights, loss and optimiser are on the card: an iteration is one graph if everything fits, and a few
//! numbers come back.

use super::evaluation::Evaluation;
use super::iteration::{Iteration, N_LIMIT, UpdateSpans, update};
use super::layout::Passes;
use super::memory::Held;
use super::session::CardSession;
use crate::commands::kernels::MOST_SUMMARIES;
use crate::commands::{Backend, Span, copy};
use crate::device::{DeviceTraining, Keys, LossResult, Start, Task};
use crate::error::{DeviceError, Result};
use imnn_data::{Derivatives, Source};
use imnn_models::{Clip, DeviceUpdate, Element, OptimiserState};
use imnn_sim::Key;
use std::time::Instant;

#[cfg(test)]
mod tests;

/// Training whose weights and optimiser are on a session's card.
pub(super) struct CardTraining<'a, E: Element, B: Backend> {
    session: &'a mut CardSession<E, B>,
    optimiser: DeviceUpdate,
    buffers: Buffers,
    /// All memory of the buffers, and the sequences that copy to the best weights.
    held: Held,
    has_best: bool,
    /// Sequences: weights before the update, or after it, to the best.
    copy_best: [usize; 2],
    /// For layouts with a backward pass and without.
    prepared: [Option<Prepared>; 2],
}

/// What training runs on a layout.
struct Prepared {
    /// The number of the layout.
    layout: u64,
    evaluation: Evaluation,
    /// With a backward pass.
    iteration: Option<Iteration>,
}

/// Where training has its numbers.
struct Buffers {
    /// The optimiser's memory.
    slots: Vec<(String, Span)>,
    previous: Span,
    best: Span,
    coefficients: Span,
    /// Doubles: lambda, alpha; the limit on the gradient.
    settings: Span,
    limit: Span,
}

impl Buffers {
    fn new<E: Element, B: Backend>(backend: &mut B, start: &Start<'_, E>, held: &mut Held) -> Result<Self> {
        let mut slots = Vec::new();
        for (name, vector) in start.state.slots() {
            slots.push((name.clone(), held.upload(backend, vector)?));
        }
        let mut limits = vec![0.0; N_LIMIT];
        if let Some(Clip::Norm(limit) | Clip::Value(limit)) = start.optimiser.clip {
            limits[0] = limit;
        }
        let n = start.weights.len();
        Ok(Buffers {
            slots,
            previous: held.allocate::<E>(backend, n)?,
            best: held.allocate::<E>(backend, n)?,
            coefficients: held.upload(backend, &start.optimiser.coefficients::<E>(0))?,
            settings: held.upload(backend, &start.loss.penalty().numbers())?,
            limit: held.upload(backend, &limits)?,
        })
    }
}

impl<'a, E: Element, B: Backend> CardTraining<'a, E, B> {
    /// Takes weights and optimiser to the card; `None` if it cannot train there.
    ///
    /// # Errors
    /// If the card refuses, or has no memory for them even without anything else; no memory is then held.
    pub(super) fn new(session: &'a mut CardSession<E, B>, start: &Start<'_, E>) -> Result<Option<Self>> {
        let (q, p) = (session.model.n_summaries(), start.source.n_params());
        let n = session.model.layout().len();
        let fits = p > 0 && p <= q && q <= MOST_SUMMARIES && start.source.n_d() > 0 && start.source.n_s() > 1;
        if !fits || start.weights.len() != n || start.state.slots().iter().any(|(_, vector)| vector.len() != n) {
            return Ok(None);
        }
        let mut held = Held::default();
        let mut buffers = Buffers::new(&mut session.backend, start, &mut held);
        if matches!(buffers, Err(DeviceError::OutOfMemory { .. })) {
            // What earlier passes have left is made again, in smaller batches.
            held.release(&mut session.backend)?;
            session.drop_layouts()?;
            buffers = Buffers::new(&mut session.backend, start, &mut held);
        }
        let buffers = match buffers {
            Ok(buffers) => buffers,
            Err(error) => {
                held.release(&mut session.backend)?;
                return Err(error);
            }
        };
        let weights = session.weights.weights.part(0..n);
        let copies = [buffers.previous, weights].map(|from| vec![copy(from, buffers.best)]);
        let [before, after] = copies.map(|commands| held.prepare(&mut session.backend, commands));
        let copy_best = [before?, after?];
        session.load(start.weights)?;
        let optimiser = start.optimiser.clone();
        let prepared = [None, None];
        Ok(Some(CardTraining { session, optimiser, buffers, held, has_best: false, copy_best, prepared }))
    }

    /// The sequence of the evaluation on the layout for these passes, and with a backward pass those of its iteration;
    /// prepared if this is the first time.
    fn prepare(&mut self, passes: Passes, derivatives: &Derivatives) -> Result<(usize, Option<Iteration>)> {
        let CardSession { layouts, backend, plan, weights, .. } = &mut *self.session;
        let layout = layouts.get_mut(passes)?;
        let prepared = &mut self.prepared[passes as usize];
        if prepared.as_ref().is_none_or(|prepared| prepared.layout != layout.number) {
            let evaluation = Evaluation::new(backend, layout, self.buffers.settings)?;
            let iteration = match passes {
                Passes::Forward => None,
                Passes::Both => {
                    let n = self.buffers.previous.len;
                    let slots: Vec<Span> = self.buffers.slots.iter().map(|&(_, span)| span).collect();
                    let spans = UpdateSpans {
                        status: evaluation.status(),
                        coefficients: self.buffers.coefficients,
                        limit: self.buffers.limit,
                        gradient: weights.gradient.part(0..n),
                        previous: self.buffers.previous,
                        weights: weights.weights.part(0..n),
                        slots: &slots,
                    };
                    let commands = update(&self.optimiser, spans)?;
                    Some(Iteration::new(backend, layout, &evaluation, (plan, weights), &commands)?)
                }
            };
            *prepared = Some(Prepared { layout: layout.number, evaluation, iteration });
        }
        let Prepared { evaluation, iteration, .. } = prepared.as_mut().ok_or(NOT_PREPARED)?;
        evaluation.load_widths(backend, derivatives)?;
        Ok((evaluation.sequence, *iteration))
    }

    /// The result of the last evaluation for these passes, which began at `start`. If its ln det F is above `keep_above`, the
    /// sequence `copy_best` copies the weights that it belongs to.
    fn result(
        &mut self,
        passes: Passes,
        derivatives: &Derivatives,
        start: Instant,
        keep_above: Option<f64>,
        copy_best: usize,
    ) -> Result<LossResult<'_>> {
        let prepared = self.prepared[passes as usize].as_ref().ok_or(NOT_PREPARED)?;
        let record = prepared.evaluation.record(&mut self.session.backend)?;
        self.session.working += start.elapsed();
        if let Some(record) = record {
            if keep_above.is_some_and(|log_det_f| record.log_det_f > log_det_f) {
                self.session.backend.run(copy_best)?;
                self.has_best = true;
            }
            return Ok(LossResult::Record(record));
        }
        // Why there is none, the host can say better.
        self.session.collect(derivatives, passes)?;
        Ok(LossResult::Singular(&self.session.summaries))
    }
}

const NOT_PREPARED: DeviceError =
    DeviceError::Internal { what: "training runs on a layout that was not prepared for it" };

impl<E: Element, B: Backend> DeviceTraining<E> for CardTraining<'_, E, B> {
    fn iterate(
        &mut self,
        source: &dyn Source<E>,
        keys: Keys,
        iteration: u64,
        keep_above: Option<f64>,
    ) -> Result<LossResult<'_>> {
        let start = Instant::now();
        let task = Task { weights: &[], source, key: keys.own };
        self.session.pass = None;
        self.session.lay_out(&task, Passes::Both)?;
        let (evaluation, sequences) = self.prepare(Passes::Both, source.derivatives())?;
        let sequences = sequences.ok_or(NOT_PREPARED)?;
        let coefficients = self.optimiser.coefficients::<E>(iteration);
        self.session.backend.upload(self.buffers.coefficients.memory, 0, bytemuck::cast_slice(&coefficients))?;
        if self.session.layouts.get(Passes::Both)?.saves_all() {
            if self.session.bring_all(&task)? {
                self.session.backend.run(sequences.whole)?;
            } else {
                self.session.run_forwards(&task, Passes::Both)?;
                self.session.backend.run(sequences.rest)?;
            }
        } else {
            let pass = self.session.run_forwards(&task, Passes::Both)?;
            self.session.backend.run(evaluation)?;
            self.session.run_backwards(&task, pass)?;
            self.session.backend.run(sequences.finish)?;
        }
        if let Some(key) = keys.next {
            self.session.read_ahead(&Task { key, ..task }, Passes::Both, 0, None)?;
        }
        self.result(Passes::Both, source.derivatives(), start, keep_above, self.copy_best[0])
    }

    fn validate(&mut self, source: &dyn Source<E>, key: Key, keep_above: Option<f64>) -> Result<LossResult<'_>> {
        let start = Instant::now();
        let task = Task { weights: &[], source, key };
        self.session.pass = None;
        let passes = self.session.lay_out(&task, Passes::Forward)?;
        let (evaluation, _) = self.prepare(passes, source.derivatives())?;
        self.session.run_forwards(&task, passes)?;
        self.session.backend.run(evaluation)?;
        self.result(passes, source.derivatives(), start, keep_above, self.copy_best[1])
    }

    fn best(&mut self, weights: &mut [E]) -> Result<bool> {
        if self.has_best {
            self.session.backend.download(self.buffers.best.memory, 0, bytemuck::cast_slice_mut(weights))?;
        }
        Ok(self.has_best)
    }

    fn fetch(&mut self, weights: &mut [E], state: &mut OptimiserState<E>) -> Result<()> {
        let backend = &mut self.session.backend;
        backend.download(self.session.weights.weights.memory, 0, bytemuck::cast_slice_mut(weights))?;
        let mut slots = Vec::new();
        for (name, span) in &self.buffers.slots {
            let mut vector = vec![E::zero(); span.len];
            backend.download(span.memory, 0, bytemuck::cast_slice_mut(&mut vector))?;
            slots.push((name.clone(), vector));
        }
        *state = OptimiserState::new(slots);
        Ok(())
    }
}

impl<E: Element, B: Backend> Drop for CardTraining<'_, E, B> {
    fn drop(&mut self) {
        // An error here has shown before, or shows when the session is used next.
        let CardSession { layouts, backend, .. } = &mut *self.session;
        for layout in layouts.iter_mut() {
            let _ = layout.training.release(backend);
        }
        let _ = self.held.release(backend);
    }
}
