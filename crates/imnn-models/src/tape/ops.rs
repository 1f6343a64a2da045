//! How operations of our own are recorded: each is a loop over contiguous memory and the loop that carries gradients back.
//!
//! All of them take contiguous tensors and give contiguous tensors.

use super::record::{Matrix, Tape, Vector};
use crate::element::Element;
use crate::error::Result;
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{
    CopySlice, Cpu, CpuError, Gradients, Merge, PutTape, SplitTape, Tape as _, Tensor, TensorFromVec, ZerosTensor,
};

/// The numbers of a contiguous tensor.
pub(crate) fn to_vec<S: Shape, E: Element, T>(tensor: &Tensor<S, E, Cpu, T>) -> Vec<E> {
    let mut data = vec![E::default(); tensor.shape().num_elements()];
    Cpu::copy_into(tensor, &mut data);
    data
}

/// A tensor of the same rank and tape whose backward rule is `backward(gradient of the output, gradient of the input)`.
pub(crate) fn unary<E: Element, S: Shape, R: Shape>(
    input: Tensor<S, E, Cpu, Tape<E>>,
    shape: R,
    output: Vec<E>,
    backward: impl FnOnce(&[E], &mut [E]) + 'static,
) -> Result<Tensor<R, E, Cpu, Tape<E>>> {
    let (input, tape) = input.split_tape();
    recorded(tape, &cpu(&input), shape, output, move |g, gradients| {
        backward(&g, gradients.get_or_alloc_mut(&input)?);
        Ok(())
    })
}

/// A tensor of these numbers on a tape, whose backward rule is `backward(gradient of the output, all gradients)`.
pub(crate) fn recorded<E: Element, S: Shape>(
    mut tape: Tape<E>,
    device: &Cpu,
    shape: S,
    output: Vec<E>,
    backward: impl FnOnce(Vec<E>, &mut Gradients<E, Cpu>) -> Result<(), CpuError> + 'static,
) -> Result<Tensor<S, E, Cpu, Tape<E>>> {
    let output = device.try_tensor_from_vec(output, shape)?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        // Whoever reads the output has been back-propagated before, so its gradient is complete and can be taken.
        let g = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        backward(g, gradients)
    });
    Ok(output.put_tape(tape))
}

pub(crate) fn cpu<S: Shape, E: Element, T>(tensor: &Tensor<S, E, Cpu, T>) -> Cpu {
    tensor.device().clone()
}

/// Adds the gradient of `copy`, which holds the numbers of `weight` in another shape, to that of `weight`.
///
/// Recorded before anything is done with the copy, the operation runs after all that: the copy's gradient is complete.
pub(crate) fn send_gradient<S: Shape, E: Element>(copy: Tensor<S, E, Cpu>, weight: Vector<E>) {
    let (weight, mut tape) = weight.split_tape();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let from = std::mem::take(&mut **gradients.get_or_alloc_mut(&copy)?);
        let to = gradients.get_or_alloc_mut(&weight)?;
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        Ok(())
    });
}

/// Runs the tape backwards from `outputs`, whose gradients are given.
pub(crate) fn back_propagate<E: Element>(
    tape: &Tape<E>,
    outputs: Vec<(Matrix<E>, Vec<E>)>,
) -> Result<Gradients<E, Cpu>> {
    use dfdx::tensor_ops::Backward;
    let device = Cpu::default();
    let mut tape = tape.take().unwrap_or_default();
    // dfdx runs operations from the newest to the oldest: this one, added last, puts the cotangents in place.
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        for (output, cotangent) in &outputs {
            let g = gradients.get_or_alloc_mut(output)?;
            g.iter_mut().zip(cotangent).for_each(|(g, &c)| *g += c);
        }
        Ok(())
    });
    let start: Tensor<(), E, Cpu> = device.try_zeros_like(&())?;
    Ok(start.put_tape(tape).try_backward()?)
}

/// Adds the gradient of `weight` to `sum`.
pub(crate) fn add_gradient<E: Element>(
    gradients: &mut Gradients<E, Cpu>,
    weight: &Vector<E>,
    sum: &mut [E],
) -> Result<()> {
    let g = gradients.get_or_alloc_mut(weight)?;
    sum.iter_mut().zip(g.iter()).for_each(|(sum, &g)| *sum += g);
    Ok(())
}

/// `t'[i, a] = s[i] t[i, a]`, element by element: the chain rule of an activation.
///
/// Tangents `(n * n_params, size)`, slopes `(n, size)`.
pub(crate) fn scale_tangents<E: Element>(tangents: Matrix<E>, slopes: Matrix<E>) -> Result<Matrix<E>> {
    let (rows, size) = *tangents.shape();
    let n = slopes.shape().0;
    let per_row = rows / n;
    let (t, s) = (to_vec(&tangents), to_vec(&slopes));
    let output = scaled(&t, &s, size, per_row);
    let (slopes, slope_tape) = slopes.split_tape();
    let (tangents, tangent_tape) = tangents.split_tape();
    let tape = tangent_tape.merge(slope_tape);
    recorded(tape, &cpu(&slopes), (rows, size), output, move |g, gradients| {
        let g_t = gradients.get_or_alloc_mut(&tangents)?;
        g_t.iter_mut().zip(scaled(&g, &s, size, per_row)).for_each(|(gt, g)| *gt += g);
        let g_s = gradients.get_or_alloc_mut(&slopes)?;
        for row in 0..rows {
            let gs = &mut g_s[row / per_row * size..][..size];
            let at = row * size..(row + 1) * size;
            gs.iter_mut().zip(&g[at.clone()]).zip(&t[at]).for_each(|((gs, &g), &t)| *gs += t * g);
        }
        Ok(())
    })
}

/// Each row times the row of `factors` that it belongs to, `per_row` rows to each.
pub(crate) fn scaled<E: Element>(rows: &[E], factors: &[E], size: usize, per_row: usize) -> Vec<E> {
    let mut scaled = rows.to_vec();
    for (rows, factors) in scaled.chunks_exact_mut(per_row * size).zip(factors.chunks_exact(size)) {
        for row in rows.chunks_exact_mut(size) {
            row.iter_mut().zip(factors).for_each(|(value, &factor)| *value *= factor);
        }
    }
    scaled
}
