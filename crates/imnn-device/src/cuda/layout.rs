//! Where the batches of a task lie on a card, and the commands for them.

use super::batches::{Batches, Room};
use super::memory::Held;
use crate::commands::{Backend, Command, Span};
use crate::device::Task;
use crate::error::{DeviceError, Result};
use crate::lower::{Lowering, Spans, TableSpans};
use crate::shape::Shape;
use imnn_data::Identity;
use imnn_engine::Plan;
use imnn_models::Element;
use imnn_sim::Key;

/// Which simulations lie somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Those of a source that gives the same ones in every pass.
    Constant(u64),
    /// Those that a source of this name gives with this key.
    Keyed(u64, Key),
    /// Those of one pass.
    Pass(u64),
}

impl Data {
    /// Those of a task; if their identity is unknown, those of this pass, if it is one.
    pub(crate) fn of<E: Element>(task: &Task<'_, E>, pass: Option<u64>) -> Option<Self> {
        match task.source.identity() {
            Identity::Constant(name) => Some(Data::Constant(name)),
            Identity::Keyed(name) => Some(Data::Keyed(name, task.key)),
            Identity::Unknown => pass.map(Data::Pass),
        }
    }

    /// The identity of their source.
    fn identity(self) -> Identity {
        match self {
            Data::Constant(name) => Identity::Constant(name),
            Data::Keyed(name, _) => Identity::Keyed(name),
            Data::Pass(_) => Identity::Unknown,
        }
    }
}

/// Which passes a layout is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passes {
    Both,
    Forward,
}

/// The layouts of a session: for tasks with a backward pass, and for those without.
#[derive(Default)]
pub(crate) struct Layouts([Option<Layout>; 2]);

impl Layouts {
    /// The layout for these passes, if there is one.
    pub(crate) fn find(&self, passes: Passes) -> Option<&Layout> {
        self.0[passes as usize].as_ref()
    }

    /// The layout for these passes, which the caller has seen to.
    pub(crate) fn get(&self, passes: Passes) -> Result<&Layout> {
        self.find(passes).ok_or(NO_LAYOUT)
    }

    /// As [`Layouts::get`].
    pub(crate) fn get_mut(&mut self, passes: Passes) -> Result<&mut Layout> {
        self.0[passes as usize].as_mut().ok_or(NO_LAYOUT)
    }

    /// All layouts.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Layout> {
        self.0.iter_mut().flatten()
    }

    pub(crate) fn set(&mut self, passes: Passes, layout: Layout) {
        self.0[passes as usize] = Some(layout);
    }

    pub(crate) fn take(&mut self, passes: Passes) -> Option<Layout> {
        self.0[passes as usize].take()
    }
}

const NO_LAYOUT: DeviceError = DeviceError::Internal { what: "a pass has no layout on the card" };

/// The batches of a task on a card.
pub(crate) struct Layout {
    /// Tells this layout from all others of its session.
    pub(crate) number: u64,
    /// The task as it is before it is cut.
    pub(crate) whole: Shape,
    pub(crate) batches: Batches,
    pub(crate) spans: Vec<Spans>,
    /// The sequences of each batch; backward there are none without a backward pass.
    pub(crate) forward: Vec<usize>,
    pub(crate) backward: Vec<usize>,
    /// The same as commands.
    pub(crate) commands: [Vec<Vec<Command>>; 2],
    /// Of all batches, one after the other.
    pub(crate) summaries: Span,
    pub(crate) tangents: Span,
    /// Where the batch that comes next waits, and which one does.
    pub(crate) stage: Option<usize>,
    pub(crate) staged: Option<(Data, usize)>,
    held: Held,
    /// What training on the card has taken for this layout.
    pub(crate) training: Held,
    /// What lies in each place for simulations, and in each place for layers: data or pass, and batch.
    inputs: Vec<Option<(Data, usize)>>,
    saved: Vec<Option<(u64, usize)>>,
}

impl Layout {
    /// Takes memory for a task and readies its commands.
    ///
    /// # Errors
    /// If there is not enough memory, of which then none is held, or the card refuses.
    pub(crate) fn new<E: Element, B: Backend>(
        backend: &mut B,
        plan: &Plan<E>,
        (number, whole): (u64, Shape),
        cut: impl Fn(usize) -> Shape,
        room: Room,
        fixed: (Span, Span, &[TableSpans]),
    ) -> Result<Self> {
        let Some(batches) = Batches::new(plan, cut, room) else {
            return Err(DeviceError::OutOfMemory { device: backend.device(), bytes: room.memory });
        };
        let nothing = Span { memory: 0, start: 0, len: 0 };
        let mut layout = Layout {
            number,
            whole,
            batches,
            spans: vec![],
            forward: vec![],
            backward: vec![],
            commands: [vec![], vec![]],
            summaries: nothing,
            tangents: nothing,
            stage: None,
            staged: None,
            held: Held::default(),
            training: Held::default(),
            inputs: vec![None; batches.n_inputs],
            saved: vec![None; batches.n_saved],
        };
        if let Err(error) = layout.fill(backend, plan, room, fixed) {
            layout.release(backend)?;
            return Err(error);
        }
        Ok(layout)
    }

