//! What a network needs, worked out once: steps in order, places in memory, and what flows back where.

use super::arena::{Arena, Life};
use super::compose::Composed;
use super::gather::Gather;
use super::matrix;
use super::narrow::NARROW;
use super::simplify::simplify;
use crate::lines;
use crate::program::Rows;
use imnn_models::{Activation, Affine, Join, Linear, Model, Op, Primitive, Shape, Windows};
use std::ops::Range;
use std::sync::Arc;

/// A network as the fused engine runs it.
#[derive(Debug)]
pub(crate) struct Plan<E> {
    pub(super) steps: Vec<Step>,
    pub(super) buffers: Vec<Buffer>,
    /// The buffer of the summaries.
    pub(super) output: usize,
    /// Numbers per row that a leaf keeps, and indices per simulation.
    pub(super) kept: (usize, usize),
    /// Numbers per row of cotangents that the backward pass needs.
    pub(super) cotangents: usize,
    /// Numbers for patches.
    pub(super) patches: usize,
    pub(super) n_weights: usize,
    /// Weights worked out from others, and how; the first `n_folded` have gradients that are folded into those of others.
    pub(super) derived: Vec<E>,
    pub(super) n_folded: usize,
    pub(super) composed: Vec<Composed>,
    pub(super) transposed: Vec<Transposed>,
    /// Whether all activations are piecewise linear, so that their second derivatives are zero.
    pub(super) piecewise_linear: bool,
}

/// The activations of one layer; places are multiples of the number of rows.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// Numbers per row.
    pub(super) size: usize,
    /// Where it lies among those that are kept.
    pub(super) kept: usize,
    /// Where its gradient lies.
    pub(super) gradient: usize,
    /// Where its rows, combined for each summary, lie.
    pub(super) combined: usize,
    /// Whether weights lie before it, so that its gradient is needed.
    pub(super) needed: bool,
}

/// Some channels of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) buffer: usize,
    /// The first channel.
    pub(super) channel: usize,
    pub(super) shape: Shape,
    /// Channels of the buffer: numbers from one position to the next.
    pub(super) ld: usize,
}

/// One step forward, and the same step backward.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) op: StepOp,
    pub(super) input: View,
    pub(super) output: View,
    /// Whether the gradient of the input is added to what is there already.
    pub(super) accumulate: bool,
    /// Whether this is the first step backward that combines its input.
    pub(super) combine: bool,
}

#[derive(Debug)]
pub(super) enum StepOp {
    Linear(LinearStep),
    MaxPool {
        windows: Arc<Windows>,
        indices: usize,
    },
    MeanPool(Arc<Windows>),
    /// In place, where the second derivative is zero.
    Piecewise {
        activation: Activation,
        bias: Option<Place>,
    },
    Smooth {
        activation: Activation,
        bias: Option<Place>,
    },
    Copy,
    /// Adds to what is there.
    Add,
}

/// A linear layer in its place.
#[derive(Debug)]
pub(super) struct LinearStep {
    pub(super) gather: Option<Gather>,
    /// The windows of `gather`, which the commands for a card are made from.
    #[cfg_attr(not(any(test, feature = "cuda")), allow(dead_code))]
    pub(super) windows: Option<Arc<Windows>>,
    pub(super) weight: Place,
    pub(super) bias: Place,
    /// W^T among the derived, where a product needs it.
    pub(super) transposed: Option<Place>,
    /// Whether W has few columns, so that its products are those of [`super::narrow`], and its gradient is transposed.
    pub(super) narrow: bool,
    /// Whether the activation that follows adds the bias.
    pub(super) bias_later: bool,
}

/// Where weights lie: among the parameters or among those derived from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) derived: bool,
    pub(super) range: Range<usize>,
}

/// W `(rows, cols)` at `from`, to be transposed to `to` among the derived.
#[derive(Clone, Debug)]
pub(super) struct Transposed {
    pub(super) from: Place,
    pub(super) rows: usize,
    pub(super) to: Range<usize>,
    /// Whether its gradient is transposed too.
    pub(super) narrow: bool,
}

