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
//! where M stands for as many columns as there are channels, each times its own cotangent. As `sum_o f'(v) t_a` is
//! `sum_k W (P_a^T f'(v))`, tangents are not summed over positions at all. The bias is the last row of W: to it belongs a 1
//! at the end of each patch of values, and a 0 of tangents.

use super::linear::bias_gradient;
use super::pass::{Backward, Forward, disjoint};
use super::smooth::derive;
use crate::plan::{Pooled, Step};
use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_compute::{Number, vectorised};
use std::ops::Range;

/// Writes the means of all rows, and the sums M.
pub(super) fn forward<E: Number>(pooled: &Pooled, step: &Step, pass: &mut Forward<'_, E>) {
    let (plan, rows, n_positions) = (pass.plan, pass.rows, pooled.columns.n_outputs());
    let (weight, g) = (pooled.weight.of(pass.weights, &plan.derived), step.output.shape.channels);
    let range = |buffer| plan.saved_range(buffer, rows.total());
    let (x, sums, y) = (range(step.input.buffer), range(pooled.sums), range(step.output.buffer));
    let (x, made) = disjoint(&mut pass.saved.numbers, x, sums.start..y.end);
    let (sums, y) = disjoint(made, 0..sums.len(), y.start - sums.start..y.end - sums.start);
    let mut tile = Tile::new(pooled, weight, g, pass.patches);
    sums.fill(E::zero());
    y.fill(E::zero());
    for i in 0..rows.n {
        for start in (0..n_positions).step_by(pooled.tile) {
            let positions = start..n_positions.min(start + pooled.tile);
            let means = |row: usize| (row * g..(row + 1) * g, row * weight.len()..(row + 1) * weight.len());
            let (of_y, of_sums) = means(i);
            tile.values(x, i, positions.clone(), &mut y[of_y], &mut sums[of_sums]);
            for row in (0..rows.tangents).map(|a| rows.n + i * rows.tangents + a) {
                let (of_y, of_sums) = means(row);
                tile.tangent(x, row, positions.clone(), &mut y[of_y], &mut sums[of_sums]);
            }
        }
    }
    let share = E::of(1.0 / n_positions as f64);
    y.iter_mut().for_each(|y| *y *= share);
}

/// Adds the gradient of weight and bias.
pub(super) fn backward<E: Number>(pooled: &Pooled, step: &Step, pass: &mut Backward<'_, E>) {
    let (sums, g) = (pass.saved(pooled.sums), step.output.shape.channels);
    let gy = &pass.arena[pass.gradient_range(step.output.buffer)];
    let share = E::of(1.0 / pooled.columns.n_outputs() as f64);
    add_sums(gy, share, sums, g, &mut pass.gradient[pooled.weight.gradient(pass.plan.n_weights)]);
}

/// The memory of a tile of positions, with what is the same for all.
struct Tile<'a, E> {
    pooled: &'a Pooled,
    /// W and the bias, `(k + 1, g)`.
    weight: &'a [E],
    g: usize,
    /// P and P_a, transposed: `(k + 1, positions)`.
    columns: [&'a mut [E]; 2],
    /// `f'(v)`, `f''(v)`, and `f(v)` or `f''(v) t_a`, `(positions, g)`.
    slopes: &'a mut [E],
    curvatures: &'a mut [E],
    numbers: &'a mut [E],
    /// `P_a^T f'(v)`, `(k + 1, g)`.
    sum: &'a mut [E],
}

/// Numbers that a tile of so many positions needs, with patches of `k` numbers, 1 or 0 included, and `g` channels.
pub(crate) fn tile_len(positions: usize, k: usize, g: usize) -> usize {
    positions * (2 * k + 3 * g) + k * g
}

