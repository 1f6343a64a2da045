//! Operations of our own on dfdx's tape: each a loop over contiguous memory and the loop that carries gradients back.
//!
//! All of them take contiguous tensors and give contiguous tensors.

use super::dual::{Matrix, Vector};
use super::element::Element;
use crate::activation::Activation;
use crate::error::Result;
use crate::windows::{OUTSIDE, Windows};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{CopySlice, Cpu, Gradients, PutTape, SplitTape, Tape as _, Tensor, TensorFromVec, ZerosTensor};
use std::sync::Arc;

/// The numbers of a contiguous tensor.
pub(crate) fn to_vec<S: Shape, E: Element, T>(tensor: &Tensor<S, E, Cpu, T>) -> Vec<E> {
    let mut data = vec![E::default(); tensor.shape().num_elements()];
    Cpu::copy_into(tensor, &mut data);
    data
}

/// A tensor of the same rank and tape whose backward rule is `backward(gradient of the output, gradient of the input)`.
fn unary<E: Element, S: Shape, R: Shape>(
    input: Tensor<S, E, Cpu, super::tape::Tape<E>>,
    shape: R,
    output: Vec<E>,
    backward: impl FnOnce(&[E], &mut [E]) + 'static,
) -> Result<Tensor<R, E, Cpu, super::tape::Tape<E>>> {
    let (input, mut tape) = input.split_tape();
    let output = cpu(&input).try_tensor_from_vec(output, shape)?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        // Whoever reads the output has been back-propagated before, so its gradient is complete and can be taken.
        let g_output = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        backward(&g_output, gradients.get_or_alloc_mut(&input)?);
        Ok(())
    });
    Ok(output.put_tape(tape))
}

fn cpu<S: Shape, E: Element, T>(tensor: &Tensor<S, E, Cpu, T>) -> Cpu {
    tensor.device().clone()
}

/// `y = f(v)` of each element and `t' = f'(v) t` of each tangent; backward
///
/// ```text
/// g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a,   g_t = f'(v) g_t'
/// ```
///
/// Values `(n, size)`, tangents `(n * n_params, size)`.
pub(crate) fn activate<E: Element>(
    values: Matrix<E>,
    tangents: Option<Matrix<E>>,
    activation: Activation,
) -> Result<(Matrix<E>, Option<Matrix<E>>)> {
    let (n, size) = *values.shape();
    let v = to_vec(&values);
    let (values, mut tape) = values.split_tape();
    let Some(tangents) = tangents else {
        let y = v.iter().map(|&v| activation.value(v)).collect();
        return Ok((
            unary(values.put_tape(tape), (n, size), y, move |g, gv| {
                v.iter().zip(g).zip(gv).for_each(|((&v, &g), gv)| *gv += activation.slope(v) * g);
            })?,
            None,
        ));
    };

    let (mut y, mut slopes, mut curvatures) = (v.clone(), v.clone(), v);
    for ((y, slope), curvature) in y.iter_mut().zip(&mut slopes).zip(&mut curvatures) {
        [*y, *slope, *curvature] = activation.with_derivatives(*y);
    }
    let rows = tangents.shape().0;
    let per_row = rows / n;
    let t = to_vec(&tangents);
    let (tangents, _) = tangents.split_tape();
    let device = cpu(&values);
    let y = device.try_tensor_from_vec(y, (n, size))?;
    let pushed = device.try_tensor_from_vec(scaled(&t, &slopes, size, per_row), (rows, size))?;
    let (y_id, pushed_id) = (y.clone(), pushed.clone());
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g_y = std::mem::take(&mut **gradients.get_or_alloc_mut(&y_id)?);
        let g_pushed = std::mem::take(&mut **gradients.get_or_alloc_mut(&pushed_id)?);
        let g_v = gradients.get_or_alloc_mut(&values)?;
        g_v.iter_mut().zip(&g_y).zip(&slopes).for_each(|((gv, &g), &slope)| *gv += slope * g);
        if !activation.is_piecewise_linear() {
            for (row, (t, g)) in t.chunks_exact(size).zip(g_pushed.chunks_exact(size)).enumerate() {
                let at = row / per_row * size..(row / per_row + 1) * size;
                let (g_v, curvatures) = (&mut g_v[at.clone()], &curvatures[at]);
                g_v.iter_mut().zip(curvatures).zip(t).zip(g).for_each(|(((gv, &c), &t), &g)| *gv += c * t * g);
            }
        }
        let g_t = gradients.get_or_alloc_mut(&tangents)?;
        g_t.iter_mut().zip(scaled(&g_pushed, &slopes, size, per_row)).for_each(|(gt, g)| *gt += g);
        Ok(())
    });
    Ok((y.put_tape(tape.clone()), Some(pushed.put_tape(tape))))
}

