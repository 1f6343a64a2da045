//! Training whose weights, loss and optimiser are on the card: an iteration is one graph where everything fits, and a few
//! numbers come back.

use super::backend::{Argument, Backend, Command, Span};
use super::bytes;
use super::evaluation::{Evaluation, MOST_SUMMARIES};
use super::iteration::{Iteration, UpdateSpans, n_limit, update};
use super::session::{CardSession, numbers, put};
use crate::device::{Evaluated, Keys, Resident, Start, Task};
use crate::error::{DeviceError, Result};
use imnn_data::{Derivatives, Source};
use imnn_models::{Clip, Element, OptimiserConfig, OptimiserState};
use imnn_sim::Key;
use std::time::Instant;

#[cfg(test)]
mod tests;

/// A session with training on its card.
pub(super) struct Settled<'a, E: Element, B: Backend> {
    session: &'a mut CardSession<E, B>,
    optimiser: OptimiserConfig,
    places: Places,
    /// All memory of the places.
    memory: Vec<usize>,
    has_best: bool,
    /// Sequences: weights before the update, or after it, to the best.
    keep: [usize; 2],
}

/// Where training has its numbers.
struct Places {
    /// The optimiser's memory.
    slots: Vec<(String, Span)>,
    previous: Span,
    best: Span,
    coefficients: Span,
    /// Doubles: lambda, alpha; the limit on the gradient.
    settings: Span,
    limit: Span,
}

impl Places {
    /// Takes memory, which is told one by one.
    fn new<E: Element, B: Backend>(backend: &mut B, start: &Start<'_, E>, taken: &mut Vec<usize>) -> Result<Self> {
        let mut told = |span: Span| {
            taken.push(span.memory);
            span
        };
        let mut slots = Vec::new();
        for (name, vector) in start.state.slots() {
            slots.push((name.clone(), told(put(backend, vector)?)));
        }
        let mut limits = vec![0.0; n_limit()];
        if let Some(Clip::Norm(limit) | Clip::Value(limit)) = start.optimiser.clipping() {
            limits[0] = limit;
        }
        let n = start.weights.len();
        Ok(Places {
            slots,
            previous: told(numbers::<E>(backend, n)?),
            best: told(numbers::<E>(backend, n)?),
            coefficients: told(put(backend, &start.optimiser.coefficients::<E>(0))?),
            settings: told(put(backend, &[start.lambda, start.alpha])?),
            limit: told(put(backend, &limits)?),
        })
    }
}

impl<'a, E: Element, B: Backend> Settled<'a, E, B> {
    /// Takes weights and optimiser to the card; nothing if it cannot train there.
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
        let mut memory = Vec::new();
        let mut places = Places::new(&mut session.backend, start, &mut memory);
        if matches!(places, Err(DeviceError::OutOfMemory { .. })) {
            // What earlier passes have left is made again, in smaller batches.
            session.release(&mut memory)?;
            session.drop_layouts()?;
            places = Places::new(&mut session.backend, start, &mut memory);
        }
        let places = match places {
            Ok(places) => places,
            Err(error) => {
                session.release(&mut memory)?;
                return Err(error);
            }
        };
        let weights = session.weights.weights.part(0..n);
        let keep = [places.previous, weights].map(|from| session.backend.prepare(vec![copy(from, places.best)]));
        let [before, after] = keep;
        let keep = [before?, after?];
        session.load(start.weights)?;
        let optimiser = start.optimiser.clone();
        Ok(Some(Settled { session, optimiser, places, memory, has_best: false, keep }))
    }

    /// Sees to it that the layout at a place has its evaluation, and the first its iteration.
    fn ready(&mut self, place: usize, derivatives: &Derivatives) -> Result<()> {
        let n = self.places.previous.len;
        let CardSession { layouts, backend, plan, weights, .. } = &mut *self.session;
        let Some(layout) = &mut layouts[place] else { return Ok(()) };
        if layout.evaluation.is_none() {
            layout.evaluation = Some(Evaluation::new(backend, layout, self.places.settings)?);
        }
        let Some(evaluation) = &mut layout.evaluation else { return Ok(()) };
        evaluation.load_widths(backend, derivatives)?;
        if place == 0 && layout.iteration.is_none() {
            let slots: Vec<Span> = self.places.slots.iter().map(|&(_, span)| span).collect();
            let commands = update(
                &self.optimiser,
                UpdateSpans {
                    status: evaluation.status(),
                    coefficients: self.places.coefficients,
                    limit: self.places.limit,
                    gradient: weights.gradient.part(0..n),
                    previous: self.places.previous,
                    weights: weights.weights.part(0..n),
                    slots: &slots,
                },
            );
            layout.iteration = Some(Iteration::new(backend, layout, plan, weights, &commands)?);
        }
        Ok(())
    }

    /// The sequence of the iteration that is picked.
    fn run(&mut self, pick: impl Fn(&Iteration) -> usize) -> Result<()> {
        let CardSession { layouts, backend, .. } = &mut *self.session;
        let iteration = layouts[0].as_ref().and_then(|layout| layout.iteration.as_ref());
        iteration.map_or(Ok(()), |iteration| backend.run(pick(iteration)))
    }

    fn run_evaluation(&mut self, place: usize) -> Result<()> {
        let CardSession { layouts, backend, .. } = &mut *self.session;
        let evaluation = layouts[place].as_ref().and_then(|layout| layout.evaluation.as_ref());
        evaluation.map_or(Ok(()), |evaluation| backend.run(evaluation.sequence))
    }

    /// What the last evaluation at a place came to, of a pass that began then. If its det F is above `keep_above`, the
    /// sequence `keep` copies the weights that it belongs to.
    fn evaluated(
        &mut self,
        place: usize,
        derivatives: &Derivatives,
        start: Instant,
        keep_above: Option<f64>,
        keep: usize,
    ) -> Result<Evaluated<'_>> {
        let CardSession { layouts, backend, working, .. } = &mut *self.session;
        let evaluation = layouts[place].as_ref().and_then(|layout| layout.evaluation.as_ref());
        let record = evaluation.map_or(Ok(None), |evaluation| evaluation.record(backend))?;
        *working += start.elapsed();
        if let Some(record) = record {
            if keep_above.is_some_and(|det_f| record.det_f > det_f) {
                backend.run(keep)?;
                self.has_best = true;
            }
            return Ok(Evaluated::Loss(record));
        }
        // Why there is none, the host can say better.
        self.session.collect(derivatives, place)?;
        Ok(Evaluated::Refused(&self.session.summaries))
    }
}

