//! Dense layers and convolutions.
//!
//! ```text
//! forward   y[o] = P(x)[o] W + b                 P: windows side by side, or the identity
//! tangent   t'[o] = P(t)[o] W
//! backward  g_W = sum P(left)^T g_y              left: the rows x and t, or their combinations for each summary
//!           g_b = sum over values of g_y
//!           g_x = P^T (g_y W^T)
//! ```
//!
//! Values and tangents are rows of one matrix, so each line is one matrix product; with windows, one for each block of
//! patches.

use super::combine::combine;
use super::gather::Gather;
use super::pass::{Backward, Forward, Gradients, Operands, Weight};
use crate::plan::{CotangentRows, LinearStep, Step, block_rows};
use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_compute::{Number, narrow, vectorised};
use std::ops::Range;

/// Writes the output of all rows.
pub(super) fn forward<E: Number>(linear: &LinearStep, step: &Step, pass: &mut Forward<'_, E>) {
    let (to, positions) = (step.output, step.output.shape.positions);
    let (plan, weights, rows) = (pass.plan, pass.weights, pass.rows);
    let Operands { x, y, patches, .. } = pass.operands(step);
    let weight = plan.weight(linear, weights, to);
    multiply_patches(linear, weight, x, y, (rows.total() * positions, to.ld), patches);
    if !linear.bias_later {
        let bias = linear.bias.of(weights, &plan.derived);
        add_bias(y, to.ld, rows.n * positions, bias, to.shape.channels);
    }
}

/// Adds the gradient of weight and bias, and writes that of the input if it is needed.
pub(super) fn backward<E: Number>(linear: &LinearStep, step: &Step, pass: &mut Backward<'_, E>) {
    let (from, to, positions) = (step.input, step.output, step.output.shape.positions);
    let (plan, rows) = (pass.plan, pass.order.total(pass.rows));
    let weight = plan.weight(linear, pass.weights, to);
    let shape = (rows * positions, to.ld);
    let x = pass.saved(from.buffer);
    let combined = pass.combined_range(from.buffer);
    let per_summary = matches!(pass.order, CotangentRows::PerSummary(_));
    if per_summary && step.combine {
        combine(pass.rows, pass.cotangents, x, &mut pass.arena[combined.clone()]);
    }
    let gy = &pass.arena[pass.gradient_range(to.buffer)][to.channel..];
    let left = if per_summary { &pass.arena[combined] } else { x };
    let slot = if linear.narrow { linear.transposed.as_ref() } else { None };
    let slot = slot.unwrap_or(&linear.weight).gradient(plan.n_weights);
    weight_gradient(linear, weight, left, gy, shape, pass.patches, &mut pass.gradient[slot]);
    let slot = linear.bias.gradient(plan.n_weights);
    let (n_rows, row_weights) = if per_summary { (rows, Some(pass.cotangents.values)) } else { (pass.rows.n, None) };
    bias_gradient(gy, to.ld, (n_rows, positions, to.shape.channels), row_weights, &mut pass.gradient[slot]);
    if plan.buffers[from.buffer].needed {
        let Gradients { gy, gx, patches } = pass.gradients(step);
        input_gradient(linear, weight, gy, gx, step.accumulate, shape, patches);
    }
}

/// `y = P(x) W` for `m` positions of all rows together, `ld` numbers from one to the next.
fn multiply_patches<E: Number>(
    step: &LinearStep,
    weight: Weight<'_, E>,
    x: &[E],
    y: &mut [E],
    (m, ld): (usize, usize),
    patches: &mut [E],
) {
    let Some(gather) = &step.gather else {
        return multiply(&x[..m * weight.k], weight, y, ld);
    };
    for block in blocks(gather, m) {
        let patches = &mut patches[..block.len() * weight.k];
        gather.gather(x, block.clone(), patches);
        multiply(patches, weight, &mut y[block.start * ld..], ld);
    }
}

/// Adds `P(left)^T g_y` to `gradient`, which is laid out as the weight, or transposed if products are narrow.
fn weight_gradient<E: Number>(
    step: &LinearStep,
    weight: Weight<'_, E>,
    left: &[E],
    gy: &[E],
    (m, ld): (usize, usize),
    patches: &mut [E],
    gradient: &mut [E],
) {
    let (k, g) = (weight.k, weight.g);
    let mut add = |left: &[E], gy: &[E], m: usize| {
        let (left, gy) = (Matrix::new(left, m, k, k), Matrix::new(gy, m, g, ld));
        if weight.narrow {
            product(MatrixMut::new(gradient, g, k, k), true, gy.t(), left);
        } else {
            product(MatrixMut::new(gradient, k, g, g), true, left.t(), gy);
        }
    };
    let Some(gather) = &step.gather else { return add(left, gy, m) };
    for block in blocks(gather, m) {
        let patches = &mut patches[..block.len() * k];
        gather.gather(left, block.clone(), patches);
        add(patches, &gy[block.start * ld..], block.len());
    }
}

