//! A network on a card.

use super::backend::{Backend, Command, Span};
use super::batches::Room;
use super::bytes;
use super::feed::Feed;
use super::layout::Layout;
use super::settled::Settled;
use crate::device::{Cotangents, Resident, Session, Start, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use crate::fused::lower::{TableSpans, WeightSpans, derive, fold, n_weights, tables, taps};
use crate::shape::Shape;
use imnn_data::{Derivatives, Identity, Source};
use imnn_engine::Plan;
use imnn_models::{Element, Model};
use imnn_sim::Key;
use std::time::{Duration, Instant};

/// What may be used of a card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes; by default nine tenths of what is free.
    pub(crate) memory: Option<usize>,
    /// Most simulations of a batch.
    pub(crate) n: Option<usize>,
    /// Most numbers of patches at a time: products over so many are as fast as over more.
    pub(crate) patches: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory: None, n: None, patches: 1 << 26 }
    }
}

/// A network with everything that its passes reuse.
pub(crate) struct CardSession<E: Element, B> {
    pub(super) model: Model,
    pub(super) plan: Plan<E>,
    pub(super) backend: B,
    limits: Limits,
    tables: Vec<TableSpans>,
    pub(super) weights: WeightSpans,
    /// Sequences: the weights of composed layers, no gradient at all, and that of composed layers into the network's.
    pub(super) derive: usize,
    clear: usize,
    fold: usize,
    /// For tasks with a backward pass, and for those without.
    pub(super) layouts: [Option<Layout>; 2],
    /// The pass whose layers the first layout keeps.
    pub(super) pass: Option<(Key, Shape)>,
    /// Counts the passes.
    pub(super) passes: u64,
    pub(super) feed: Feed<E>,
    /// On the host: summaries, cotangents.
    made: Vec<E>,
    beside: Vec<E>,
    cotangents: Vec<E>,
    pub(super) summaries: Summaries,
    note: Option<String>,
    pub(super) working: Duration,
}

impl<E: Element, B: Backend> CardSession<E, B> {
    /// Readies a network on a card.
    ///
    /// # Errors
    /// If the engine does not know a layer, or the card refuses.
    pub(crate) fn new(model: &Model, mut backend: B, limits: Limits) -> Result<Self> {
        let plan = Plan::new(model).map_err(|reason| DeviceError::GpuLayer { reason })?;
        let mut spans = Vec::new();
        for table in tables(&plan) {
            let share: Vec<E> = table.share.iter().map(|&share| E::of(share)).collect();
            spans.push(TableSpans {
                taps: put(&mut backend, &table.taps)?,
                first: put(&mut backend, &table.first)?,
                readers: put(&mut backend, &table.readers)?,
                share: put(&mut backend, &share)?,
            });
        }
        let taps = taps(&plan).map(|taps| put(&mut backend, taps)).collect::<Result<Vec<_>>>()?;
        let [weights, gradient] = [(); 2].map(|()| numbers::<E>(&mut backend, n_weights(&plan)));
        let weights = WeightSpans { weights: weights?, gradient: gradient?, taps };
        let sequences = [derive(&plan, &weights), vec![Command::Zero(weights.gradient)], fold(&plan, &weights)];
        let [derive, clear, fold] = sequences.map(|commands| backend.prepare(commands));
        let (derive, clear, fold) = (derive?, clear?, fold?);
        Ok(CardSession {
            model: model.clone(),
            plan,
            backend,
            limits,
            tables: spans,
            weights,
            derive,
            clear,
            fold,
            layouts: [None, None],
            pass: None,
            passes: 0,
            feed: Feed::new(),
            made: vec![],
            beside: vec![],
            cotangents: vec![],
            summaries: Summaries::default(),
            note: None,
            working: Duration::ZERO,
        })
    }