impl<E: Element, B: Backend> Resident<E> for Settled<'_, E, B> {
    fn iterate(
        &mut self,
        source: &dyn Source<E>,
        keys: Keys,
        iteration: u64,
        keep_above: Option<f64>,
    ) -> Result<Evaluated<'_>> {
        let start = Instant::now();
        let task = Task { weights: &[], source, key: keys.own };
        self.session.pass = None;
        let place = self.session.layout(&task, true)?;
        self.ready(place, source.derivatives())?;
        let coefficients = self.optimiser.coefficients::<E>(iteration);
        self.session.backend.upload(self.places.coefficients.memory, 0, bytes::of(&coefficients))?;
        if self.session.keeps_all() {
            if self.session.bring_all(&task)? {
                self.run(|iteration| iteration.whole)?;
            } else {
                self.session.run_forwards(&task, place)?;
                self.run(|iteration| iteration.rest)?;
            }
        } else {
            let pass = self.session.run_forwards(&task, place)?;
            self.run_evaluation(place)?;
            self.session.run_backwards(&task, pass)?;
            self.run(|iteration| iteration.finish)?;
        }
        self.session.read_next(source, keys.next)?;
        self.evaluated(place, source.derivatives(), start, keep_above, self.keep[0])
    }

    fn evaluate(&mut self, source: &dyn Source<E>, key: Key, keep_above: Option<f64>) -> Result<Evaluated<'_>> {
        let start = Instant::now();
        let task = Task { weights: &[], source, key };
        self.session.pass = None;
        let place = self.session.layout(&task, false)?;
        self.ready(place, source.derivatives())?;
        self.session.run_forwards(&task, place)?;
        self.run_evaluation(place)?;
        self.evaluated(place, source.derivatives(), start, keep_above, self.keep[1])
    }

    fn best(&mut self, weights: &mut [E]) -> Result<bool> {
        if self.has_best {
            self.session.backend.download(self.places.best.memory, 0, bytes::of_mut(weights))?;
        }
        Ok(self.has_best)
    }

    fn fetch(&mut self, weights: &mut [E], state: &mut OptimiserState<E>) -> Result<()> {
        let backend = &mut self.session.backend;
        backend.download(self.session.weights.weights.memory, 0, bytes::of_mut(weights))?;
        let mut slots = Vec::new();
        for (name, span) in &self.places.slots {
            let mut vector = vec![E::zero(); span.len];
            backend.download(span.memory, 0, bytes::of_mut(&mut vector))?;
            slots.push((name.clone(), vector));
        }
        *state = OptimiserState::new(slots);
        Ok(())
    }
}

impl<E: Element, B: Backend> Drop for Settled<'_, E, B> {
    fn drop(&mut self) {
        // An error here has shown before, or shows when the session is used next.
        let CardSession { layouts, backend, .. } = &mut *self.session;
        for layout in layouts.iter_mut().flatten() {
            let _ = layout.end_training(backend);
        }
        for sequence in self.keep {
            let _ = backend.forget(sequence);
        }
        let _ = self.session.release(&mut self.memory);
    }
}

/// Copies numbers as they are.
fn copy(from: Span, to: Span) -> Command {
    let one = Argument::Count(1);
    let arguments = vec![Argument::Numbers(from), one, Argument::Numbers(to), one, one, Argument::Count(0)];
    Command::Launch { kernel: "copy", threads: from.len as u32, arguments }
}
