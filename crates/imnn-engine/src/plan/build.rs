//! How the primitives of a network become a plan.

use super::arena::{Arena, Lifetime};
use super::simplify::simplify;
use super::{
    Buffer, Composed, Gather, LinearStep, MaxPool, Plan, Pointwise, Slot, Step, StepOp, Transposed, View, block_rows,
};
use imnn_compute::narrow::NARROW;
use imnn_compute::{NUMBERS_PER_LINE, Number, matrix};
use imnn_models::{Activation, Affine, Join, Linear, Model, Op, Primitive, Shape};
use std::ops::Range;

impl<E: Number> Plan<E> {
    /// The plan of a network.
    ///
    /// # Errors
    /// The layer that has no steps, such as a user's own.
    pub fn new(model: &Model) -> Result<Self, String> {
        matrix::prepare();
        let layers = simplify(model.primitives().to_vec());
        let mut builder = Builder::new(model);
        let output = builder.chain(&layers, 0, None)?.buffer;
        Ok(builder.finish(output, model.layout().len()))
    }
}

/// A plan half built.
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
    fn chain(&mut self, layers: &[Primitive], input: usize, target: Option<View>) -> Result<View, String> {
        let shape = layers.first().map_or_else(
            || target.map_or(Shape { positions: 1, channels: self.sizes[input] }, |target| target.shape),
            |layer| layer.input,
        );
        let mut at = View::whole(input, shape);
        for (k, layer) in layers.iter().enumerate() {
            if layer.input.size().max(layer.output.size()) > u32::MAX as usize / 2 {
                return Err(format!("{} is too large for the vectorised engine", layer.label));
            }
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
                    self.push(StepOp::MaxPool(MaxPool { windows: windows.clone(), indices }), at, output);
                    output
                }
                Op::MeanPool(windows) => {
                    let output = target.unwrap_or_else(|| self.buffer(layer.output));
                    self.push(StepOp::MeanPool(windows.clone()), at, output);
                    output
                }
                Op::Parallel { branches, join } => self.parallel(branches, *join, at, layer.output, target)?,
                Op::Custom { .. } => return Err(format!("{} has no vectorised implementation", layer.label)),
            };
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
    fn finish<E: Number>(mut self, output: usize, n_weights: usize) -> Plan<E> {
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
