//! A linear layer that reads the data, a smooth activation and the mean over all N positions, in one step.
//!
//! The gradient of the mean is the same at every position, and that of the data is not needed. So all that the way back needs
//! of the positions are sums, and the forward pass makes them, a tile of positions at a time: nothing of their size is kept.
//! With the patches P of a simulation, P_a of its tangents, and `v = P W + b`:
//!
//! ```text
//! forward   y = 1/N sum_o f(v)          M   = P^T f'(v)
//! tangent   t_a = P_a W
//!           y_a = 1/N sum_o f'(v) t_a   M_a = P_a^T f'(v) + P^T (f''(v) t_a)
//! backward  g_W = 1/N (M g_y + sum_a M_a g_y_a)
//! ```
//!
//! where M stands for as many columns as there are channels, each times its own cotangent. Of the bias, whose patch is 1 and
//! whose tangent 0, M is the sum of `f'(v)`, and M_a that of `f''(v) t_a`. As `sum_o f'(v) t_a` is `sum_k W (P_a^T f'(v))`,
//! tangents are not summed over positions at all.

use super::linear::bias_gradient;
use super::pass::{Backward, Forward, disjoint};
use super::smooth::derive;
use crate::plan::{Pooled, Step};
use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_compute::{Number, vectorised};
use std::ops::Range;

/// Writes the means of all rows, and the sums M, that of the bias behind that of the weight.
pub(super) fn forward<E: Number>(pooled: &Pooled, step: &Step, pass: &mut Forward<'_, E>) {
    let (plan, rows, n_positions) = (pass.plan, pass.rows, pooled.gather.windows().n_outputs());
    let weight = pooled.weight.of(pass.weights, &plan.derived);
    let bias = pooled.bias.of(pass.weights, &plan.derived);
    let (g, size) = (bias.len(), weight.len() + bias.len());
    let range = |buffer| plan.saved_range(buffer, rows.total());
    let (x, sums, y) = (range(step.input.buffer), range(pooled.sums), range(step.output.buffer));
    let (x, made) = disjoint(&mut pass.saved.numbers, x, sums.start..y.end);
    let (sums, y) = disjoint(made, 0..sums.len(), y.start - sums.start..y.end - sums.start);
    let mut tile = Tile::new(pooled, weight, bias, pass.patches);
    sums.fill(E::zero());
    y.fill(E::zero());
    for i in 0..rows.n {
        for start in (0..n_positions).step_by(pooled.tile) {
            let positions = start..n_positions.min(start + pooled.tile);
            tile.values(x, i, positions.clone(), &mut y[i * g..][..g], &mut sums[i * size..][..size]);
            for row in (0..rows.tangents).map(|a| rows.n + i * rows.tangents + a) {
                tile.tangent(x, row, positions.clone(), &mut y[row * g..][..g], &mut sums[row * size..][..size]);
            }
        }
    }
    let share = E::of(1.0 / n_positions as f64);
    y.iter_mut().for_each(|y| *y *= share);
}

/// Adds the gradient of weight and bias.
pub(super) fn backward<E: Number>(pooled: &Pooled, step: &Step, pass: &mut Backward<'_, E>) {
    let (plan, sums) = (pass.plan, pass.saved(pooled.sums));
    let gy = &pass.arena[pass.gradient_range(step.output.buffer)];
    let [weight, bias] = [&pooled.weight, &pooled.bias].map(|slot| slot.gradient(plan.n_weights));
    let (size, share) = (weight.len() + bias.len(), E::of(1.0 / pooled.gather.windows().n_outputs() as f64));
    add_sums(gy, share, sums, size, bias.len(), &mut pass.gradient[weight.clone()]);
    add_sums(gy, share, &sums[weight.len()..], size, bias.len(), &mut pass.gradient[bias.clone()]);
}

/// The memory of a tile of positions, with what is the same for all.
struct Tile<'a, E> {
    pooled: &'a Pooled,
    /// W, `(k, g)`.
    weight: &'a [E],
    bias: &'a [E],
    /// P and P_a, `(positions, k)`.
    patches: [&'a mut [E]; 2],
    /// `f'(v)`, `f''(v)`, and `f(v)` or `f''(v) t_a`, `(positions, g)`.
    slopes: &'a mut [E],
    curvatures: &'a mut [E],
    numbers: &'a mut [E],
    /// `P_a^T f'(v)`, `(k, g)`.
    sum: &'a mut [E],
}

/// Numbers that a tile of so many positions needs, with patches of `k` numbers and `g` channels.
pub(crate) fn tile_len(positions: usize, k: usize, g: usize) -> usize {
    positions * (2 * k + 3 * g) + k * g
}

