//! Smooth activations.
//!
//! A tensor of `n` simulations with `p` tangents each lies in one slice: values `(n, F)`, then tangents `(n, p, F)`. With
//! the bias b added to values only:
//!
//! ```text
//! forward   v = x + b,   y = f(v)
//! tangent   t'_a = f'(v) t_a
//! backward  g_t_a = f'(v) g_t'_a,   g_v = f'(v) g_y + f''(v) sum_a t_a g_t'_a
//! ```
//!
//! Values are taken block by block, and their slopes stay in the first-level cache for the tangents.

use super::bias::{add_bias, n_values};
use super::copy::put;
use super::function::{Form, Pass, run};
use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::{Pointwise, Step};
use imnn_compute::Number;
use imnn_models::Activation;

/// Values worked on at once.
const BLOCK: usize = 256;
/// Numbers in the longest vector register: blocks are worked on in multiples, so that no scalar remainder is left.
const LANES: usize = 16;

/// Writes the output of all rows, and adds the bias to the input.
pub(super) fn forward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Forward<'_, E>) {
    let (rows, bias) = (pass.rows, pass.bias(&pointwise.bias));
    let Operands { x, y, .. } = pass.operands(step);
    smooth(pointwise.activation, rows.n, rows.tangents, bias, x, y);
}

/// Writes or adds the gradient of the input; that of the output is lost.
pub(super) fn backward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Backward<'_, E>) {
    let (rows, x) = (pass.rows, pass.saved(step.input.buffer));
    let Gradients { gy, gx, .. } = pass.gradients(step);
    smooth_back(pointwise.activation, rows.n, rows.tangents, x, gy);
    let size = gy.len();
    put((gx, size), (gy, size), size, step.accumulate);
}

/// `v = x + bias` in place, `y = f(v)`, `t_a' = f'(v) t_a`.
///
/// # Shapes
/// `x`, `y`: values `(n, F)`, then tangents `(n, p, F)`. `bias`: repeated over F, which its length divides; empty for none.
pub(super) fn smooth<E: Number>(f: Activation, n: usize, p: usize, bias: &[E], x: &mut [E], y: &mut [E]) {
    let n_values = n_values(n, p, x.len());
    add_bias(bias, &mut x[..n_values]);
    run(f, SmoothForward { n, p, x, y });
}

/// In place, from cotangents of the output those of the input.
///
/// # Shapes
/// `x`: values `(n, F)` with the bias, then tangents `(n, p, F)`, as [`smooth`] leaves them. `cotangents`: alike.
pub(super) fn smooth_back<E: Number>(f: Activation, n: usize, p: usize, x: &[E], cotangents: &mut [E]) {
    run(f, SmoothBackward { n, p, x, cotangents });
}

/// [`smooth`] after the bias.
struct SmoothForward<'a, E> {
    n: usize,
    p: usize,
    x: &'a [E],
    y: &'a mut [E],
}

impl<E: Number> Pass for SmoothForward<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let SmoothForward { n, p, x, y } = self;
        let n_values = n_values(n, p, x.len());
        let ((values, tangents), (y_values, y_tangents)) = (x.split_at(n_values), y.split_at_mut(n_values));
        let (mut v, mut slopes) = ([E::zero(); BLOCK], [E::zero(); BLOCK]);
        for block in Blocks::new(n, n_values) {
            let range = block.values();
            v[..block.len()].copy_from_slice(&values[range.clone()]);
            let filled = block.len().next_multiple_of(LANES);
            for (v, slope) in v[..filled].iter_mut().zip(&mut slopes[..filled]) {
                [*v, *slope, _] = F::derivatives(*v);
            }
            y_values[range].copy_from_slice(&v[..block.len()]);
            for (row, slopes) in slopes[..block.len()].chunks_exact(block.columns).enumerate() {
                for a in 0..p {
                    let range = block.tangents(row, a, p);
                    for ((y, t), slope) in y_tangents[range.clone()].iter_mut().zip(&tangents[range]).zip(slopes) {
                        *y = *slope * *t;
                    }
                }
            }
        }
    }
}

/// [`smooth_back`].
struct SmoothBackward<'a, E> {
    n: usize,
    p: usize,
    x: &'a [E],
    cotangents: &'a mut [E],
}

