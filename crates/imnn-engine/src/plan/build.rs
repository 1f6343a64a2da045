//! The kinds of steps, and how the primitives of a network become steps.

use super::simplify::simplify;
use super::{Columns, Composed, Gather, MIN_ROWS, Plan, Slot, Transposed, View, block_rows};
use crate::steps::pooled::tile_len;
use imnn_compute::narrow::NARROW;
use imnn_compute::{Number, matrix};
use imnn_models::{Activation, Affine, Join, Linear, Model, Op, Primitive, Shape, Standardisation, Windows};
use std::ops::Range;
use std::sync::Arc;

impl<E: Number> Plan<E> {
    /// The plan of a network.
    ///
    /// # Errors
    /// The layer that has no steps, such as a user's own.
    pub fn new(model: &Model) -> Result<Self, String> {
        Plan::built(model, Builder { pools: true, ..Builder::new(model) })
    }

    /// The same without [`StepOp::Pooled`].
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn without_pooled(model: &Model) -> Result<Self, String> {
        Plan::built(model, Builder::new(model))
    }

    fn built(model: &Model, mut builder: Builder) -> Result<Self, String> {
        matrix::prepare();
        let layers = simplify(model.primitives().to_vec());
        let output = builder.chain(&layers, 0, None)?.buffer;
        Ok(builder.finish(output, model.layout().len()))
    }
}

/// Numbers of a tile of [`Pooled`], which stay in a core's second-level cache.
const TILE: usize = 1 << 16;

/// One step forward, and the same step backward.
#[derive(Debug)]
pub struct Step {
    /// What it does.
    pub op: StepOp,
    /// What it reads.
    pub input: View,
    /// What it writes.
    pub output: View,
    /// Whether the gradient of the input is added to what other steps have written.
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
    /// Channels less their means, over their deviations: the range of these and then those among the constants.
    Standardise(Range<usize>),
    /// A piecewise linear activation, in place.
    Piecewise(Pointwise),
    /// A smooth activation; its input is lost.
    Smooth(Pointwise),
    /// Windows over data, a smooth activation and the mean over all positions.
    Pooled(Pooled),
    /// Copies to a slice of channels.
    Copy,
    /// Adds to the output.
    Add,
}

impl Step {
    fn is_piecewise(&self) -> bool {
        matches!(self.op, StepOp::Piecewise(_))
    }
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
    /// W^T among the derived, if a product needs it.
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

/// A linear layer of windows over data, a smooth activation and the mean over all positions: see `steps/pooled.rs`.
#[derive(Debug)]
pub struct Pooled {
    /// The windows.
    pub columns: Columns,
    /// W and b, `(k + 1, g)`.
    pub weight: Slot,
    /// The function.
    pub activation: Activation,
    /// The buffer of the sums, `(k + 1, g)`.
    pub sums: usize,
    /// Positions of a tile.
    pub tile: usize,
}

/// A plan half built.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) steps: Vec<Step>,
    /// Whether to make steps [`StepOp::Pooled`].
    pools: bool,
    /// Numbers per row of each buffer.
    pub(super) sizes: Vec<usize>,
    /// Whether each depends on weights.
    pub(super) needed: Vec<bool>,
    pub(super) indices: usize,
    pub(super) patches: usize,
    pub(super) derived: usize,
    pub(super) constants: Vec<f64>,
    pub(super) composed: Vec<Composed>,
    pub(super) transposed: Vec<Transposed>,
}

impl Builder {
    fn new(model: &Model) -> Self {
        Builder { sizes: vec![model.input_size()], needed: vec![false], ..Builder::default() }
    }

    fn buffer(&mut self, shape: Shape) -> View {
        self.sizes.push(shape.size());
        self.needed.push(false);
        View::whole(self.sizes.len() - 1, shape)
    }

    fn push(&mut self, op: StepOp, input: View, output: View) {
        let has_weights = matches!(op, StepOp::Linear(_) | StepOp::Pooled(_));
        self.needed[output.buffer] |= has_weights || self.needed[input.buffer];
        self.steps.push(Step { op, input, output, accumulate: false, combine: false });
    }

    /// A step to `target`, or to a buffer of this shape.
    fn step(&mut self, op: StepOp, input: View, shape: Shape, target: Option<View>) -> View {
        let output = target.unwrap_or_else(|| self.buffer(shape));
        self.push(op, input, output);
        output
    }

    /// Layers one after the other from a buffer, to `target` if there is one.
    fn chain(&mut self, layers: &[Primitive], input: usize, target: Option<View>) -> Result<View, String> {
        let shape = layers.first().map_or_else(
            || target.map_or(Shape { positions: 1, channels: self.sizes[input] }, |target| target.shape),
            |layer| layer.input,
        );
        let mut at = View::whole(input, shape);
        let mut rest = layers;
        while let [layer, after @ ..] = rest {
            if layer.input.size().max(layer.output.size()) > u32::MAX as usize / 2 {
                return Err(format!("{} is too large for the vectorised engine", layer.label));
            }
            at = View::whole(at.buffer, layer.input);
            if let Some(pooled) = self.pooled(rest, at) {
                (at, rest) = (pooled, &rest[3..]);
                continue;
            }
            let target = target.filter(|_| after.is_empty());
            at = match &layer.op {
                Op::Pointwise(activation) => self.activation(*activation, at, input),
                Op::Linear(linear) => {
                    let linear = self.linear(linear, at.shape.channels, layer.output.channels);
                    self.step(StepOp::Linear(linear), at, layer.output, target)
                }
                Op::MaxPool(windows) => {
                    let indices = self.indices;
                    self.indices += layer.output.size();
                    self.step(StepOp::MaxPool(MaxPool { windows: windows.clone(), indices }), at, layer.output, target)
                }
                Op::MeanPool(windows) => self.step(StepOp::MeanPool(windows.clone()), at, layer.output, target),
                Op::Standardise(constants) => self.standardise(constants, at),
                Op::Parallel { branches, join } => self.parallel(branches, *join, at, layer.output, target)?,
                Op::Custom { .. } => return Err(format!("{} has no vectorised implementation", layer.label)),
            };
            rest = after;
        }
        Ok(match target {
            Some(target) if at != target => {
                let from = View { shape: target.shape, ld: target.shape.channels, ..at };
                self.push(StepOp::Copy, from, target);
                target
            }
            _ => at,
        })
    }

