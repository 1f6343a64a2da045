//! Every layer on values and tangents, defined with dfdx: the yardstick for all faster engines.

use super::dual::{Dual, Matrix, Vector};
use super::element::Element;
use super::ops;
use super::tape::Tape;
use crate::error::{ModelError, Result};
use crate::layer::Join;
use crate::model::{Model, Node, Op};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, TensorFromVec};
use dfdx::tensor_ops::{Device, ReshapeTo, TryMatMul};

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
        let output = apply_all(model.nodes(), &weights, model, input)?;
        Ok(Pass { weights, output })
    }
}

fn apply_all<E: Element>(nodes: &[Node], weights: &[Vector<E>], model: &Model, input: Dual<E>) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    nodes.iter().try_fold(input, |data, node| apply(node, weights, model, data))
}

/// One layer, on data of shape `(n, size of node.input)`.
fn apply<E: Element>(node: &Node, weights: &[Vector<E>], model: &Model, input: Dual<E>) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let output_size: usize = node.output.iter().product();
    match &node.op {
        Op::Dense { weight, bias } => {
            let n_in = node.input[node.input.len() - 1];
            let rows = input.linear(|x| {
                let (n, size) = *x.shape();
                Ok(x.try_reshape_like(&(n * (size / n_in), n_in))?)
            })?;
            affine(rows, &weights[*weight], &weights[*bias], output_size)
        }
        Op::Conv { weight, bias, windows } => {
            let rows = input.linear(|x| ops::patches(x, windows))?;
            affine(rows, &weights[*weight], &weights[*bias], output_size)
        }
        Op::MaxPool(windows) => {
            let chosen = ops::largest(input.values(), windows);
            let n = input.values().shape().0;
            input.linear(|x| {
                let per_row = x.shape().0 / n;
                ops::select(x, chosen.clone(), per_row)
            })
        }
        Op::AvgPool(windows) => input.linear(|x| ops::window_mean(x, windows)),
        Op::Reshape => Ok(input),
        Op::Activation(activation) => {
            let (values, tangents) = input.into_parts();
            let (values, tangents) = ops::activate(values, tangents, *activation)?;
            Dual::new(values, tangents)
        }
        Op::Parallel { branches, join } => {
            let outputs = branches
                .iter()
                .map(|nodes| apply_all(nodes, weights, model, input.clone()))
                .collect::<Result<Vec<_>>>()?;
            let width = |nodes: &Vec<Node>| nodes.last().map_or(&node.input, |node| &node.output).last().copied();
            let widths: Vec<usize> = branches.iter().filter_map(width).collect();
            let (values, tangents): (Vec<_>, Vec<_>) = outputs.into_iter().map(Dual::into_parts).unzip();
            let tangents: Option<Vec<_>> = tangents.into_iter().collect();
            let joined = |parts: Vec<Matrix<E>>| match join {
                Join::Concat => ops::concat(parts, widths.clone()),
                Join::Sum => ops::sum(parts),
            };
            Dual::new(joined(values)?, tangents.map(joined).transpose()?)
        }
        Op::Custom { layer, parameters } => {
            let n = input.values().shape().0;
            let n_tangents = input.tangents().map(|tangents| tangents.shape().0);
            let output = E::forward_custom(layer.as_ref(), &weights[parameters.clone()], input)?.contiguous();
            let refuse = |message| Err(ModelError::Custom { layer: node.label.clone(), message });
            let shape = *output.values().shape();
            if shape != (n, output_size) {
                let promised = (n, output_size);
                return refuse(format!("it made values of shape {shape:?}, its output_shape promised {promised:?}"));
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

/// `y = x W + b` on rows; tangents `t W`. Rows are then collected to `output_size` numbers per simulation.
fn affine<E: Element>(rows: Dual<E>, weight: &Vector<E>, bias: &Vector<E>, output_size: usize) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let n_out = bias.shape().0;
    let n_in = weight.shape().0 / n_out;
    let weight = weight.clone().try_reshape_like(&(n_in, n_out))?;
    let product = |x: Matrix<E>| -> Result<Matrix<E>> { Ok(x.try_matmul(weight.clone())?) };
    let collect = |y: Matrix<E>| -> Result<Matrix<E>> {
        let n = y.shape().0 * n_out / output_size;
        Ok(y.try_reshape_like(&(n, output_size))?)
    };
    let (values, tangents) = rows.into_parts();
    let values = collect(ops::add_bias(product(values)?, bias.clone())?)?;
    let tangents = match tangents {
        Some(tangents) => Some(collect(product(tangents)?)?),
        None => None,
    };
    Dual::new(values, tangents)
}