impl<'a, E: Number> Tile<'a, E> {
    fn new(pooled: &'a Pooled, weight: &'a [E], g: usize, memory: &'a mut [E]) -> Self {
        let (m, k) = (pooled.tile, weight.len() / g);
        let mut rest = memory;
        let mut take = |len: usize| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(len);
            rest = after;
            part
        };
        let (slopes, curvatures, numbers) = (take(m * g), take(m * g), take(m * g));
        Tile { pooled, weight, g, slopes, curvatures, numbers, columns: [take(k * m), take(k * m)], sum: take(k * g) }
    }

    /// Adds to the mean of a simulation and to its M, and keeps slopes and curvatures.
    fn values(&mut self, x: &[E], row: usize, positions: Range<usize>, y: &mut [E], sums: &mut [E]) {
        let (m, g, k) = (positions.len(), self.g, self.weight.len() / self.g);
        let (columns, slopes) = (&mut self.columns[0][..k * m], &mut self.slopes[..m * g]);
        let (curvatures, values) = (&mut self.curvatures[..m * g], &mut self.numbers[..m * g]);
        self.pooled.columns.fill(x, row, positions, columns);
        columns[(k - 1) * m..].fill(E::one());
        let columns = Matrix::new(columns, k, m, m);
        product(MatrixMut::new(slopes, m, g, g), false, columns.t(), Matrix::new(self.weight, k, g, g));
        derive(self.pooled.activation, &[E::zero()], slopes, values, curvatures);
        bias_gradient(values, g, (1, m, g), None, y);
        product(MatrixMut::new(sums, k, g, g), true, columns, Matrix::new(slopes, m, g, g));
    }

    /// The same for a tangent of the simulation whose values came last.
    fn tangent(&mut self, x: &[E], row: usize, positions: Range<usize>, y: &mut [E], sums: &mut [E]) {
        let (m, g, k) = (positions.len(), self.g, self.weight.len() / self.g);
        let [of_values, columns] = &mut self.columns;
        let (columns, bends) = (&mut columns[..k * m], &mut self.numbers[..m * g]);
        self.pooled.columns.fill(x, row, positions, columns);
        columns[(k - 1) * m..].fill(E::zero());
        let (of_values, columns) = (Matrix::new(of_values, k, m, m), Matrix::new(columns, k, m, m));
        product(MatrixMut::new(bends, m, g, g), false, columns.t(), Matrix::new(self.weight, k, g, g));
        multiply(bends, &self.curvatures[..m * g]);
        product(MatrixMut::new(sums, k, g, g), true, of_values, Matrix::new(bends, m, g, g));
        product(MatrixMut::new(self.sum, k, g, g), false, columns, Matrix::new(self.slopes, m, g, g));
        add_sum(self.sum, self.weight, y, sums);
    }
}

vectorised! {
    /// `a *= b`.
    fn multiply<'a, E>(a: &'a mut [E], b: &'a [E]) {
        a.iter_mut().zip(b).for_each(|(a, &b)| *a *= b);
    }

    /// Adds the sum `(k, g)` to those of a row, and to the tangent of the means what it is with the weight.
    fn add_sum<'a, E>(sum: &'a [E], weight: &'a [E], y: &'a mut [E], sums: &'a mut [E]) {
        let g = y.len();
        for ((s, w), sums) in sum.chunks_exact(g).zip(weight.chunks_exact(g)).zip(sums.chunks_exact_mut(g)) {
            for (((y, &s), &w), sum) in y.iter_mut().zip(s).zip(w).zip(sums) {
                *y += s * w;
                *sum += s;
            }
        }
    }

    /// Adds to `gradient` `(k, g)` the sums of all rows times their share of the cotangents `gy` `(rows, g)`.
    fn add_sums<'a, E>(gy: &'a [E], share: E, sums: &'a [E], g: usize, gradient: &'a mut [E]) {
        for (gy, sums) in gy.chunks_exact(g).zip(sums.chunks_exact(gradient.len())) {
            for (gradient, sums) in gradient.chunks_exact_mut(g).zip(sums.chunks_exact(g)) {
                for ((gradient, &sum), &gy) in gradient.iter_mut().zip(sums).zip(gy) {
                    *gradient += share * gy * sum;
                }
            }
        }
    }
}
