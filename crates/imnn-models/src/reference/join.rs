//! The definition of joined branches.

use crate::element::Element;
use crate::error::Result;
use crate::primitive::Join;
use crate::tape::{Dual, Matrix, Tape, cpu, recorded, to_vec};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Merge, SplitTape, Tensor};

/// The outputs of branches, which end in so many positions, as one.
pub(super) fn join<E: Element>(join: Join, positions: usize, outputs: Vec<Dual<E>>) -> Result<Dual<E>> {
    let widths: Vec<usize> = outputs.iter().map(|output| output.values().shape().1 / positions).collect();
    let (values, tangents): (Vec<_>, Vec<_>) = outputs.into_iter().map(Dual::into_parts).unzip();
    let tangents: Option<Vec<_>> = tangents.into_iter().collect();
    let joined = |parts: Vec<Matrix<E>>| match join {
        Join::Concat => concat(parts, widths.clone()),
        Join::Sum => sum(parts),
    };
    Dual::new(joined(values)?, tangents.map(joined).transpose()?)
}

/// The sum of several matrices of one shape.
///
/// dfdx's own sum panics if a matrix is added to itself, as two branches without layers would do: both give their input as
/// it is. Here each part gets its share of the gradient in turn, hence a matrix that comes twice gets it twice.
fn sum<E: Element>(parts: Vec<Matrix<E>>) -> Result<Matrix<E>> {
    let shape = *parts[0].shape();
    let mut output = to_vec(&parts[0]);
    for part in &parts[1..] {
        output.iter_mut().zip(to_vec(part)).for_each(|(y, x)| *y += x);
    }
    let (inputs, tape) = merged(parts);
    recorded(tape, &cpu(&inputs[0]), shape, output, move |g, gradients| {
        for input in &inputs {
            gradients.get_or_alloc_mut(input)?.iter_mut().zip(&g).for_each(|(gx, &g)| *gx += g);
        }
        Ok(())
    })
}

/// Rows of several matrices side by side, `widths[k]` numbers of matrix k at a time: joins channels.
fn concat<E: Element>(parts: Vec<Matrix<E>>, widths: Vec<usize>) -> Result<Matrix<E>> {
    let n = parts[0].shape().0;
    let total: usize = widths.iter().sum();
    let positions = parts[0].shape().1 / widths[0];
    let mut output = vec![E::default(); n * positions * total];
    let mut low = 0;
    for (part, &width) in parts.iter().zip(&widths) {
        let data = to_vec(part);
        for (out, part) in output.chunks_exact_mut(total).zip(data.chunks_exact(width)) {
            out[low..low + width].copy_from_slice(part);
        }
        low += width;
    }
    let (inputs, tape) = merged(parts);
    recorded(tape, &cpu(&inputs[0]), (n, positions * total), output, move |g, gradients| {
        let mut low = 0;
        for (input, &width) in inputs.iter().zip(&widths) {
            let g_input = gradients.get_or_alloc_mut(input)?;
            for (gx, g) in g_input.chunks_exact_mut(width).zip(g.chunks_exact(total)) {
                gx.iter_mut().zip(&g[low..low + width]).for_each(|(gx, &g)| *gx += g);
            }
            low += width;
        }
        Ok(())
    })
}

/// A matrix without its tape.
type Plain<E> = Tensor<(usize, usize), E, Cpu>;

/// Matrices without their tapes, and the tapes as one.
fn merged<E: Element>(parts: Vec<Matrix<E>>) -> (Vec<Plain<E>>, Tape<E>) {
    let (parts, tapes): (Vec<_>, Vec<_>) = parts.into_iter().map(SplitTape::split_tape).unzip();
    (parts, tapes.into_iter().reduce(Merge::merge).unwrap_or_default())
}
