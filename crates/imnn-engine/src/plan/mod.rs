//! Plans: what a network needs, worked out once. Steps in order, slots in memory, and where gradients flow.

mod arena;
pub mod layers;
pub mod simplify;

pub use crate::steps::compose::Composed;
pub use crate::steps::gather::Gather;
pub use layers::{Affine, Shape};

use crate::program::Rows;
use arena::{Arena, Lifetime};
use imnn_compute::narrow::NARROW;
use imnn_compute::{NUMBERS_PER_LINE, matrix};
use imnn_models::{Activation, Element, Join, Model, Windows};
use layers::{Layer, Linear, Op, layers};
use simplify::simplify;
use std::ops::Range;
use std::sync::Arc;

/// A network compiled to steps over buffers with fixed slots.
#[derive(Debug)]
pub struct Plan<E> {
    /// The steps, in the order of the forward pass.
    pub steps: Vec<Step>,
    /// The activations that the steps read and write; the first is the input.
    pub buffers: Vec<Buffer>,
    /// The buffer of the summaries.
    pub output: usize,
    /// Numbers per row that are saved between the passes, and indices per simulation.
    pub saved: (usize, usize),
    /// Numbers per row of cotangents that the backward pass needs.
    pub cotangents: usize,
    /// Numbers for patches.
    pub patches: usize,
    /// Number of weights of the network.
    pub n_weights: usize,
    /// Weights computed from others.
    pub derived: Vec<E>,
    /// The first so many derived weights have gradients, which are folded into those of the others.
    pub n_folded: usize,
    /// The derived weights of composed layers.
    pub composed: Vec<Composed>,
    /// The derived weights that are transposes.
    pub transposed: Vec<Transposed>,
    /// Whether all activations are piecewise linear, so that their second derivatives are zero.
    pub piecewise_linear: bool,
}

/// The activations of one layer. Slots are per row: times the number of rows they are positions in memory.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Numbers per row.
    pub size: usize,
    /// Its slot in the saved numbers.
    pub saved: usize,
    /// The slot of its gradient in the arena.
    pub gradient: usize,
    /// The slot in the arena of its rows combined for each summary.
    pub combined: usize,
    /// Whether it depends on weights, so that its gradient is needed.
    pub needed: bool,
}

/// Some channels of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The number of the buffer.
    pub buffer: usize,
    /// The first channel.
    pub channel: usize,
    /// Positions of the buffer and channels of the view.
    pub shape: Shape,
    /// Channels of the buffer: numbers from one position to the next.
    pub ld: usize,
}

/// One step forward, and the same step backward.
#[derive(Debug)]
pub struct Step {
    /// What it does.
    pub op: StepOp,
    /// What it reads.
    pub input: View,
    /// What it writes.
    pub output: View,
    /// Whether the gradient of the input is added to what is there already.
    pub accumulate: bool,
    /// Whether this is the first step backward that combines its input.
    pub combine: bool,
}

/// The kinds of steps.
#[derive(Debug)]
pub enum StepOp {
    /// A dense layer or a convolution.
    Linear(LinearStep),
    /// Maxima over windows.
    MaxPool(MaxPool),
    /// Means over windows.
    MeanPool(Arc<Windows>),
    /// A piecewise linear activation, in place.
    Piecewise(Pointwise),
    /// A smooth activation.
    Smooth(Pointwise),
    /// Copies to a slice of channels.
    Copy,
    /// Adds to the output.
    Add,
}

/// A linear layer with its weights.
#[derive(Debug)]
pub struct LinearStep {
    /// The windows, unless each position is mapped by itself.
    pub gather: Option<Gather>,
    /// W, `(k, g)`: numbers of a patch and channels that come out.
    pub weight: Slot,
    /// b, `(g)` or `(positions, g)`.
    pub bias: Slot,
    /// W^T among the derived, where a product needs it.
    pub transposed: Option<Slot>,
    /// Whether W has few columns, so that its products are those of [`imnn_compute::narrow`], and its gradient is transposed.
    pub narrow: bool,
    /// Whether the activation that follows adds the bias.
    pub bias_later: bool,
}

/// Maxima over windows.
#[derive(Debug)]
pub struct MaxPool {
    /// The windows.
    pub windows: Arc<Windows>,
    /// The slot of the positions of the maxima in the saved indices.
    pub indices: usize,
}

