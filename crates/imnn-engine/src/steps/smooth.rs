//! Smooth activations.
//!
//! A tensor of `n` simulations with `p` tangents each lies in one slice: values `(n, F)`, then tangents `(n, p, F)`. With
//! the bias b added to values only:
//!
//! ```text
//! forward   v = x + b,   y = f(v)
//! tangent   t'_a = f'(v) t_a
//! backward  g_t_a = f'(v) g_t'_a,   g_v = f'(v) g_y + sum_a (f''(v) t_a) g_t'_a
//! ```
//!
//! The way back needs no more than `f'(v)` and `f''(v) t_a`. The forward pass, which has both at hand, leaves them in the
//! place of x: backward there is nothing to compute but products. Values are taken block by block, and slopes and curvatures
//! stay in the first-level cache for the tangents.

use super::bias::{TILE, n_values, repeated};
use super::function::{Form, Pass, run};
use super::pass::{Backward, Forward, Operands};
use crate::plan::{Pointwise, Step};
use imnn_compute::{Number, vectorised};
use imnn_models::Activation;

/// Values worked on at once.
const BLOCK: usize = TILE;
/// Numbers in the longest vector register.
const LANES: usize = 16;

/// Writes the output of all rows, and what the backward pass needs over the input.
pub(super) fn forward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Forward<'_, E>) {
    let (rows, bias) = (pass.rows, pass.bias(&pointwise.bias));
    let Operands { x, y, .. } = pass.operands(step);
    smooth(pointwise.activation, rows.n, rows.tangents, bias, x, y);
}

/// Replaces the gradient of the output by that of the input.
pub(super) fn backward<E: Number>(step: &Step, pass: &mut Backward<'_, E>) {
    let (rows, x, range) = (pass.rows, pass.saved(step.input.buffer), pass.gradient_range(step.output.buffer));
    smooth_back(rows.n, rows.tangents, x, &mut pass.arena[range]);
}

/// `y = f(v)`, `t_a' = f'(v) t_a` with `v = x + bias`, and in the place of `x` `f'(v)` and `f''(v) t_a`.
///
/// # Shapes
/// `x`, `y`: values `(n, F)`, then tangents `(n, p, F)`. `bias`: repeated over F, which its length divides; empty for none.
pub(super) fn smooth<E: Number>(f: Activation, n: usize, p: usize, bias: &[E], x: &mut [E], y: &mut [E]) {
    let bias = if bias.is_empty() { &[E::zero()] } else { bias };
    run(f, Smooth { n, p, bias, x, y });
}

/// [`smooth`].
struct Smooth<'a, E> {
    n: usize,
    p: usize,
    bias: &'a [E],
    x: &'a mut [E],
    y: &'a mut [E],
}

impl<E: Number> Pass for Smooth<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let Smooth { n, p, bias, x, y } = self;
        let n_values = n_values(n, p, x.len());
        let ((values, tangents), (y_values, y_tangents)) = (x.split_at_mut(n_values), y.split_at_mut(n_values));
        let blocks = Blocks::new(n, n_values, bias.len());
        let (mut tile, mut curvatures) = ([E::zero(); TILE], [E::zero(); BLOCK]);
        let bias = repeated(bias, &mut tile);
        for block in blocks {
            let range = block.values();
            let (x, y, curvatures) = (&mut values[range.clone()], &mut y_values[range], &mut curvatures[..block.len()]);
            let bias = &bias[block.first_column % blocks.period..][..block.len()];
            if p == 0 {
                // Nobody asks for curvatures: a tenth of a numerical iteration.
                slopes::<E, F>(bias, x, y);
                continue;
            }
            derivatives::<E, F>(bias, x, y, curvatures);
            for (row, (slopes, curvatures)) in block.rows(x).zip(block.rows(curvatures)).enumerate() {
                for a in 0..p {
                    let range = block.tangents(row, a, p);
                    let tangents = y_tangents[range.clone()].iter_mut().zip(&mut tangents[range]);
                    for (((y, t), slope), curvature) in tangents.zip(slopes).zip(curvatures) {
                        (*y, *t) = (*slope * *t, *curvature * *t);
                    }
                }
            }
        }
    }
}

/// `y = f(x + bias)` for a bias that is repeated, slopes in the place of `x`, and curvatures.
pub(super) fn derive<E: Number>(f: Activation, bias: &[E], x: &mut [E], y: &mut [E], curvatures: &mut [E]) {
    run(f, Derive { bias, x, y, curvatures });
}

/// [`derive()`].
struct Derive<'a, E> {
    bias: &'a [E],
    x: &'a mut [E],
    y: &'a mut [E],
    curvatures: &'a mut [E],
}

impl<E: Number> Pass for Derive<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let mut tile = [E::zero(); TILE];
        let bias = repeated(self.bias, &mut tile);
        let numbers = self.x.chunks_mut(bias.len()).zip(self.y.chunks_mut(bias.len()));
        for ((x, y), curvatures) in numbers.zip(self.curvatures.chunks_mut(bias.len())) {
            derivatives::<E, F>(&bias[..x.len()], x, y, curvatures);
        }
    }
}