    /// To a buffer of its own, where all numbers lie side by side: loops are long for few channels too.
    fn standardise(&mut self, Standardisation { mean, deviation }: &Standardisation, at: View) -> View {
        let start = self.constants.len();
        self.constants.extend([&mean[..], deviation].concat());
        self.step(StepOp::Standardise(start..self.constants.len()), at, at.shape, None)
    }

    fn activation(&mut self, activation: Activation, at: View, input: usize) -> View {
        // What comes from outside this chain has other readers, who want it as it is, with its bias.
        let outside = at.buffer == input;
        let bias = if outside { None } else { self.take_bias(at) };
        let pointwise = Pointwise { activation, bias };
        let smooth = !activation.is_piecewise_linear();
        // Both kinds write over their input. The output of a piecewise linear activation is needed on the way back, too, in
        // whatever shape it is seen here and whatever lies beside it.
        let keeps_output = |step: &Step| step.is_piecewise() && step.output.buffer == at.buffer;
        let wanted = outside || smooth && self.steps.iter().any(keeps_output);
        let own = if wanted { self.step(StepOp::Copy, at, at.shape, None) } else { at };
        if smooth {
            return self.step(StepOp::Smooth(pointwise), own, own.shape, None);
        }
        self.push(StepOp::Piecewise(pointwise), own, own);
        own
    }

    /// The first three layers in one step, if they are what [`Pooled`] does.
    fn pooled(&mut self, layers: &[Primitive], at: View) -> Option<View> {
        let [linear, pointwise, mean, ..] = layers else { return None };
        let (Op::Linear(Linear::Windows { windows, weights }), &Op::Pointwise(activation), Op::MeanPool(all)) =
            (&linear.op, &pointwise.op, &mean.op)
        else {
            return None;
        };
        let (shape, g) = (linear.output, linear.output.channels);
        let suits = self.pools && !self.needed[at.buffer] && !activation.is_piecewise_linear() && g >= NARROW;
        let in_a_row = [pointwise.output, mean.input] == [shape; 2];
        if !(suits && in_a_row && covers_all(all) && weights.weight.end == weights.bias.start) {
            return None;
        }
        let columns = Columns::new(windows, linear.input.channels);
        let k = columns.width() + 1;
        let tile = (TILE / (2 * k + 3 * g)).clamp(MIN_ROWS, MIN_ROWS.max(shape.positions));
        self.patches = self.patches.max(tile_len(tile, k, g));
        let weight = Slot::own(weights.weight.start..weights.bias.end);
        let sums = self.buffer(Shape { positions: k, channels: g }).buffer;
        let pooled = Pooled { columns, weight, activation, sums, tile };
        Some(self.step(StepOp::Pooled(pooled), at, mean.output, None))
    }

    /// The bias of the linear layer just before, to be added along with the activation.
    fn take_bias(&mut self, at: View) -> Option<Slot> {
        let step = self.steps.last_mut().filter(|step| step.output == at)?;
        let StepOp::Linear(linear) = &mut step.op else { return None };
        linear.bias_later = true;
        Some(linear.bias.clone())
    }

    /// The step of a layer from `c` channels to `g`.
    fn linear(&mut self, linear: &Linear, c: usize, g: usize) -> LinearStep {
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
        LinearStep { gather, weight, bias, transposed: None, narrow: g < NARROW, bias_later: false }
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
    ) -> Result<View, String> {
        let output = target.unwrap_or_else(|| self.buffer(shape));
        match join {
            Join::Concat => {
                let mut channel = output.channel;
                for branch in branches {
                    let last = branch.last().map_or(input.shape, |layer| layer.output);
                    let channels = last.size() / shape.positions;
                    let slice = Shape { positions: shape.positions, channels };
                    let target = View { buffer: output.buffer, channel, shape: slice, ld: output.ld };
                    self.chain(branch, input.buffer, Some(target))?;
                    channel += channels;
                }
            }
            Join::Sum => {
                for (k, branch) in branches.iter().enumerate() {
                    if k == 0 {
                        self.chain(branch, input.buffer, Some(output))?;
                    } else {
                        let one = self.chain(branch, input.buffer, None)?;
                        let one = View { shape, ld: shape.channels, ..one };
                        self.push(StepOp::Add, one, output);
                    }
                }
            }
        }
        Ok(output)
    }
}

/// Whether there is one window, which covers every position once.
fn covers_all(windows: &Windows) -> bool {
    let mut taps = windows.taps.clone();
    taps.sort_unstable();
    windows.n_outputs() == 1 && taps.into_iter().eq(0..windows.n_inputs as u32)
}