/// A function of each number.
#[derive(Debug)]
pub struct Pointwise {
    /// The function.
    pub activation: Activation,
    /// A bias that is added first.
    pub bias: Option<Slot>,
}

/// Where weights lie: among the parameters or among those derived from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whether they are derived from others.
    pub derived: bool,
    /// Their range among the parameters, or among the derived weights.
    pub range: Range<usize>,
}

/// W `(rows, cols)` at `from`, to be transposed to `to` among the derived.
#[derive(Clone, Debug)]
pub struct Transposed {
    /// W.
    pub from: Slot,
    /// Rows of W.
    pub rows: usize,
    /// The range of the transpose among the derived weights.
    pub to: Range<usize>,
    /// Whether its gradient is transposed too.
    pub narrow: bool,
}

/// Patches are gathered this many numbers at a time, which stay in a core's cache; but never fewer rows than [`MIN_ROWS`].
const PATCHES: usize = 1 << 15;
/// Fewer rows make matrix products slow.
const MIN_ROWS: usize = 64;

impl<E: Element> Plan<E> {
    /// The plan of a network.
    ///
    /// # Errors
    /// The layer that has no steps, such as a user's own.
    pub fn new(model: &Model) -> Result<Self, String> {
        matrix::prepare();
        let layers = simplify(layers(model)?);
        let mut builder = Builder::new(model);
        let output = builder.chain(&layers, 0, None).buffer;
        Ok(builder.finish(output, model.layout().len()))
    }

    /// How cotangents lie for these rows.
    pub fn cotangent_rows(&self, rows: Rows) -> CotangentRows {
        let n_summaries = self.buffers[self.output].size;
        if rows.tangents > 0 && self.piecewise_linear && n_summaries <= 1 + rows.tangents {
            CotangentRows::PerSummary(n_summaries)
        } else {
            CotangentRows::PerRow
        }
    }
}

/// Rows of a block of patches of this width.
pub fn block_rows(width: usize) -> usize {
    (PATCHES / width.max(1)).max(MIN_ROWS)
}

/// What the rows of cotangents belong to.
///
/// Where all second derivatives are zero, the cotangents of a simulation's value and of its tangents obey one linear
/// equation. So the unit cotangents `e_s` of the summaries are carried back, once for each summary, instead of one
/// cotangent for the value and for each tangent: with B_s = J^T e_s,
///
/// ```text
/// g_W = sum_s (g_s h + sum_a G_as t_a)^T B_s
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CotangentRows {
    /// One for each row, in the order of the rows.
    PerRow,
    /// For each simulation one for each summary: `(n, n_summaries)`.
    PerSummary(usize),
}

impl CotangentRows {
    /// Number of rows of cotangents.
    pub fn total(self, rows: Rows) -> usize {
        match self {
            CotangentRows::PerRow => rows.total(),
            CotangentRows::PerSummary(n_summaries) => rows.n * n_summaries,
        }
    }
}

impl View {
    fn whole(buffer: usize, shape: Shape) -> Self {
        View { buffer, channel: 0, shape, ld: shape.channels }
    }
}

#[derive(Default)]
struct Builder {
    steps: Vec<Step>,
    sizes: Vec<usize>,
    indices: usize,
    patches: usize,
    derived: usize,
    composed: Vec<Composed>,
    transposed: Vec<Transposed>,
}

impl Builder {
    fn new(model: &Model) -> Self {
        Builder { sizes: vec![model.input_size()], ..Builder::default() }
    }

    fn buffer(&mut self, shape: Shape) -> View {
        self.sizes.push(shape.size());
        View::whole(self.sizes.len() - 1, shape)
    }

    fn push(&mut self, op: StepOp, input: View, output: View) {
        self.steps.push(Step { op, input, output, accumulate: false, combine: false });
    }

