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
use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::{Pointwise, Step};
use imnn_compute::{Number, vectorised};
use imnn_models::Activation;

/// Values worked on at once.
const BLOCK: usize = 256;
/// Numbers in the longest vector register: blocks are worked on in multiples, so that no scalar remainder is left.
const LANES: usize = 16;

/// Writes the output of all rows, and what the backward pass needs over the input.
pub(super) fn forward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Forward<'_, E>) {
    let (rows, bias) = (pass.rows, pass.bias(&pointwise.bias));
    let Operands { x, y, .. } = pass.operands(step);
    smooth(pointwise.activation, rows.n, rows.tangents, bias, x, y);
}

/// Writes or adds the gradient of the input.
pub(super) fn backward<E: Number>(step: &Step, pass: &mut Backward<'_, E>) {
    let (rows, x) = (pass.rows, pass.saved(step.input.buffer));
    let Gradients { gy, gx, .. } = pass.gradients(step);
    smooth_back((rows.n, rows.tangents), x, &gy[..gx.len()], gx, step.accumulate);
}

/// `y = f(v)`, `t_a' = f'(v) t_a` with `v = x + bias`, and in the place of `x` `f'(v)` and `f''(v) t_a`.
///
/// # Shapes
/// `x`, `y`: values `(n, F)`, then tangents `(n, p, F)`. `bias`: repeated over F, which its length divides; empty for none.
pub(super) fn smooth<E: Number>(f: Activation, n: usize, p: usize, bias: &[E], x: &mut [E], y: &mut [E]) {
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
        let mut tile = [E::zero(); TILE];
        let bias = if bias.is_empty() { &tile } else { repeated(bias, &mut tile) };
        let [mut v, mut slopes, mut curvatures] = [[E::zero(); BLOCK]; 3];
        for block in Blocks::new(n, n_values) {
            let (len, range) = (block.len(), block.values());
            add_bias(bias, block.first_column, &values[range.clone()], &mut v[..len]);
            let filled = len.next_multiple_of(LANES);
            for ((v, slope), curvature) in v[..filled].iter_mut().zip(&mut slopes[..filled]).zip(&mut curvatures[..filled]) {
                [*v, *slope, *curvature] = F::derivatives(*v);
            }
            y_values[range.clone()].copy_from_slice(&v[..len]);
            values[range].copy_from_slice(&slopes[..len]);
            let rows = slopes[..len].chunks_exact(block.columns).zip(curvatures[..len].chunks_exact(block.columns));
            for (row, (slopes, curvatures)) in rows.enumerate() {
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

/// `v = x + bias`, which is repeated, from its number `first` on.
#[inline(always)]
fn add_bias<E: Number>(bias: &[E], first: usize, x: &[E], v: &mut [E]) {
    let (mut at, mut first) = (0, first % bias.len());
    while at < x.len() {
        let end = x.len().min(at + bias.len() - first);
        for ((v, x), b) in v[at..end].iter_mut().zip(&x[at..end]).zip(&bias[first..]) {
            *v = *x + *b;
        }
        (at, first) = (end, 0);
    }
}

vectorised! {
    /// `g_x = g_y f'(v)`, with what flows from tangents to values, or `g_x +=` that.
    ///
    /// # Shapes
    /// `(n, p)`: numbers of simulations and tangents. `x`: as [`smooth`] leaves it. `gy`, `gx`: alike.
    pub(super) fn smooth_back<'a, E>(
        rows: (usize, usize),
        x: &'a [E],
        gy: &'a [E],
        gx: &'a mut [E],
        accumulate: bool,
    ) {
        let (n, p) = rows;
        let n_values = n_values(n, p, x.len());
        let ((slopes, bends), (gy_values, gy_tangents)) = (x.split_at(n_values), gy.split_at(n_values));
        let (gx_values, gx_tangents) = gx.split_at_mut(n_values);
        for block in Blocks::new(n, n_values) {
            let range = block.values();
            let (slopes, gx_values) = (&slopes[range.clone()], &mut gx_values[range.clone()]);
            multiply(slopes, &gy_values[range], gx_values, accumulate);
            let rows = slopes.chunks_exact(block.columns).zip(gx_values.chunks_exact_mut(block.columns));
            for (row, (slopes, gx_values)) in rows.enumerate() {
                for a in 0..p {
                    let range = block.tangents(row, a, p);
                    let (bends, gy) = (&bends[range.clone()], &gy_tangents[range.clone()]);
                    for ((gx, bend), gy) in gx_values.iter_mut().zip(bends).zip(gy) {
                        *gx += *bend * *gy;
                    }
                    multiply(slopes, gy, &mut gx_tangents[range], accumulate);
                }
            }
        }
    }
}

/// `to = a b`, or `to += a b`.
#[inline(always)]
fn multiply<E: Number>(a: &[E], b: &[E], to: &mut [E], accumulate: bool) {
    let products = to.iter_mut().zip(a).zip(b);
    if accumulate {
        products.for_each(|((to, &a), &b)| *to += a * b);
    } else {
        products.for_each(|((to, &a), &b)| *to = a * b);
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
        let numbers: Vec<f64> = (0..n * (1 + p) * width).map(|i| f64::from(i as u32 % 97) / 20.0 - 0.9).collect();
        for f in Activation::ALL.into_iter().filter(|f| !f.is_piecewise_linear()) {
            let [mut x, mut x_defined, mut y, mut y_defined] = [(); 4].map(|()| numbers.clone());
            run(f, Smooth { n, p, bias: &[], x: &mut x, y: &mut y });
            f.visit(Defined(Smooth { n, p, bias: &[], x: &mut x_defined, y: &mut y_defined }));
            approx::assert_relative_eq!(&y[..], &y_defined[..], max_relative = 1e-14);
            approx::assert_relative_eq!(&x[..], &x_defined[..], max_relative = 1e-12, epsilon = 1e-13);
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