/// The same for as many numbers as there are biases.
#[inline(always)]
fn derivatives<E: Number, F: Form>(bias: &[E], x: &mut [E], y: &mut [E], curvatures: &mut [E]) {
    let whole = x.len() / LANES * LANES;
    each::<E, F>(&bias[..whole], &mut x[..whole], &mut y[..whole], &mut curvatures[..whole]);
    // The rest with as many others, so that all loops are of vectors.
    let (rest, [mut b, mut u, mut v, mut w]) = (x.len() - whole, [[E::zero(); LANES]; 4]);
    if rest > 0 {
        b[..rest].copy_from_slice(&bias[whole..]);
        u[..rest].copy_from_slice(&x[whole..]);
        each::<E, F>(&b, &mut u, &mut v, &mut w);
        x[whole..].copy_from_slice(&u[..rest]);
        y[whole..].copy_from_slice(&v[..rest]);
        curvatures[whole..].copy_from_slice(&w[..rest]);
    }
}

/// The same without curvatures.
#[inline(always)]
fn slopes<E: Number, F: Form>(bias: &[E], x: &mut [E], y: &mut [E]) {
    for ((x, y), b) in x.iter_mut().zip(y).zip(bias) {
        [*y, *x, _] = F::derivatives(*x + *b);
    }
}

#[inline(always)]
fn each<E: Number, F: Form>(bias: &[E], x: &mut [E], y: &mut [E], curvatures: &mut [E]) {
    for (((x, y), curvature), b) in x.iter_mut().zip(y).zip(curvatures).zip(bias) {
        [*y, *x, *curvature] = F::derivatives(*x + *b);
    }
}

vectorised! {
    /// In place, from cotangents of the output those of the input.
    ///
    /// # Shapes
    /// `x`: as [`smooth`] leaves it. `cotangents`: alike.
    pub(super) fn smooth_back<'a, E>(n: usize, p: usize, x: &'a [E], cotangents: &'a mut [E]) {
        let n_values = n_values(n, p, x.len());
        let ((slopes, bends), (g_values, g_tangents)) = (x.split_at(n_values), cotangents.split_at_mut(n_values));
        for block in Blocks::new(n, n_values, 1) {
            let (slopes, g_values) = (&slopes[block.values()], &mut g_values[block.values()]);
            g_values.iter_mut().zip(slopes).for_each(|(g, slope)| *g = *slope * *g);
            let rows = block.rows(slopes).zip(g_values.chunks_exact_mut(block.columns));
            for (row, (slopes, g_values)) in rows.enumerate() {
                for a in 0..p {
                    let range = block.tangents(row, a, p);
                    let tangents = g_tangents[range.clone()].iter_mut().zip(&bends[range]);
                    for (((g, bend), g_value), slope) in tangents.zip(&mut *g_values).zip(slopes) {
                        *g_value += *bend * *g;
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

    /// Its rows of numbers that lie as its values do.
    fn rows<'a, E>(&self, numbers: &'a [E]) -> std::slice::ChunksExact<'a, E> {
        numbers.chunks_exact(self.columns)
    }

    /// Where tangent `a` of `p` of one of its rows is in `(n, p, F)`.
    fn tangents(&self, row: usize, a: usize, p: usize) -> std::ops::Range<usize> {
        let start = ((self.first_row + row) * p + a) * self.width + self.first_column;
        start..start + self.columns
    }
}

/// The blocks of `n` rows, none of which goes on where what is repeated in a row begins anew.
#[derive(Clone, Copy)]
struct Blocks {
    n: usize,
    next: Block,
    /// Columns that are repeated.
    period: usize,
}

impl Blocks {
    fn new(n: usize, n_values: usize, period: usize) -> Self {
        let width = n_values / n.max(1);
        let n = if width == 0 { 0 } else { n };
        // Of a short period a block has several.
        let most = if period < BLOCK { BLOCK / period * period } else { BLOCK };
        let (rows, columns) = (BLOCK / width.clamp(1, BLOCK), width.min(most));
        Blocks { n, next: Block { first_row: 0, first_column: 0, rows, columns, width }, period }
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
        let mut columns = next.columns.min(next.width - next.first_column);
        if self.period > BLOCK {
            columns = columns.min(self.period - next.first_column % self.period);
        }
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
        let numbers: Vec<f64> = (0..n * (1 + p) * width).map(|i| f64::from(i as u32 % 97) / 20.0 - 0.9).collect();
        for f in Activation::ALL.into_iter().filter(|f| !f.is_piecewise_linear()) {
            let [mut x, mut x_defined, mut y, mut y_defined] = [(); 4].map(|()| numbers.clone());
            run(f, Smooth { n, p, bias: &[0.5], x: &mut x, y: &mut y });
            f.visit(Defined(Smooth { n, p, bias: &[0.5], x: &mut x_defined, y: &mut y_defined }));
            approx::assert_relative_eq!(&y[..], &y_defined[..], max_relative = 1e-14);
            approx::assert_relative_eq!(&x[..], &x_defined[..], max_relative = 1e-12, epsilon = 1e-13);
        }
    }

    #[test]
    fn blocks_cover_all_values_once() {
        for (n, width, period) in
            [(0, 5, 1), (3, 0, 1), (7, 1, 1), (5, 100, 50), (2, 256, 256), (3, 257, 257), (2, 1000, 500), (2, 900, 9)]
        {
            let mut end = 0;
            for block in Blocks::new(n, n * width, period) {
                assert_eq!(block.values().start, end);
                let first = block.first_column % period;
                assert!(if period > BLOCK { first + block.columns <= period } else { first == 0 });
                assert!((1..=BLOCK).contains(&block.len()) && (block.rows == 1 || block.columns == width));
                end = block.values().end;
            }
            assert_eq!(end, n * width);
        }
    }
}