    /// Layers one after the other from a buffer, to `target` if there is one.
    fn chain(&mut self, layers: &[Layer], input: usize, target: Option<View>) -> View {
        let shape = layers.first().map_or_else(
            || target.map_or(Shape { positions: 1, channels: self.sizes[input] }, |target| target.shape),
            |layer| layer.input,
        );
        let mut at = View::whole(input, shape);
        for (k, layer) in layers.iter().enumerate() {
            at = View::whole(at.buffer, layer.input);
            let target = target.filter(|_| k + 1 == layers.len());
            at = match &layer.op {
                Op::Activation(activation) => self.activation(*activation, at, input),
                Op::Linear(linear) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    self.linear(linear, at, output)
                }
                Op::MaxPool(windows) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    let indices = self.indices;
                    self.indices += layer.output.size();
                    self.push(StepOp::MaxPool(MaxPool { windows: windows.clone(), indices }), at, output);
                    output
                }
                Op::MeanPool(windows) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    self.push(StepOp::MeanPool(windows.clone()), at, output);
                    output
                }
                Op::Parallel { branches, join } => self.parallel(branches, *join, at, layer.output, target),
            };
        }
        match target {
            Some(target) if at != target => {
                let from = View { shape: target.shape, ld: target.shape.channels, ..at };
                self.push(StepOp::Copy, from, target);
                target
            }
            _ => at,
        }
    }

    fn activation(&mut self, activation: Activation, at: View, input: usize) -> View {
        // What comes from outside this chain has other readers, who want it as it is, with its bias.
        let outside = at.buffer == input;
        let bias = if outside { None } else { self.take_bias(at) };
        if activation.is_piecewise_linear() {
            let own = if outside {
                let own = self.buffer(at.shape);
                self.push(StepOp::Copy, at, own);
                own
            } else {
                at
            };
            self.push(StepOp::Piecewise(Pointwise { activation, bias }), own, own);
            own
        } else {
            let output = self.buffer(at.shape);
            self.push(StepOp::Smooth(Pointwise { activation, bias }), at, output);
            output
        }
    }

    /// The bias of the linear layer just before, to be added along with the activation.
    fn take_bias(&mut self, at: View) -> Option<Slot> {
        let step = self.steps.last_mut().filter(|step| step.output == at)?;
        let StepOp::Linear(linear) = &mut step.op else { return None };
        linear.bias_later = true;
        Some(linear.bias.clone())
    }

    fn linear(&mut self, linear: &Linear, input: View, output: View) -> View {
        let (c, g) = (input.shape.channels, output.shape.channels);
        let gather = linear.windows().map(|windows| Gather::new(windows.clone(), c));
        let (weight, bias) = match linear {
            Linear::Map(weights) | Linear::Windows { weights, .. } => {
                let Affine { weight, bias } = weights.clone();
                (Slot::own(weight), Slot::own(bias))
            }
            Linear::Composed { windows, first, between, second } => {
                let composed = Composed {
                    first: first.clone(),
                    second: second.clone(),
                    channels: [c, *between, g],
                    weight: self.derive(windows.n_taps * c * g),
                    bias: self.derive(Composed::bias_rows(windows) * g),
                    taps: self.derive(windows.n_taps * g),
                    windows: windows.clone(),
                };
                let places = (Slot::derived(composed.weight.clone()), Slot::derived(composed.bias.clone()));
                self.composed.push(composed);
                places
            }
        };
        if let Some(gather) = &gather {
            self.patches = self.patches.max(gather.width() * block_rows(gather.width()));
        }
        let linear = LinearStep { gather, weight, bias, transposed: None, narrow: g < NARROW, bias_later: false };
        self.push(StepOp::Linear(linear), input, output);
        output
    }

    fn derive(&mut self, len: usize) -> Range<usize> {
        self.derived += len;
        self.derived - len..self.derived
    }

    fn parallel(
        &mut self,
        branches: &[Vec<Layer>],
        join: Join,
        input: View,
        shape: Shape,
        target: Option<View>,
    ) -> View {
        let output = target.unwrap_or_else(|| self.buffer(shape));
        match join {
            Join::Concat => {
                let mut channel = output.channel;
                for branch in branches {
                    let last = branch.last().map_or(input.shape, |layer| layer.output);
                    let channels = last.size() / shape.positions;
                    let slice = Shape { positions: shape.positions, channels };
                    let target = View { buffer: output.buffer, channel, shape: slice, ld: output.ld };
                    self.chain(branch, input.buffer, Some(target));
                    channel += channels;
                }
            }
            Join::Sum => {
                for (k, branch) in branches.iter().enumerate() {
                    if k == 0 {
                        self.chain(branch, input.buffer, Some(output));
                    } else {
                        let one = self.chain(branch, input.buffer, None);
                        let one = View { shape, ld: shape.channels, ..one };
                        self.push(StepOp::Add, one, output);
                    }
                }
            }
        }
        output
    }

    /// Transposed weights for narrow products, and for the products that flow back: a general product reads them as they
    /// lie, instead of transposing W for every microbatch.
    fn transpose(&mut self, needed: &[bool], narrow: bool) {
        for step in &mut self.steps {
            let from = step.input.buffer;
            let StepOp::Linear(linear) = &mut step.op else { continue };
            if linear.narrow == narrow && (narrow || needed[from]) {
                let len = linear.weight.range.len();
                let to = self.derived..self.derived + len;
                self.derived = to.end;
                let rows = len / step.output.shape.channels;
                let transposed = Transposed { from: linear.weight.clone(), rows, to: to.clone(), narrow };
                self.transposed.push(transposed);
                linear.transposed = Some(Slot::derived(to));
            }
        }
    }

    /// Decides which gradients are needed, and gives every buffer its slots.
    fn finish<E: Element>(mut self, output: usize, n_weights: usize) -> Plan<E> {
        let mut needed = vec![false; self.sizes.len()];
        for step in &self.steps {
            needed[step.output.buffer] |= matches!(step.op, StepOp::Linear(_)) || needed[step.input.buffer];
        }
        self.transpose(&needed, true);
        let n_folded = self.derived;
        self.transpose(&needed, false);
        // In the order of the backward pass: when gradients and combined rows are first written and last read.
        let mut gradients = vec![None; self.sizes.len()];
        let mut combined = vec![None; self.sizes.len()];
        gradients[output] = Some(Lifetime { first: 0, last: 0 });
        let seen = |lifetime: &mut Option<Lifetime>, time: usize| {
            let lifetime = lifetime.get_or_insert(Lifetime { first: time, last: time });
            lifetime.last = time;
        };
        for (time, step) in self.steps.iter_mut().rev().enumerate() {
            let (from, to) = (step.input.buffer, step.output.buffer);
            if needed[to] {
                seen(&mut gradients[to], time);
            }
            if needed[from] && from != to {
                step.accumulate = gradients[from].is_some();
                seen(&mut gradients[from], time);
            }
            if matches!(step.op, StepOp::Linear(_)) {
                step.combine = combined[from].is_none();
                seen(&mut combined[from], time);
            }
        }
        // Everything begins on a cache line, for any number of rows.
        let padded: Vec<usize> = self.sizes.iter().map(|size| size.next_multiple_of(NUMBERS_PER_LINE)).collect();
        let mut arena = Arena::default();
        let gradients = arena.slots(&padded, &gradients);
        let combined = arena.slots(&padded, &combined);
        let mut saved = 0;
        let buffers = (0..self.sizes.len())
            .map(|k| {
                saved += padded[k];
                Buffer {
                    size: self.sizes[k],
                    saved: saved - padded[k],
                    gradient: gradients[k],
                    combined: combined[k],
                    needed: needed[k],
                }
            })
            .collect();
        let piecewise_linear = !self.steps.iter().any(|step| matches!(step.op, StepOp::Smooth(_)));
        Plan {
            steps: self.steps,
            buffers,
            output,
            saved: (saved, self.indices),
            cotangents: arena.len(),
            patches: self.patches.next_multiple_of(NUMBERS_PER_LINE),
            n_weights,
            derived: vec![E::zero(); self.derived],
            n_folded,
            composed: self.composed,
            transposed: self.transposed,
            piecewise_linear,
        }
    }
}

impl Slot {
    fn own(range: Range<usize>) -> Self {
        Slot { derived: false, range }
    }

    fn derived(range: Range<usize>) -> Self {
        Slot { derived: true, range }
    }

    /// The numbers of this slot.
    pub fn of<'a, E>(&self, weights: &'a [E], derived: &'a [E]) -> &'a [E] {
        if self.derived { &derived[self.range.clone()] } else { &weights[self.range.clone()] }
    }

    /// Their gradient: that of derived weights lies behind that of all others.
    pub fn gradient(&self, n_weights: usize) -> Range<usize> {
        let shift = if self.derived { n_weights } else { 0 };
        self.range.start + shift..self.range.end + shift
    }
}
