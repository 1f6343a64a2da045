//! The definition of linear primitives.

use crate::element::Element;
use crate::error::Result;
use crate::primitive::{Affine, Linear, Shape};
use crate::tape::{Dual, Matrix, Vector, cpu, recorded, to_vec, unary};
use crate::windows::{OUTSIDE, Windows};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, Merge, SplitTape};
use dfdx::tensor_ops::{Device, ReshapeTo, TryMatMul};
use std::ops::Range;
use std::sync::Arc;

/// A linear primitive on data of this shape; `array` gives the weights in a range of the parameter vector.
pub(super) fn linear<'a, E: Element>(
    linear: &Linear,
    shape: Shape,
    array: impl Fn(&Range<usize>) -> &'a Vector<E>,
    input: Dual<E>,
) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    match linear {
        Linear::Map(weights) => map(weights, shape, &array, input),
        Linear::Windows { windows, weights } => windowed(weights, windows, &array, input),
        Linear::Composed { windows, first, second, .. } => {
            windowed(second, windows, &array, map(first, shape, &array, input)?)
        }
    }
}

/// Each position by itself.
fn map<'a, E: Element>(
    weights: &Affine,
    shape: Shape,
    array: &impl Fn(&Range<usize>) -> &'a Vector<E>,
    input: Dual<E>,
) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let rows = input.linear(|x| {
        let n = x.shape().0;
        Ok(x.try_reshape_like(&(n * shape.positions, shape.channels))?)
    })?;
    affine(rows, array(&weights.weight), array(&weights.bias), shape.positions)
}

/// Each window.
fn windowed<'a, E: Element>(
    weights: &Affine,
    windows: &Arc<Windows>,
    array: &impl Fn(&Range<usize>) -> &'a Vector<E>,
    input: Dual<E>,
) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let rows = input.linear(|x| patches(x, windows))?;
    affine(rows, array(&weights.weight), array(&weights.bias), windows.n_outputs())
}

/// `y = x W + b` on rows; tangents `t W`. The rows of the positions of a simulation are then put side by side.
fn affine<E: Element>(rows: Dual<E>, weight: &Vector<E>, bias: &Vector<E>, positions: usize) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let n_out = bias.shape().0;
    let n_in = weight.shape().0 / n_out;
    let weight = weight.clone().try_reshape_like(&(n_in, n_out))?;
    let product = |x: Matrix<E>| -> Result<Matrix<E>> { Ok(x.try_matmul(weight.clone())?) };
    let collect = |y: Matrix<E>| -> Result<Matrix<E>> {
        let n = y.shape().0 / positions;
        Ok(y.try_reshape_like(&(n, positions * n_out))?)
    };
    let (values, tangents) = rows.into_parts();
    let values = collect(add_bias(product(values)?, bias.clone())?)?;
    let tangents = match tangents {
        Some(tangents) => Some(collect(product(tangents)?)?),
        None => None,
    };
    Dual::new(values, tangents)
}

/// `y[i] = x[i] + b` for every row.
fn add_bias<E: Element>(x: Matrix<E>, bias: Vector<E>) -> Result<Matrix<E>> {
    let (rows, size) = *x.shape();
    let b = to_vec(&bias);
    let mut output = to_vec(&x);
    for row in output.chunks_exact_mut(size) {
        row.iter_mut().zip(&b).for_each(|(y, &b)| *y += b);
    }
    let (x, x_tape) = x.split_tape();
    let (bias, bias_tape) = bias.split_tape();
    recorded(x_tape.merge(bias_tape), &cpu(&x), (rows, size), output, move |g, gradients| {
        let g_x = gradients.get_or_alloc_mut(&x)?;
        g_x.iter_mut().zip(&g).for_each(|(gx, &g)| *gx += g);
        let g_b = gradients.get_or_alloc_mut(&bias)?;
        for row in g.chunks_exact(size) {
            g_b.iter_mut().zip(row).for_each(|(gb, &g)| *gb += g);
        }
        Ok(())
    })
}

/// The windows of each row side by side: `(n, positions * channels)` to `(n * outputs, taps * channels)`, zero beyond the
/// edge. Linear, so that tangents take it too.
fn patches<E: Element>(x: Matrix<E>, windows: &Arc<Windows>) -> Result<Matrix<E>> {
    let (n, size) = *x.shape();
    let channels = size / windows.n_inputs;
    let data = to_vec(&x);
    let width = windows.n_taps * channels;
    let n_outputs = windows.n_outputs();
    let mut output = vec![E::default(); n * n_outputs * width];
    for (row, out) in data.chunks_exact(size).zip(output.chunks_exact_mut(n_outputs * width)) {
        for (&tap, out) in windows.taps.iter().zip(out.chunks_exact_mut(channels)) {
            if tap != OUTSIDE {
                out.copy_from_slice(&row[tap as usize * channels..][..channels]);
            }
        }
    }
    let windows = windows.clone();
    unary(x, (n * n_outputs, width), output, move |g, gx| {
        for (row, g) in gx.chunks_exact_mut(size).zip(g.chunks_exact(n_outputs * width)) {
            for (&tap, g) in windows.taps.iter().zip(g.chunks_exact(channels)) {
                if tap != OUTSIDE {
                    row[tap as usize * channels..][..channels].iter_mut().zip(g).for_each(|(gx, &g)| *gx += g);
                }
            }
        }
    })
}