/// Each row times the row of `factors` that it belongs to, `per_row` rows to each.
fn scaled<E: Element>(rows: &[E], factors: &[E], size: usize, per_row: usize) -> Vec<E> {
    let mut scaled = rows.to_vec();
    for (rows, factors) in scaled.chunks_exact_mut(per_row * size).zip(factors.chunks_exact(size)) {
        for row in rows.chunks_exact_mut(size) {
            row.iter_mut().zip(factors).for_each(|(value, &factor)| *value *= factor);
        }
    }
    scaled
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
    let mut tape = dfdx::tensor::Merge::merge(tangent_tape, slope_tape);
    let output = cpu(&slopes).try_tensor_from_vec(output, (rows, size))?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        let g_t = gradients.get_or_alloc_mut(&tangents)?;
        g_t.iter_mut().zip(scaled(&g, &s, size, per_row)).for_each(|(gt, g)| *gt += g);
        let g_s = gradients.get_or_alloc_mut(&slopes)?;
        for row in 0..rows {
            let gs = &mut g_s[row / per_row * size..][..size];
            let at = row * size..(row + 1) * size;
            gs.iter_mut().zip(&g[at.clone()]).zip(&t[at]).for_each(|((gs, &g), &t)| *gs += t * g);
        }
        Ok(())
    });
    Ok(output.put_tape(tape))
}

/// `y[i] = x[i] + b` for every row.
pub(crate) fn add_bias<E: Element>(x: Matrix<E>, bias: Vector<E>) -> Result<Matrix<E>> {
    let (rows, size) = *x.shape();
    let b = to_vec(&bias);
    let mut output = to_vec(&x);
    for row in output.chunks_exact_mut(size) {
        row.iter_mut().zip(&b).for_each(|(y, &b)| *y += b);
    }
    let (x, x_tape) = x.split_tape();
    let (bias, bias_tape) = bias.split_tape();
    let mut tape = dfdx::tensor::Merge::merge(x_tape, bias_tape);
    let output = cpu(&x).try_tensor_from_vec(output, (rows, size))?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        let g_x = gradients.get_or_alloc_mut(&x)?;
        g_x.iter_mut().zip(&g).for_each(|(gx, &g)| *gx += g);
        let g_b = gradients.get_or_alloc_mut(&bias)?;
        for row in g.chunks_exact(size) {
            g_b.iter_mut().zip(row).for_each(|(gb, &g)| *gb += g);
        }
        Ok(())
    });
    Ok(output.put_tape(tape))
}

/// The windows of each row side by side: `(n, positions * channels)` to `(n * outputs, taps * channels)`, zero beyond the
/// edge. Linear, so that tangents take it too.
pub(crate) fn patches<E: Element>(x: Matrix<E>, windows: &Arc<Windows>) -> Result<Matrix<E>> {
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

/// The mean of each window over the positions inside the data, per channel.
pub(crate) fn window_mean<E: Element>(x: Matrix<E>, windows: &Arc<Windows>) -> Result<Matrix<E>> {
    let (n, size) = *x.shape();
    let channels = size / windows.n_inputs;
    let n_outputs = windows.n_outputs();
    let weights: Vec<E> = (0..n_outputs)
        .map(|o| {
            let inside = windows.window(o).iter().filter(|&&tap| tap != OUTSIDE).count();
            E::of(1.0 / inside.max(1) as f64)
        })
        .collect();
    let data = to_vec(&x);
    let mut output = vec![E::default(); n * n_outputs * channels];
    for (row, out) in data.chunks_exact(size).zip(output.chunks_exact_mut(n_outputs * channels)) {
        for (o, out) in out.chunks_exact_mut(channels).enumerate() {
            for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                let x = &row[tap as usize * channels..][..channels];
                out.iter_mut().zip(x).for_each(|(y, &x)| *y += weights[o] * x);
            }
        }
    }
    let windows = windows.clone();
    unary(x, (n, n_outputs * channels), output, move |g, gx| {
        for (row, g) in gx.chunks_exact_mut(size).zip(g.chunks_exact(n_outputs * channels)) {
            for (o, g) in g.chunks_exact(channels).enumerate() {
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let gx = &mut row[tap as usize * channels..][..channels];
                    gx.iter_mut().zip(g).for_each(|(gx, &g)| *gx += weights[o] * g);
                }
            }
        }
    })
}

