//! Networks on dfdx: the definition of every primitive on values and tangents, with reverse mode over both. It is what all
//! faster engines are tested against. One file for each primitive.

mod custom;
mod join;
mod linear;
mod pointwise;
mod pool;
mod standardise;

use crate::element::{Element, Family};
use crate::error::Result;
use crate::layout::{Entry, Layout};
use crate::model::Model;
use crate::primitive::{Op, Primitive};
use crate::tape::{Dual, Matrix, Tape, Vector, add_gradient, back_propagate, to_vec};
use dfdx::tensor::{Cpu, PutTape, TensorFromVec};
use dfdx::tensor_ops::Device;
use std::ops::Range;

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
///
/// ```text
/// x = f(w, d),   dx/dtheta_a = J_f(d) dd/dtheta_a
/// ```
///
/// # Errors
/// If dfdx or a user's layer refuses an operation.
pub fn forward<E: Element>(model: &Model, parameters: &[E], batch: &Batch<'_, E>) -> Result<Output<E>> {
    struct Forward;
    impl Family for Forward {
        type Of<E: Element> = fn(&Model, &[E], &Batch<'_, E>) -> Result<Output<E>>;
    }
    E::select::<Forward>(forward_typed, forward_typed)(model, parameters, batch)
}

/// Adds to `gradient` the vector-Jacobian product of the network with `cotangents`:
///
/// ```text
/// sum_i <c_i, dx_i/dw> + sum_ia <c_ia, d(dx_i/dtheta_a)/dw>
/// ```
///
/// # Errors
/// If dfdx or a user's layer refuses an operation.
pub fn backward<E: Element>(
    model: &Model,
    parameters: &[E],
    batch: &Batch<'_, E>,
    cotangents: &Output<E>,
    gradient: &mut [E],
) -> Result<()> {
    struct Backward;
    impl Family for Backward {
        type Of<E: Element> = fn(&Model, &[E], &Batch<'_, E>, &Output<E>, &mut [E]) -> Result<()>;
    }
    E::select::<Backward>(backward_typed, backward_typed)(model, parameters, batch, cotangents, gradient)
}

fn forward_typed<E: Element>(model: &Model, parameters: &[E], batch: &Batch<'_, E>) -> Result<Output<E>>
where
    Cpu: Device<E>,
{
    let (_, output) = pass(model, parameters, batch, Tape::off())?;
    Ok(Output { values: to_vec(output.values()), tangents: output.tangents().map(to_vec).unwrap_or_default() })
}

fn backward_typed<E: Element>(
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
    let (weights, output) = pass(model, parameters, batch, tape.clone())?;
    let (values, tangents) = output.into_parts();
    let mut outputs = vec![(values, cotangents.values.clone())];
    outputs.extend(tangents.map(|tangents| (tangents, cotangents.tangents.clone())));
    let mut gradients = back_propagate(&tape, outputs)?;
    for (entry, weight) in model.layout().entries().iter().zip(&weights) {
        add_gradient(&mut gradients, weight, &mut gradient[entry.range()])?;
    }
    Ok(())
}

/// One pass through a network: an array for each entry of the layout, and what comes out.
fn pass<E: Element>(
    model: &Model,
    parameters: &[E],
    batch: &Batch<'_, E>,
    tape: Tape<E>,
) -> Result<(Vec<Vector<E>>, Dual<E>)>
where
    Cpu: Device<E>,
{
    let device = Cpu::default();
    let size = model.input_size();
    let matrix = |data: &[E]| -> Result<Matrix<E>> {
        let tensor = device.try_tensor_from_vec(data.to_vec(), (data.len() / size, size))?;
        Ok(tensor.put_tape(tape.clone()))
    };
    let weight = |entry: &Entry| -> Result<Vector<E>> {
        let tensor = device.try_tensor_from_vec(parameters[entry.range()].to_vec(), (entry.len(),))?;
        Ok(tensor.put_tape(tape.clone()))
    };
    let weights = model.layout().entries().iter().map(weight).collect::<Result<Vec<_>>>()?;
    let tangents = if batch.tangents.is_empty() { None } else { Some(matrix(batch.tangents)?) };
    let input = Dual::new(matrix(batch.values)?, tangents)?;
    let output = Weights { layout: model.layout(), arrays: &weights }.run(model.primitives(), input)?;
    Ok((weights, output))
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
            Op::Linear(linear) => linear::linear(linear, primitive.input, |range| self.array(range), input),
            Op::MaxPool(windows) => pool::max(windows, input),
            Op::MeanPool(windows) => pool::mean(windows, input),
            Op::Standardise(constants) => standardise::standardise(constants, input),
            Op::Pointwise(activation) => pointwise::pointwise(*activation, input),
            Op::Parallel { branches, join } => {
                let outputs = branches.iter().map(|branch| self.run(branch, input.clone()));
                join::join(*join, primitive.output.positions, outputs.collect::<Result<_>>()?)
            }
            Op::Custom { layer, entries } => {
                custom::custom(layer.as_ref(), primitive, &self.arrays[entries.clone()], input)
            }
        }
    }

    /// The array in these places of the parameter vector.
    fn array(self, range: &Range<usize>) -> &'a Vector<E> {
        let at = self.layout.entries().partition_point(|entry| entry.range().end <= range.start);
        &self.arrays[at]
    }
}
