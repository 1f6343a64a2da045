//! A network on a card.

use super::batches::Room;
use super::feed::Feed;
use super::layout::{Layout, Layouts, Passes};
use super::memory::Held;
use super::training::CardTraining;
use crate::commands::{Backend, Command};
use crate::device::{Cotangents, DeviceTraining, Session, Start, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use crate::lower::{TableSpans, WeightSpans, derive, fold, n_weights, tables, taps};
use crate::shape::Shape;
use imnn_data::{Derivatives, Identity};
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
    pub(super) layouts: Layouts,
    /// How many layouts there have been.
    n_layouts: u64,
    /// The pass whose layers are saved in the layout with a backward pass.
    pub(super) pass: Option<(Key, Shape)>,
    /// Counts the passes.
    pub(super) passes: u64,
    pub(super) feed: Feed<E>,
    /// On the host: summaries, and cotangents of them and of the tangent rows of one simulation.
    output: Vec<E>,
    cotangents: Vec<E>,
    tangent_rows: Vec<E>,
    pub(super) summaries: Summaries,
    note: Option<String>,
    pub(super) working: Duration,
}

impl<E: Element, B: Backend> CardSession<E, B> {
    /// Compiles a network for a card.
    ///
    /// # Errors
    /// If the engine does not know a layer, or the card refuses.
    pub(crate) fn new(model: &Model, mut backend: B, limits: Limits) -> Result<Self> {
        let plan = Plan::without_pooled(model).map_err(|reason| DeviceError::GpuLayer { reason })?;
        // Held for as long as the card is.
        let mut held = Held::default();
        let mut spans = Vec::new();
        for table in tables(&plan) {
            let constants: Vec<E> = table.constants.iter().map(|&constant| E::of(constant)).collect();
            spans.push(TableSpans {
                taps: held.upload(&mut backend, &table.taps)?,
                first: held.upload(&mut backend, &table.first)?,
                readers: held.upload(&mut backend, &table.readers)?,
                constants: held.upload(&mut backend, &constants)?,
            });
        }
        let taps = taps(&plan).map(|taps| held.upload(&mut backend, taps)).collect::<Result<Vec<_>>>()?;
        let [weights, gradient] = [(); 2].map(|()| held.allocate::<E>(&mut backend, n_weights(&plan)));
        let weights = WeightSpans { weights: weights?, gradient: gradient?, taps };
        let sequences = [derive(&plan, &weights), vec![Command::Zero(weights.gradient)], fold(&plan, &weights)];
        let [derive, clear, fold] = sequences.map(|commands| held.prepare(&mut backend, commands));
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
            layouts: Layouts::default(),
            n_layouts: 0,
            pass: None,
            passes: 0,
            feed: Feed::new(),
            output: vec![],
            cotangents: vec![],
            tangent_rows: vec![],
            summaries: Summaries::default(),
            note: None,
            working: Duration::ZERO,
        })
    }

    /// Sees to it that there is a layout for the task. Returns which passes it is for: without a backward pass, one with it
    /// will do, unless simulations lie there that are to stay.
    pub(super) fn lay_out(&mut self, task: &Task<'_, E>, passes: Passes) -> Result<Passes> {
        let whole = Shape::of(&self.model, task.source, usize::MAX)?;
        let fits = |passes| self.layouts.find(passes).filter(|layout| layout.whole == whole);
        let both = fits(Passes::Both);
        if both.is_some_and(|layout| passes == Passes::Both || layout.is_free_for(task.source.identity())) {
            return Ok(Passes::Both);
        }
        if passes == Passes::Forward && fits(Passes::Forward).is_some() {
            return Ok(Passes::Forward);
        }
        self.drop_layout(passes)?;
        // What has no backward pass leaves room for what has.
        let backward = passes == Passes::Both;
        let free = self.backend.available()? / 10 * 9 / 4 * if backward { 3 } else { 2 };
        let mut memory = self.limits.memory.map_or(free, |limit| limit.min(free));
        let n = self.limits.n.unwrap_or(usize::MAX);
        let constant = matches!(task.source.identity(), Identity::Constant(_));
        loop {
            let room = Room { memory, n, patches: self.limits.patches, backward, constant };
            let shape = |size| Shape::of(&self.model, task.source, size).unwrap_or(whole);
            let spans = (self.weights.weights, self.weights.gradient, self.tables.as_slice());
            self.n_layouts += 1;
            match Layout::new(&mut self.backend, &self.plan, (self.n_layouts, whole), shape, room, spans) {
                Ok(layout) => {
                    self.layouts.set(passes, layout);
                    return Ok(passes);
                }
                Err(DeviceError::OutOfMemory { device, bytes }) => {
                    // Something else took the memory meanwhile.
                    self.drop_layout(if backward { Passes::Forward } else { Passes::Both })?;
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

    fn drop_layout(&mut self, passes: Passes) -> Result<()> {
        if passes == Passes::Both {
            self.pass = None;
        }
        self.layouts.take(passes).map_or(Ok(()), |layout| layout.release(&mut self.backend))
    }

    /// Gives back all that depends on a task.
    pub(super) fn drop_layouts(&mut self) -> Result<()> {
        self.drop_layout(Passes::Both)?;
        self.drop_layout(Passes::Forward)
    }

    /// Sees to it that batch `k` lies on the card with all its layers.
    fn run_forward(&mut self, task: &Task<'_, E>, passes: Passes, k: usize, pass: u64) -> Result<()> {
        let layout = self.layouts.get_mut(passes)?;
        self.feed.bring(&mut self.backend, layout, task, k, pass)?;
        layout.set_saved(k, None);
        self.backend.run(layout.forward[k])?;
        layout.set_saved(k, Some((pass, k)));
        Ok(())
    }

    /// Has batch `k` of this pass read, or of a task that comes later, while the card is at work.
    pub(super) fn read_ahead(&mut self, task: &Task<'_, E>, passes: Passes, k: usize, pass: Option<u64>) -> Result<()> {
        let layout = self.layouts.get_mut(passes)?;
        self.feed.read_ahead(&mut self.backend, layout, task, k, pass)
    }

    /// Runs all batches forward, in a new pass, whose number it returns.
    pub(super) fn run_forwards(&mut self, task: &Task<'_, E>, passes: Passes) -> Result<u64> {
        self.passes += 1;
        let pass = self.passes;
        for k in 0..self.layouts.get(passes)?.forward.len() {
            self.run_forward(task, passes, k, pass)?;
            self.read_ahead(task, passes, k + 1, Some(pass))?;
        }
        Ok(pass)
    }

    /// Brings the simulations of all batches, if that leaves the card without work for no longer than one batch takes: if
    /// there is one, or all are there already. Otherwise brings none, and returns false.
    pub(super) fn bring_all(&mut self, task: &Task<'_, E>) -> Result<bool> {
        let layout = self.layouts.get_mut(Passes::Both)?;
        let n = layout.spans.len();
        if n > 1 && !layout.holds_all(task.source.identity()) {
            return Ok(false);
        }
        self.passes += 1;
        for k in 0..n {
            self.feed.bring(&mut self.backend, layout, task, k, self.passes)?;
            layout.set_saved(k, Some((self.passes, k)));
        }
        Ok(true)
    }

    /// Runs all batches backward, those that the pass has not saved forward before; the gradient is added up from zero.
    pub(super) fn run_backwards(&mut self, task: &Task<'_, E>, pass: u64) -> Result<()> {
        self.backend.run(self.clear)?;
        for k in (0..self.layouts.get(Passes::Both)?.backward.len()).rev() {
            if !self.layouts.get(Passes::Both)?.has_saved(k, pass) {
                self.run_forward(task, Passes::Both, k, pass)?;
            }
            let layout = self.layouts.get(Passes::Both)?;
            self.backend.run(layout.backward[k])?;
            if let Some(next) = layout.next_lost(k, pass) {
                self.read_ahead(task, Passes::Both, next, Some(pass))?;
            }
        }
        Ok(())
    }

    pub(super) fn load(&mut self, weights: &[E]) -> Result<()> {
        self.backend.upload(self.weights.weights.memory, 0, bytemuck::cast_slice(weights))?;
        self.backend.run(self.derive)
    }

    /// Brings the summaries of the last pass to the host.
    ///
    /// # Errors
    /// If one of them is NaN or infinite.
    pub(super) fn collect(&mut self, derivatives: &Derivatives, passes: Passes) -> Result<()> {
        let layout = self.layouts.get(passes)?;
        let shape = layout.batches.shape;
        shape.prepare(&mut self.summaries);
        self.output.resize(layout.summaries.len, E::zero());
        if !self.output.is_empty() {
            self.backend.download(layout.summaries.memory, 0, bytemuck::cast_slice_mut(&mut self.output))?;
        }
        let mut output = self.output.as_slice();
        let mut bad: Option<(usize, f64)> = None;
        for (k, spans) in layout.spans.iter().enumerate() {
            let (own, rest) = output.split_at(spans.summaries.len);
            let found = shape.collect(k, derivatives, own, &mut self.summaries);
            bad = bad.into_iter().chain(found).min_by_key(|&(row, _)| row);
            output = rest;
        }
        bad.map_or(Ok(()), |(row, value)| Err(DeviceError::NonFinite { row, n_s: shape.n_s, value }))
    }

    fn forward_inside(&mut self, task: &Task<'_, E>, keep: bool) -> Result<()> {
        self.pass = None;
        let whole = Shape::new(&self.model, task, usize::MAX)?;
        let passes = self.lay_out(task, if keep { Passes::Both } else { Passes::Forward })?;
        self.load(task.weights)?;
        self.run_forwards(task, passes)?;
        self.collect(task.source.derivatives(), passes)?;
        if keep {
            self.pass = Some((task.key, whole));
        }
        Ok(())
    }

    fn backward_inside(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let whole = Shape::new(&self.model, task, usize::MAX)?;
        whole.check(cotangents, task.weights, gradient)?;
        if self.pass != Some((task.key, whole)) {
            self.lay_out(task, Passes::Both)?;
            self.load(task.weights)?;
            self.passes += 1;
            self.pass = None;
        }
        let pass = self.passes;
        let layout = self.layouts.get(Passes::Both)?;
        let shape = layout.batches.shape;
        shape.tangent_cotangents(task.source.derivatives(), cotangents.dx, &mut self.tangent_rows);
        self.backend.upload(layout.tangents.memory, 0, bytemuck::cast_slice(&self.tangent_rows))?;
        for (k, spans) in layout.spans.iter().enumerate() {
            shape.cotangents(k, cotangents.x, &self.tangent_rows, &mut self.cotangents);
            let offset = spans.values.start * size_of::<E>();
            self.backend.upload(spans.values.memory, offset, bytemuck::cast_slice(&self.cotangents))?;
        }
        self.run_backwards(task, pass)?;
        self.backend.run(self.fold)?;
        self.backend.download(self.weights.gradient.memory, 0, bytemuck::cast_slice_mut(gradient))
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

    fn start_training(&mut self, start: &Start<'_, E>) -> Result<Option<Box<dyn DeviceTraining<E> + '_>>> {
        Ok(CardTraining::new(self, start)?.map(|training| -> Box<dyn DeviceTraining<E> + '_> { Box::new(training) }))
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}