/// Patches are gathered this many numbers at a time, which stay in a core's cache; but never fewer rows than [`MIN_ROWS`].
const PATCHES: usize = 1 << 15;
/// Fewer rows make matrix products slow.
const MIN_ROWS: usize = 64;

impl<E: imnn_models::Element> Plan<E> {
    /// The plan of a network.
    ///
    /// # Errors
    /// Says which layer the engine does not know.
    pub(crate) fn new(model: &Model) -> Result<Self, String> {
        matrix::prepare();
        check(model.primitives())?;
        let layers = simplify(model.primitives().to_vec());
        let mut builder = Builder::new(model);
        let output = builder.chain(&layers, 0, None).buffer;
        Ok(builder.finish(output, model.layout().len()))
    }

    /// How cotangents lie for these rows.
    pub(super) fn cotangent_rows(&self, rows: Rows) -> CotangentRows {
        let n_summaries = self.buffers[self.output].size;
        if rows.tangents > 0 && self.piecewise_linear && n_summaries <= 1 + rows.tangents {
            CotangentRows::PerSummary(n_summaries)
        } else {
            CotangentRows::PerRow
        }
    }
}

/// Whether the engine can run these primitives; otherwise says which it cannot.
fn check(primitives: &[Primitive]) -> Result<(), String> {
    for Primitive { op, input, output, label } in primitives {
        match op {
            Op::Custom { .. } => return Err(format!("{label} is not known to the fused engine")),
            Op::Parallel { branches, .. } => branches.iter().try_for_each(|branch| check(branch))?,
            Op::Linear(_) | Op::MaxPool(_) | Op::MeanPool(_) | Op::Pointwise(_) => {}
        }
        if input.size().max(output.size()) > u32::MAX as usize / 2 {
            return Err(format!("{label} is too large for the fused engine"));
        }
    }
    Ok(())
}

/// Rows of a chunk of patches.
pub(super) fn chunk_rows(width: usize) -> usize {
    (PATCHES / width.max(1)).max(MIN_ROWS)
}

/// What the rows that flow back belong to.
///
/// Where all second derivatives are zero, the cotangents of a simulation's value and of its tangents obey one linear
/// equation. So the unit cotangents `e_s` of the summaries are carried back, once for each summary, instead of one
/// cotangent for the value and for each tangent: with B_s = J^T e_s,
///
/// ```text
/// g_W = sum_s (g_s h + sum_a G_as t_a)^T B_s
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CotangentRows {
    /// One for each row, in the order of the rows.
    PerRow,
    /// For each simulation one for each summary: `(n, n_summaries)`.
    PerSummary(usize),
}