impl<'a, E: Number> Tile<'a, E> {
    fn new(pooled: &'a Pooled, weight: &'a [E], bias: &'a [E], memory: &'a mut [E]) -> Self {
        let (g, m) = (bias.len(), pooled.tile);
        let k = weight.len() / g;
        let mut rest = memory;
        let mut take = |len: usize| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            part
        };
        let (slopes, curvatures, numbers) = (take(m * g), take(m * g), take(m * g));
        Tile { pooled, weight, bias, slopes, curvatures, numbers, patches: [take(m * k), take(m * k)], sum: take(k * g) }
    }

    /// Adds to the mean of a simulation and to its M, and keeps slopes and curvatures.
    fn values(&mut self, x: &[E], row: usize, positions: Range<usize>, y: &mut [E], sums: &mut [E]) {
        let (m, g) = (positions.len(), self.bias.len());
        let k = self.weight.len() / g;
        let (patches, slopes) = (&mut self.patches[0][..m * k], &mut self.slopes[..m * g]);
        let (curvatures, values) = (&mut self.curvatures[..m * g], &mut self.numbers[..m * g]);
        self.pooled.gather.gather(x, self.pooled.patches(row, positions), patches);
        let patches = Matrix::new(patches, m, k, k);
        product(MatrixMut::new(slopes, m, g, g), false, patches, Matrix::new(self.weight, k, g, g));
        derive(self.pooled.activation, self.bias, slopes, values, curvatures);
        add_rows(values, y);
        let (of_weight, of_bias) = sums.split_at_mut(k * g);
        product(MatrixMut::new(of_weight, k, g, g), true, patches.t(), Matrix::new(slopes, m, g, g));
        add_rows(slopes, of_bias);
    }

    /// The same for a tangent of the simulation whose values came last.
    fn tangent(&mut self, x: &[E], row: usize, positions: Range<usize>, y: &mut [E], sums: &mut [E]) {
        let (m, g) = (positions.len(), self.bias.len());
        let k = self.weight.len() / g;
        let [of_values, patches] = &mut self.patches;
        let (patches, bends) = (&mut patches[..m * k], &mut self.numbers[..m * g]);
        self.pooled.gather.gather(x, self.pooled.patches(row, positions), patches);
        let (of_values, patches) = (Matrix::new(of_values, m, k, k), Matrix::new(patches, m, k, k));
        product(MatrixMut::new(bends, m, g, g), false, patches, Matrix::new(self.weight, k, g, g));
        multiply(bends, &self.curvatures[..m * g]);
        let (of_weight, of_bias) = sums.split_at_mut(k * g);
        product(MatrixMut::new(of_weight, k, g, g), true, of_values.t(), Matrix::new(bends, m, g, g));
        add_rows(bends, of_bias);
        let slopes = Matrix::new(&self.slopes[..m * g], m, g, g);
        product(MatrixMut::new(self.sum, k, g, g), false, patches.t(), slopes);
        add_sum(self.sum, self.weight, y, of_weight);
    }
}

vectorised! {
    /// `a *= b`.
    fn multiply<'a, E>(a: &'a mut [E], b: &'a [E]) {
        a.iter_mut().zip(b).for_each(|(a, &b)| *a *= b);
    }

    /// Adds the sum `(k, g)` to that of the weight, and to the tangent of the means `y` what it is with the weight.
    fn add_sum<'a, E>(sum: &'a [E], weight: &'a [E], y: &'a mut [E], of_weight: &'a mut [E]) {
        let g = y.len();
        for ((s, w), total) in sum.chunks_exact(g).zip(weight.chunks_exact(g)).zip(of_weight.chunks_exact_mut(g)) {
            for (((y, &s), &w), total) in y.iter_mut().zip(s).zip(w).zip(total) {
                *y += s * w;
                *total += s;
            }
        }
    }

    /// Adds to `gradient` the sums of all rows, `size` numbers from one to the next, times their share of the cotangents `gy`.
    fn add_sums<'a, E>(gy: &'a [E], share: E, sums: &'a [E], size: usize, g: usize, gradient: &'a mut [E]) {
        for (gy, sums) in gy.chunks_exact(g).zip(sums.chunks(size)) {
            for (gradient, sums) in gradient.chunks_exact_mut(g).zip(sums.chunks_exact(g)) {
                for ((gradient, &sum), &gy) in gradient.iter_mut().zip(sums).zip(gy) {
                    *gradient += share * gy * sum;
                }
            }
        }
    }
}

/// `sum +=` all rows.
fn add_rows<E: Number>(rows: &[E], sum: &mut [E]) {
    let g = sum.len();
    bias_gradient(rows, g, (1, rows.len() / g, g), None, sum);
}
