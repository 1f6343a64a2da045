//! Every layer on values and tangents, defined with dfdx: the yardstick for all faster engines.

use super::dual::{Dual, Matrix, Vector};
use super::element::Element;
use super::ops;
use super::tape::Tape;
use crate::error::{ModelError, Result};
use crate::layer::Join;
use crate::layout::Layout;
use crate::model::Model;
use crate::primitive::{Affine, Linear, Op, Primitive, Shape};
use crate::windows::Windows;
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo, TryMatMul};
use std::ops::Range;
use std::sync::Arc;

/// A few simulations as a network reads them, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, E> {
    /// Number of simulations.
    pub n: usize,
    /// Values, `(n, *input)`.
    pub values: &'a [E],
    /// Tangents, `(n, n_params, *input)`; empty if there are none.
    pub tangents: &'a [E],
}

/// What a network makes of a [`Batch`], or the cotangents of that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output<E> {
    /// Summaries, `(n, n_summaries)`.
    pub values: Vec<E>,
    /// Their tangents, `(n, n_params, n_summaries)`; empty if there are none.
    pub tangents: Vec<E>,
}

/// The summaries of a batch and their tangents.
pub(super) fn forward<E: Element>(model: &Model, parameters: &[E], batch: &Batch<'_, E>) -> Result<Output<E>>
where
    Cpu: Device<E>,
{
    let pass = Pass::run(model, parameters, batch, Tape::off())?;
    Ok(Output {
        values: ops::to_vec(pass.output.values()),
        tangents: pass.output.tangents().map(ops::to_vec).unwrap_or_default(),
    })
}

/// Adds to `gradient` the derivative of `sum(values * cotangents.values) + sum(tangents * cotangents.tangents)` with
/// respect to the parameters.
pub(super) fn backward<E: Element>(
    model: &Model,
    parameters: &[E],
    batch: &Batch<'_, E>,
    cotangents: &Output<E>,
    gradient: &mut [E],
) -> Result<()>
where
    Cpu: Device<E>,
{
    let tape = Tape::recording();
    let pass = Pass::run(model, parameters, batch, tape.clone())?;
    let (values, tangents) = pass.output.into_parts();
    let mut outputs = vec![(values, cotangents.values.clone())];
    outputs.extend(tangents.map(|tangents| (tangents, cotangents.tangents.clone())));
    let mut gradients = ops::back_propagate(&tape, outputs)?;
    for (entry, weight) in model.layout().entries().iter().zip(&pass.weights) {
        ops::add_gradient(&mut gradients, weight, &mut gradient[entry.range()])?;
    }
    Ok(())
}

/// One pass through a network.
struct Pass<E: Element> {
    weights: Vec<Vector<E>>,
    output: Dual<E>,
}

impl<E: Element> Pass<E>
where
    Cpu: Device<E>,
{
    fn run(model: &Model, parameters: &[E], batch: &Batch<'_, E>, tape: Tape<E>) -> Result<Self> {
        let device = Cpu::default();
        let size = model.input_size();
        let matrix = |data: &[E]| -> Result<Matrix<E>> {
            let tensor = device.try_tensor_from_vec(data.to_vec(), (data.len() / size, size))?;
            Ok(tensor.put_tape(tape.clone()))
        };
        let weights = model
            .layout()
            .entries()
            .iter()
            .map(|entry| {
                let tensor = device.try_tensor_from_vec(parameters[entry.range()].to_vec(), (entry.len(),))?;
                Ok(tensor.put_tape(tape.clone()))
            })
            .collect::<Result<Vec<_>>>()?;
        let tangents = if batch.tangents.is_empty() { None } else { Some(matrix(batch.tangents)?) };
        let input = Dual::new(matrix(batch.values)?, tangents)?;
        let output = Weights { layout: model.layout(), arrays: &weights }.run(model.primitives(), input)?;
        Ok(Pass { weights, output })
    }
}

/// The weights of a pass: an array for each entry of the layout.
#[derive(Clone, Copy)]
struct Weights<'a, E: Element> {
    layout: &'a Layout,
    arrays: &'a [Vector<E>],
}