/// Which element of its row is the largest of each window, per channel: `(n, outputs * channels)`. The first one wins a
/// tie; a NaN wins over everything, so that it is not lost.
pub(crate) fn largest<E: Element>(x: &Matrix<E>, windows: &Windows) -> Arc<Vec<u32>> {
    let (n, size) = *x.shape();
    let channels = size / windows.n_inputs;
    let data = to_vec(x);
    let mut index = Vec::with_capacity(n * windows.n_outputs() * channels);
    for row in data.chunks_exact(size) {
        for o in 0..windows.n_outputs() {
            for c in 0..channels {
                let mut best: Option<usize> = None;
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let at = tap as usize * channels + c;
                    if best.is_none_or(|best| row[at] > row[best] || (row[at].is_nan() && !row[best].is_nan())) {
                        best = Some(at);
                    }
                }
                // A window always covers at least one position inside the data.
                index.push(best.unwrap_or(0) as u32);
            }
        }
    }
    Arc::new(index)
}

/// `y[i, j] = x[i, index[i / per_row, j]]`: takes the chosen elements of each row. Linear, so that tangents follow the
/// choice that the values made (`per_row` tangents for each row of values).
pub(crate) fn select<E: Element>(x: Matrix<E>, index: Arc<Vec<u32>>, per_row: usize) -> Result<Matrix<E>> {
    let (rows, size) = *x.shape();
    let n_selected = index.len() / (rows / per_row);
    let data = to_vec(&x);
    let mut output = Vec::with_capacity(rows * n_selected);
    for (i, row) in data.chunks_exact(size).enumerate() {
        let chosen = &index[i / per_row * n_selected..][..n_selected];
        output.extend(chosen.iter().map(|&j| row[j as usize]));
    }
    unary(x, (rows, n_selected), output, move |g, gx| {
        for (i, row) in gx.chunks_exact_mut(size).enumerate() {
            let chosen = &index[i / per_row * n_selected..][..n_selected];
            let g = &g[i * n_selected..][..n_selected];
            chosen.iter().zip(g).for_each(|(&j, &g)| row[j as usize] += g);
        }
    })
}

/// The sum of several matrices of one shape.
///
/// dfdx's own sum panics if a matrix is added to itself, as two branches without layers would do: both give their input as
/// it is. Here each part gets its share of the gradient in turn, hence a matrix that comes twice gets it twice.
pub(crate) fn sum<E: Element>(parts: Vec<Matrix<E>>) -> Result<Matrix<E>> {
    let shape = *parts[0].shape();
    let mut output = to_vec(&parts[0]);
    for part in &parts[1..] {
        output.iter_mut().zip(to_vec(part)).for_each(|(y, x)| *y += x);
    }
    let (inputs, tapes): (Vec<_>, Vec<_>) = parts.into_iter().map(SplitTape::split_tape).unzip();
    let mut tape = tapes.into_iter().reduce(dfdx::tensor::Merge::merge).unwrap_or_default();
    let output = cpu(&inputs[0]).try_tensor_from_vec(output, shape)?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        for input in &inputs {
            gradients.get_or_alloc_mut(input)?.iter_mut().zip(&g).for_each(|(gx, &g)| *gx += g);
        }
        Ok(())
    });
    Ok(output.put_tape(tape))
}

/// Rows of several matrices side by side, `widths[k]` numbers of matrix k at a time: joins channels.
pub(crate) fn concat<E: Element>(parts: Vec<Matrix<E>>, widths: Vec<usize>) -> Result<Matrix<E>> {
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
    let (inputs, tapes): (Vec<_>, Vec<_>) = parts.into_iter().map(SplitTape::split_tape).unzip();
    let mut tape = tapes.into_iter().reduce(dfdx::tensor::Merge::merge).unwrap_or_default();
    let output = cpu(&inputs[0]).try_tensor_from_vec(output, (n, positions * total))?;
    let output_id = output.clone();
    tape.add_backward_op(move |gradients: &mut Gradients<E, Cpu>| {
        let g = std::mem::take(&mut **gradients.get_or_alloc_mut(&output_id)?);
        let mut low = 0;
        for (input, &width) in inputs.iter().zip(&widths) {
            let g_input = gradients.get_or_alloc_mut(input)?;
            for (gx, g) in g_input.chunks_exact_mut(width).zip(g.chunks_exact(total)) {
                gx.iter_mut().zip(&g[low..low + width]).for_each(|(gx, &g)| *gx += g);
            }
            low += width;
        }
        Ok(())
    });
    Ok(output.put_tape(tape))
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
    tape: &super::tape::Tape<E>,
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