impl<E: Number> Pass for SmoothBackward<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let SmoothBackward { n, p, x, cotangents } = self;
        let n_values = n_values(n, p, x.len());
        let ((values, tangents), (g_values, g_tangents)) = (x.split_at(n_values), cotangents.split_at_mut(n_values));
        let (mut slopes, mut curvatures) = ([E::zero(); BLOCK], [E::zero(); BLOCK]);
        for block in Blocks::new(n, n_values) {
            let range = block.values();
            slopes[..block.len()].copy_from_slice(&values[range.clone()]);
            let filled = block.len().next_multiple_of(LANES);
            for (slope, curvature) in slopes[..filled].iter_mut().zip(&mut curvatures[..filled]) {
                [_, *slope, *curvature] = F::derivatives(*slope);
            }
            for (g, slope) in g_values[range.clone()].iter_mut().zip(&slopes) {
                *g = *slope * *g;
            }
            let rows = slopes[..block.len()].chunks_exact(block.columns).zip(curvatures.chunks_exact(block.columns));
            for (row, ((slopes, curvatures), g_values)) in
                rows.zip(g_values[range].chunks_exact_mut(block.columns)).enumerate()
            {
                for a in 0..p {
                    let range = block.tangents(row, a, p);
                    let tangents = g_tangents[range.clone()].iter_mut().zip(&tangents[range]);
                    for ((((g, t), g_value), slope), curvature) in
                        tangents.zip(&mut *g_values).zip(slopes).zip(curvatures)
                    {
                        *g_value += *curvature * (*t * *g);
                        *g = *slope * *g;
                    }
                }
            }
        }
    }
}

/// Some rows, or a part of one row, of the values `(n, F)`.
#[derive(Clone, Copy)]
struct Block {
    first_row: usize,
    first_column: usize,
    rows: usize,
    columns: usize,
    /// F.
    width: usize,
}

impl Block {
    fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Where its values are: one after another, for either it has all columns or a single row.
    fn values(&self) -> std::ops::Range<usize> {
        let start = self.first_row * self.width + self.first_column;
        start..start + self.len()
    }

    /// Where tangent `a` of `p` of one of its rows is in `(n, p, F)`.
    fn tangents(&self, row: usize, a: usize, p: usize) -> std::ops::Range<usize> {
        let start = ((self.first_row + row) * p + a) * self.width + self.first_column;
        start..start + self.columns
    }
}

/// The blocks of `n` rows.
struct Blocks {
    n: usize,
    next: Block,
}

impl Blocks {
    fn new(n: usize, n_values: usize) -> Self {
        let width = n_values / n.max(1);
        let n = if width == 0 { 0 } else { n };
        let (rows, columns) = (BLOCK / width.clamp(1, BLOCK), width.min(BLOCK));
        Blocks { n, next: Block { first_row: 0, first_column: 0, rows, columns, width } }
    }
}

impl Iterator for Blocks {
    type Item = Block;

    #[inline(always)]
    fn next(&mut self) -> Option<Block> {
        let next = &mut self.next;
        if next.first_row >= self.n {
            return None;
        }
        let rows = next.rows.min(self.n - next.first_row);
        let columns = next.columns.min(next.width - next.first_column);
        let block = Block { rows, columns, ..*next };
        next.first_column += columns;
        if next.first_column == next.width {
            next.first_column = 0;
            next.first_row += rows;
        }
        Some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::super::function::Definition;
    use super::*;
    use imnn_models::activations::{Function, Visitor};

    /// A pass with the definition.
    struct Defined<P>(P);

    impl<P: Pass> Visitor for Defined<P> {
        type Output = ();

        fn visit<F: Function>(self) {
            self.0.run::<Definition<F>>();
        }
    }

    #[test]
    fn without_vector_instructions_the_definition_gives_the_same() {
        let (n, p, width) = (3, 2, 40);
        let x: Vec<f64> = (0..n * (1 + p) * width).map(|i| f64::from(i as u32 % 97) / 20.0 - 0.9).collect();
        for f in Activation::ALL.into_iter().filter(|f| !f.is_piecewise_linear()) {
            let [mut y, mut y_defined] = [x.clone(), x.clone()];
            run(f, SmoothForward { n, p, x: &x, y: &mut y });
            f.visit(Defined(SmoothForward { n, p, x: &x, y: &mut y_defined }));
            approx::assert_relative_eq!(&y[..], &y_defined[..], max_relative = 1e-14);
            run(f, SmoothBackward { n, p, x: &x, cotangents: &mut y });
            f.visit(Defined(SmoothBackward { n, p, x: &x, cotangents: &mut y_defined }));
            approx::assert_relative_eq!(&y[..], &y_defined[..], max_relative = 1e-12, epsilon = 1e-13);
        }
    }

    #[test]
    fn blocks_cover_all_values_once() {
        for (n, width) in [(0, 5), (3, 0), (7, 1), (5, 100), (2, 256), (3, 257), (2, 1000)] {
            let mut end = 0;
            for block in Blocks::new(n, n * width) {
                assert_eq!(block.values().start, end);
                assert!((1..=BLOCK).contains(&block.len()) && (block.rows == 1 || block.columns == width));
                end = block.values().end;
            }
            assert_eq!(end, n * width);
        }
    }
}