    /// Which layout is for the task; makes it if there is none.
    pub(super) fn layout(&mut self, task: &Task<'_, E>, keep: bool) -> Result<usize> {
        let whole = Shape::of(&self.model, task.source, usize::MAX)?;
        let fits = |own: &&Layout| own.whole == whole;
        let [first, second] = self.layouts.each_ref().map(|layout| layout.as_ref().filter(fits));
        // Without a backward pass the first will do, unless simulations lie there that are to stay.
        if first.is_some_and(|layout| keep || layout.is_free_for(task.source.identity())) {
            return Ok(0);
        }
        if !keep && second.is_some() {
            return Ok(1);
        }
        let place = usize::from(!keep);
        self.drop_layout(place)?;
        // What has no backward pass leaves room for what has.
        let free = self.backend.available()? / 10 * 9 / 4 * if keep { 3 } else { 2 };
        let mut memory = self.limits.memory.map_or(free, |limit| limit.min(free));
        let n = self.limits.n.unwrap_or(usize::MAX);
        let constant = matches!(task.source.identity(), Identity::Constant(_));
        loop {
            let room = Room { memory, n, patches: self.limits.patches, backward: keep, constant };
            let shape = |size| Shape::of(&self.model, task.source, size).unwrap_or(whole);
            let spans = (self.weights.weights, self.weights.gradient, self.tables.as_slice());
            match Layout::new(&mut self.backend, &self.plan, whole, shape, room, spans) {
                Ok(layout) => {
                    self.layouts[place] = Some(layout);
                    return Ok(place);
                }
                Err(DeviceError::OutOfMemory { device, bytes }) => {
                    // Something else took the memory meanwhile.
                    self.drop_layout(1 - place)?;
                    memory /= 2;
                    if memory == 0 {
                        return Err(DeviceError::OutOfMemory { device, bytes });
                    }
                    self.note = Some(format!("GPU {device} ran out of memory: batches are smaller than they could be"));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn drop_layout(&mut self, place: usize) -> Result<()> {
        if place == 0 {
            self.pass = None;
        }
        match self.layouts[place].take() {
            Some(layout) => layout.release(&mut self.backend),
            None => Ok(()),
        }
    }

    /// Gives back all that depends on a task.
    pub(super) fn drop_layouts(&mut self) -> Result<()> {
        self.drop_layout(0)?;
        self.drop_layout(1)
    }

    /// Gives memory back.
    pub(super) fn release(&mut self, memory: &mut Vec<usize>) -> Result<()> {
        memory.drain(..).try_for_each(|memory| self.backend.free(memory))
    }

    /// Sees to it that batch `k` lies on the card with all its layers.
    fn run_forward(&mut self, task: &Task<'_, E>, place: usize, k: usize, pass: u64) -> Result<()> {
        let Some(layout) = &mut self.layouts[place] else { return Ok(()) };
        self.feed.bring(&mut self.backend, layout, task, k, pass)?;
        layout.set_kept(k, None);
        self.backend.run(layout.forward[k])?;
        layout.set_kept(k, Some((pass, k)));
        Ok(())
    }

    /// Has the first batch of a later task with a backward pass read, while the card is at work.
    pub(super) fn read_next(&mut self, source: &dyn Source<E>, key: Option<Key>) -> Result<()> {
        let (Some(layout), Some(key)) = (&mut self.layouts[0], key) else { return Ok(()) };
        self.feed.read_ahead(&mut self.backend, layout, &Task { weights: &[], source, key }, 0, None)
    }

    /// Has batch `k` of this pass read, if there is one, while the card is at work.
    fn read_ahead(&mut self, task: &Task<'_, E>, place: usize, k: Option<usize>, pass: u64) -> Result<()> {
        let (Some(layout), Some(k)) = (&mut self.layouts[place], k) else { return Ok(()) };
        self.feed.read_ahead(&mut self.backend, layout, task, k, Some(pass))
    }

    /// Runs all batches forward, in a new pass, whose number it returns.
    pub(super) fn run_forwards(&mut self, task: &Task<'_, E>, place: usize) -> Result<u64> {
        self.passes += 1;
        let pass = self.passes;
        for k in 0..self.layouts[place].as_ref().map_or(0, |layout| layout.forward.len()) {
            self.run_forward(task, place, k, pass)?;
            self.read_ahead(task, place, Some(k + 1), pass)?;
        }
        Ok(pass)
    }

    /// Whether all batches of tasks with a backward pass stay on the card with all their layers.
    pub(super) fn keeps_all(&self) -> bool {
        self.layouts[0].as_ref().is_some_and(Layout::keeps_all)
    }

    /// Brings the simulations of all batches, where that leaves the card without work for no longer than one batch takes: if
    /// there is one, or all are there already. Otherwise brings none, and returns false.
    pub(super) fn bring_all(&mut self, task: &Task<'_, E>) -> Result<bool> {
        let Some(layout) = &mut self.layouts[0] else { return Ok(false) };
        let n = layout.spans.len();
        if n > 1 && !layout.holds_all(task.source.identity()) {
            return Ok(false);
        }
        self.passes += 1;
        for k in 0..n {
            self.feed.bring(&mut self.backend, layout, task, k, self.passes)?;
            layout.set_kept(k, Some((self.passes, k)));
        }
        Ok(true)
    }

    /// Runs all batches backward, those that the pass has not kept forward before; the gradient is added up from zero.
    pub(super) fn run_backwards(&mut self, task: &Task<'_, E>, pass: u64) -> Result<()> {
        self.backend.run(self.clear)?;
        for k in (0..self.layouts[0].as_ref().map_or(0, |layout| layout.backward.len())).rev() {
            if !self.layouts[0].as_ref().is_some_and(|layout| layout.keeps(k, pass)) {
                self.run_forward(task, 0, k, pass)?;
            }
            if let Some(layout) = &self.layouts[0] {
                self.backend.run(layout.backward[k])?;
                let next = layout.next_lost(k, pass);
                self.read_ahead(task, 0, next, pass)?;
            }
        }
        Ok(())
    }

    pub(super) fn load(&mut self, weights: &[E]) -> Result<()> {
        self.backend.upload(self.weights.weights.memory, 0, bytes::of(weights))?;
        self.backend.run(self.derive)
    }

    /// Brings the summaries of the last pass to the host.
    ///
    /// # Errors
    /// If one of them is no number.
    pub(super) fn collect(&mut self, derivatives: &Derivatives, place: usize) -> Result<()> {
        let Some(layout) = &self.layouts[place] else { return Ok(()) };
        let shape = layout.batches.shape;
        shape.prepare(&mut self.summaries);
        self.made.resize(layout.summaries.len, E::zero());
        if !self.made.is_empty() {
            self.backend.download(layout.summaries.memory, 0, bytes::of_mut(&mut self.made))?;
        }
        let mut made = self.made.as_slice();
        let mut bad: Option<(usize, f64)> = None;
        for (k, spans) in layout.spans.iter().enumerate() {
            let (own, rest) = made.split_at(spans.summaries.len);
            let found = shape.collect(k, derivatives, own, &mut self.summaries);
            bad = bad.into_iter().chain(found).min_by_key(|&(row, _)| row);
            made = rest;
        }
        bad.map_or(Ok(()), |(row, value)| Err(DeviceError::NonFinite { row, n_s: shape.n_s, value }))
    }

    fn forward_inside(&mut self, task: &Task<'_, E>, keep: bool) -> Result<()> {
        self.pass = None;
        let whole = Shape::new(&self.model, task, usize::MAX)?;
        let place = self.layout(task, keep)?;
        self.load(task.weights)?;
        self.run_forwards(task, place)?;
        self.collect(task.source.derivatives(), place)?;
        if keep {
            self.pass = Some((task.key, whole));
        }
        Ok(())
    }

    fn backward_inside(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let whole = Shape::new(&self.model, task, usize::MAX)?;
        whole.check(cotangents)?;
        if gradient.len() != task.weights.len() {
            return Err(DeviceError::Gradient { expected: task.weights.len(), found: gradient.len() });
        }
        if self.pass != Some((task.key, whole)) {
            self.layout(task, true)?;
            self.load(task.weights)?;
            self.passes += 1;
            self.pass = None;
        }
        let pass = self.passes;
        let Some(layout) = &self.layouts[0] else { return Ok(()) };
        let shape = layout.batches.shape;
        shape.beside_cotangents(task.source.derivatives(), cotangents.dx, &mut self.beside);
        self.backend.upload(layout.tangents.memory, 0, bytes::of(&self.beside))?;
        for (k, spans) in layout.spans.iter().enumerate() {
            shape.cotangents(k, cotangents.x, &self.beside, &mut self.cotangents);
            let offset = spans.values.start * size_of::<E>();
            self.backend.upload(spans.values.memory, offset, bytes::of(&self.cotangents))?;
        }
        self.run_backwards(task, pass)?;
        self.backend.run(self.fold)?;
        self.backend.download(self.weights.gradient.memory, 0, bytes::of_mut(gradient))
    }
}

impl<E: Element, B: Backend> Session<E> for CardSession<E, B> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        let start = Instant::now();
        let result = self.forward_inside(task, keep);
        self.working += start.elapsed();
        result.map(|()| &self.summaries)
    }

    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let start = Instant::now();
        let result = self.backward_inside(task, cotangents, gradient);
        self.working += start.elapsed();
        result
    }

    /// The card is the one worker; it reads while it has nothing to do because simulations are read or made.
    fn usage(&self) -> Usage {
        Usage { reading: self.feed.reading(), total: self.working }
    }

    fn settle(&mut self, start: &Start<'_, E>) -> Result<Option<Box<dyn Resident<E> + '_>>> {
        Ok(Settled::new(self, start)?.map(|settled| -> Box<dyn Resident<E> + '_> { Box::new(settled) }))
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

/// Memory for so many numbers.
pub(super) fn numbers<T>(backend: &mut impl Backend, len: usize) -> Result<Span> {
    let memory = backend.allocate(len * size_of::<T>())?;
    Ok(Span { memory, start: 0, len })
}

/// Memory with these numbers.
pub(super) fn put<T: Copy + 'static>(backend: &mut impl Backend, values: &[T]) -> Result<Span> {
    let span = numbers::<T>(backend, values.len())?;
    backend.upload(span.memory, 0, bytes::of(values))?;
    Ok(span)
}