impl<'a, E: Element> Weights<'a, E>
where
    Cpu: Device<E>,
{
    /// Primitives one after the other.
    fn run(self, primitives: &[Primitive], input: Dual<E>) -> Result<Dual<E>> {
        primitives.iter().try_fold(input, |data, primitive| self.apply(primitive, data))
    }

    /// One primitive, on data of shape `(n, size of its input)`.
    fn apply(self, primitive: &Primitive, input: Dual<E>) -> Result<Dual<E>> {
        match &primitive.op {
            Op::Linear(Linear::Map(weights)) => self.map(weights, primitive.input, input),
            Op::Linear(Linear::Windows { windows, weights }) => self.windows(weights, windows, input),
            Op::Linear(Linear::Composed { windows, first, second, .. }) => {
                self.windows(second, windows, self.map(first, primitive.input, input)?)
            }
            Op::MaxPool(windows) => {
                let chosen = ops::largest(input.values(), windows);
                let n = input.values().shape().0;
                input.linear(|x| {
                    let per_row = x.shape().0 / n;
                    ops::select(x, chosen.clone(), per_row)
                })
            }
            Op::MeanPool(windows) => input.linear(|x| ops::window_mean(x, windows)),
            Op::Pointwise(activation) => {
                let (values, tangents) = input.into_parts();
                let (values, tangents) = ops::activate(values, tangents, *activation)?;
                Dual::new(values, tangents)
            }
            Op::Parallel { branches, join } => {
                let outputs =
                    branches.iter().map(|branch| self.run(branch, input.clone())).collect::<Result<Vec<_>>>()?;
                let size = |output: &Dual<E>| output.values().shape().1;
                let widths: Vec<usize> = outputs.iter().map(|x| size(x) / primitive.output.positions).collect();
                let (values, tangents): (Vec<_>, Vec<_>) = outputs.into_iter().map(Dual::into_parts).unzip();
                let tangents: Option<Vec<_>> = tangents.into_iter().collect();
                let joined = |parts: Vec<Matrix<E>>| match join {
                    Join::Concat => ops::concat(parts, widths.clone()),
                    Join::Sum => ops::sum(parts),
                };
                Dual::new(joined(values)?, tangents.map(joined).transpose()?)
            }
            Op::Custom { layer, entries } => {
                let n = input.values().shape().0;
                let n_tangents = input.tangents().map(|tangents| tangents.shape().0);
                let output = E::forward_custom(layer.as_ref(), &self.arrays[entries.clone()], input)?.contiguous();
                let refuse = |message| Err(ModelError::Custom { layer: primitive.label.to_string(), message });
                let shape = *output.values().shape();
                let promised = (n, primitive.output.size());
                if shape != promised {
                    return refuse(format!(
                        "it made values of shape {shape:?}, its output_shape promised {promised:?}"
                    ));
                }
                let made = output.tangents().map(|tangents| tangents.shape().0);
                if made != n_tangents {
                    let count = |n: Option<usize>| n.map_or("no tangents".into(), |n| format!("{n} tangents"));
                    let (made, given) = (count(made), count(n_tangents));
                    return refuse(format!("it made {made}, for {given} that came in; each needs one of its own"));
                }
                Ok(output)
            }
        }
    }

    /// Each position by itself.
    fn map(self, weights: &Affine, shape: Shape, input: Dual<E>) -> Result<Dual<E>> {
        let rows = input.linear(|x| {
            let n = x.shape().0;
            Ok(x.try_reshape_like(&(n * shape.positions, shape.channels))?)
        })?;
        self.affine(rows, weights, shape.positions)
    }

    /// Each window.
    fn windows(self, weights: &Affine, windows: &Arc<Windows>, input: Dual<E>) -> Result<Dual<E>> {
        self.affine(input.linear(|x| ops::patches(x, windows))?, weights, windows.n_outputs())
    }

    /// `y = x W + b` on rows; tangents `t W`. The rows of the positions of a simulation are then put side by side.
    fn affine(self, rows: Dual<E>, weights: &Affine, positions: usize) -> Result<Dual<E>> {
        let (weight, bias) = (self.array(&weights.weight), self.array(&weights.bias));
        let n_out = bias.shape().0;
        let n_in = weight.shape().0 / n_out;
        let weight = weight.clone().try_reshape_like(&(n_in, n_out))?;
        let product = |x: Matrix<E>| -> Result<Matrix<E>> { Ok(x.try_matmul(weight.clone())?) };
        let collect = |y: Matrix<E>| -> Result<Matrix<E>> {
            let n = y.shape().0 / positions;
            Ok(y.try_reshape_like(&(n, positions * n_out))?)
        };
        let (values, tangents) = rows.into_parts();
        let values = collect(ops::add_bias(product(values)?, bias.clone())?)?;
        let tangents = match tangents {
            Some(tangents) => Some(collect(product(tangents)?)?),
            None => None,
        };
        Dual::new(values, tangents)
    }

    /// The array in these places of the parameter vector.
    fn array(self, range: &Range<usize>) -> &'a Vector<E> {
        let at = self.layout.entries().partition_point(|entry| entry.range().end <= range.start);
        &self.arrays[at]
    }
}