    fn fill<E: Element, B: Backend>(
        &mut self,
        backend: &mut B,
        plan: &Plan<E>,
        room: Room,
        (weights, gradient, tables): (Span, Span, &[TableSpans]),
    ) -> Result<()> {
        let Batches { shape, lengths, .. } = self.batches;
        let n = shape.microbatches.len();
        let (n_inputs, n_saved) = (self.inputs.len(), self.saved.len());
        let held = &mut self.held;
        let mut take = |len: usize| held.allocate::<E>(backend, len);
        let inputs = (0..n_inputs).map(|_| take(lengths.input)).collect::<Result<Vec<_>>>()?;
        let saved = (0..n_saved).map(|_| take(lengths.saved)).collect::<Result<Vec<_>>>()?;
        if self.batches.staged {
            self.stage = Some(take(lengths.input)?.memory);
        }
        let [arena, patches, partial] = [take(lengths.arena)?, take(lengths.patches)?, take(lengths.partial)?];
        let total = |k: usize| shape.rows(k).total() * shape.n_summaries;
        let values_of = |k: usize| shape.rows(k).n * shape.n_summaries;
        self.summaries = take((0..n).map(total).sum())?;
        let values = take((0..n).map(values_of).sum())?;
        self.tangents = take(2 * shape.n_params * shape.n_summaries)?;
        let indices =
            (0..n_saved).map(|_| held.allocate::<u32>(backend, lengths.indices)).collect::<Result<Vec<_>>>()?;
        let (mut summary, mut value) = (0, 0);
        for k in 0..n {
            let (rows, slot) = (shape.rows(k), k.min(n_saved - 1));
            let spans = Spans {
                input: inputs[k.min(n_inputs - 1)].part(0..shape.input * rows.total()),
                saved: saved[slot],
                indices: indices[slot],
                arena,
                patches,
                partial,
                weights,
                gradient,
                values: values.part(value..value + values_of(k)),
                tangents: self.tangents.part(0..rows.tangents * shape.n_summaries),
                summaries: self.summaries.part(summary..summary + total(k)),
            };
            (summary, value) = (summary + total(k), value + values_of(k));
            let lowering = || Lowering::new(plan, rows, spans, tables, room.patches);
            let commands = lowering().forward();
            self.forward.push(self.held.prepare(backend, commands.clone())?);
            self.commands[0].push(commands);
            if room.backward {
                let commands = lowering().backward();
                self.backward.push(self.held.prepare(backend, commands.clone())?);
                self.commands[1].push(commands);
            }
            self.spans.push(spans);
        }
        Ok(())
    }

    /// Gives everything back.
    pub(crate) fn release<B: Backend>(mut self, backend: &mut B) -> Result<()> {
        self.training.release(backend)?;
        self.held.release(backend)
    }

    /// The bytes of the largest batch of simulations.
    pub(crate) fn input_bytes<E>(&self) -> usize {
        self.batches.lengths.input * size_of::<E>()
    }

    /// Whether no other batch has the place of the simulations of batch `k`.
    pub(crate) fn has_own_input(&self, k: usize) -> bool {
        k + 1 < self.inputs.len() || self.inputs.len() == self.spans.len()
    }

    /// What lies where the simulations of batch `k` belong.
    pub(crate) fn input_at(&self, k: usize) -> Option<(Data, usize)> {
        self.inputs[k.min(self.inputs.len() - 1)]
    }

    /// Whether no simulations lie here but those of this identity, or of passes that are over.
    pub(crate) fn is_free_for(&self, identity: Identity) -> bool {
        let known = self.inputs.iter().flatten().map(|(data, _)| data.identity());
        known.filter(|&other| other != Identity::Unknown).all(|other| other == identity)
    }

    /// Whether all simulations of this identity lie in their places, if they are the same in every pass.
    pub(crate) fn holds_all(&self, identity: Identity) -> bool {
        let Identity::Constant(name) = identity else { return false };
        let own = |(k, lies): (usize, &Option<(Data, usize)>)| *lies == Some((Data::Constant(name), k));
        self.inputs.len() == self.spans.len() && self.inputs.iter().enumerate().all(own)
    }

    /// Whether all batches have places of their own, for their simulations and all layers.
    pub(crate) fn saves_all(&self) -> bool {
        self.saved.len() >= self.spans.len()
    }

    pub(crate) fn set_input(&mut self, k: usize, data: Option<(Data, usize)>) {
        let last = self.inputs.len() - 1;
        self.inputs[k.min(last)] = data;
    }

    /// The next batch down from `k` whose layers this pass has to make again, if there is one.
    pub(crate) fn next_lost(&self, k: usize, pass: u64) -> Option<usize> {
        (0..k).rev().find(|&k| !self.has_saved(k, pass))
    }

    pub(crate) fn set_saved(&mut self, k: usize, pass: Option<(u64, usize)>) {
        let last = self.saved.len() - 1;
        self.saved[k.min(last)] = pass;
    }

    /// Whether batch `k` lies there with its layers as this pass left them.
    pub(crate) fn has_saved(&self, k: usize, pass: u64) -> bool {
        let input = self.input_at(k).is_some_and(|(_, batch)| batch == k);
        input && self.saved[k.min(self.saved.len() - 1)] == Some((pass, k))
    }
}