/// `g_x = P^T (g_y W^T)`, or adds it.
fn input_gradient<E: Number>(
    step: &LinearStep,
    weight: Weight<'_, E>,
    gy: &[E],
    gx: &mut [E],
    accumulate: bool,
    (m, ld): (usize, usize),
    patches: &mut [E],
) {
    let Some(gather) = &step.gather else {
        return multiply_back(gy, ld, weight, &mut gx[..m * weight.k], accumulate);
    };
    if !accumulate {
        gx.fill(E::zero());
    }
    for block in blocks(gather, m) {
        let patches = &mut patches[..block.len() * weight.k];
        multiply_back(&gy[block.start * ld..], ld, weight, patches, false);
        gather.scatter(patches, block, gx);
    }
}

vectorised! {
    /// Adds the bias, `(g)` or `(positions, g)`, to `m` positions.
    fn add_bias<'a, E>(y: &'a mut [E], ld: usize, m: usize, bias: &'a [E], g: usize) {
        for (y, bias) in y.chunks_mut(ld).take(m).zip(bias.chunks_exact(g).cycle()) {
            y[..g].iter_mut().zip(bias).for_each(|(y, &b)| *y += b);
        }
    }
}

vectorised! {
    /// Adds to `gradient`, `(g)` or `(positions, g)`, the cotangents of rows of `positions`, each times its weight (1 where
    /// there are none).
    pub(super) fn bias_gradient<'a, E>(
        gy: &'a [E],
        ld: usize,
        shape: (usize, usize, usize),
        weights: Option<&'a [E]>,
        gradient: &'a mut [E],
    ) {
        let (rows, positions, g) = shape;
        let n_bias = gradient.len() / g;
        let weight = |at: usize| weights.map_or(E::one(), |weights| weights[at / positions]);
        let row = |at: usize| &gy[at * ld..][..g];
        if n_bias > 1 {
            for at in 0..rows * positions {
                let (w, sum) = (weight(at), &mut gradient[at % n_bias * g..][..g]);
                sum.iter_mut().zip(row(at)).for_each(|(sum, &gy)| *sum += w * gy);
            }
            return;
        }
        // Four at a time: the sum is read and written less often.
        let mut at = 0;
        while at + 4 <= rows * positions {
            let w = [weight(at), weight(at + 1), weight(at + 2), weight(at + 3)];
            let (a, b, c, d) = (row(at), row(at + 1), row(at + 2), row(at + 3));
            for ((((sum, &a), &b), &c), &d) in gradient.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum += (w[0] * a + w[1] * b) + (w[2] * c + w[3] * d);
            }
            at += 4;
        }
        for at in at..rows * positions {
            let w = weight(at);
            gradient.iter_mut().zip(row(at)).for_each(|(sum, &gy)| *sum += w * gy);
        }
    }
}

fn multiply<E: Number>(x: &[E], weight: Weight<'_, E>, y: &mut [E], ld: usize) {
    let (k, g) = (weight.k, weight.g);
    if weight.narrow {
        return narrow::forward(y, ld, x, weight.transposed, k);
    }
    let m = x.len() / k;
    product(MatrixMut::new(y, m, g, ld), false, Matrix::new(x, m, k, k), Matrix::new(weight.plain, k, g, g));
}

fn multiply_back<E: Number>(gy: &[E], ld: usize, weight: Weight<'_, E>, gx: &mut [E], accumulate: bool) {
    let (k, g) = (weight.k, weight.g);
    if weight.narrow {
        return narrow::backward(gx, accumulate, gy, ld, weight.transposed, k);
    }
    let m = gx.len() / k;
    let (gy, w) = (Matrix::new(gy, m, g, ld), Matrix::new(weight.transposed, g, k, k));
    product(MatrixMut::new(gx, m, k, k), accumulate, gy, w);
}

fn blocks(gather: &Gather, m: usize) -> impl Iterator<Item = Range<usize>> {
    let rows = block_rows(gather.width());
    (0..m).step_by(rows).map(move |start| start..(start + rows).min(m))
}