impl CotangentRows {
    pub(super) fn total(self, rows: Rows) -> usize {
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
    fn chain(&mut self, layers: &[Primitive], input: usize, target: Option<View>) -> View {
        let shape = layers.first().map_or_else(
            || target.map_or(Shape { positions: 1, channels: self.sizes[input] }, |target| target.shape),
            |layer| layer.input,
        );
        let mut at = View::whole(input, shape);
        for (k, layer) in layers.iter().enumerate() {
            at = View::whole(at.buffer, layer.input);
            let target = target.filter(|_| k + 1 == layers.len());
            at = match &layer.op {
                Op::Pointwise(activation) => self.activation(*activation, at, input),
                Op::Linear(linear) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    self.linear(linear, at, output)
                }
                Op::MaxPool(windows) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    let indices = self.indices;
                    self.indices += layer.output.size();
                    self.push(StepOp::MaxPool { windows: windows.clone(), indices }, at, output);
                    output
                }
                Op::MeanPool(windows) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    self.push(StepOp::MeanPool(windows.clone()), at, output);
                    output
                }
                Op::Parallel { branches, join } => self.parallel(branches, *join, at, layer.output, target),
                // Refused before: see `check`.
                Op::Custom { .. } => at,
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
            self.push(StepOp::Piecewise { activation, bias }, own, own);
            own
        } else {
            let output = self.buffer(at.shape);
            self.push(StepOp::Smooth { activation, bias }, at, output);
            output
        }
    }

    /// The bias of the linear layer just before, to be added along with the activation.
    fn take_bias(&mut self, at: View) -> Option<Place> {
        let step = self.steps.last_mut().filter(|step| step.output == at)?;
        let StepOp::Linear(linear) = &mut step.op else { return None };
        linear.bias_later = true;
        Some(linear.bias.clone())
    }

    fn linear(&mut self, linear: &Linear, input: View, output: View) -> View {
        let (c, g) = (input.shape.channels, output.shape.channels);
        let gather = linear.windows().map(|windows| Gather::new(windows, c));
        let (weight, bias) = match linear {
            Linear::Map(weights) | Linear::Windows { weights, .. } => {
                let Affine { weight, bias } = weights.clone();
                (Place::own(weight), Place::own(bias))
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
                let places = (Place::derived(composed.weight.clone()), Place::derived(composed.bias.clone()));
                self.composed.push(composed);
                places
            }
        };
        if let Some(gather) = &gather {
            self.patches = self.patches.max(gather.width() * chunk_rows(gather.width()));
        }
        let windows = linear.windows().cloned();
        let linear =
            LinearStep { gather, windows, weight, bias, transposed: None, narrow: g < NARROW, bias_later: false };
        self.push(StepOp::Linear(linear), input, output);
        output
    }

    fn derive(&mut self, len: usize) -> Range<usize> {
        self.derived += len;
        self.derived - len..self.derived
    }

    fn parallel(
        &mut self,
        branches: &[Vec<Primitive>],
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
    /// lie, instead of turning W round for every leaf.
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
                linear.transposed = Some(Place::derived(to));
            }
        }
    }

    /// Decides what flows back, and gives everything its place.
    fn finish<E: imnn_models::Element>(mut self, output: usize, n_weights: usize) -> Plan<E> {
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
        gradients[output] = Some(Life { first: 0, last: 0 });
        let seen = |life: &mut Option<Life>, time: usize| {
            let life = life.get_or_insert(Life { first: time, last: time });
            life.last = time;
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
        let lines: Vec<usize> = self.sizes.iter().map(|size| size.next_multiple_of(lines::NUMBERS)).collect();
        let mut arena = Arena::default();
        let gradients = arena.places(&lines, &gradients);
        let combined = arena.places(&lines, &combined);
        let mut kept = 0;
        let buffers = (0..self.sizes.len())
            .map(|k| {
                kept += lines[k];
                Buffer {
                    size: self.sizes[k],
                    kept: kept - lines[k],
                    gradient: gradients[k],
                    combined: combined[k],
                    needed: needed[k],
                }
            })
            .collect();
        let piecewise_linear = !self.steps.iter().any(|step| matches!(step.op, StepOp::Smooth { .. }));
        Plan {
            steps: self.steps,
            buffers,
            output,
            kept: (kept, self.indices),
            cotangents: arena.len(),
            patches: self.patches.next_multiple_of(lines::NUMBERS),
            n_weights,
            derived: vec![E::zero(); self.derived],
            n_folded,
            composed: self.composed,
            transposed: self.transposed,
            piecewise_linear,
        }
    }
}

impl Place {
    fn own(range: Range<usize>) -> Self {
        Place { derived: false, range }
    }

    fn derived(range: Range<usize>) -> Self {
        Place { derived: true, range }
    }

    /// The weights.
    pub(super) fn of<'a, E>(&self, weights: &'a [E], derived: &'a [E]) -> &'a [E] {
        if self.derived { &derived[self.range.clone()] } else { &weights[self.range.clone()] }
    }

    /// Their gradient: that of derived weights lies behind that of all others.
    pub(super) fn gradient(&self, n_weights: usize) -> Range<usize> {
        let shift = if self.derived { n_weights } else { 0 };
        self.range.start + shift..self.range.end + shift
    }
}
