//! Piecewise linear activations, in place.
//!
//! With the bias b added to values only:
//!
//! ```text
//! forward   v = x + b,   y = f(v)
//! tangent   t'_a = f'(v) t_a
//! backward  g_t_a = f'(v) g_t'_a,   g_v = f'(v) g_y        f'' = 0
//! ```
//!
//! The sign of y gives `f'(v)`, so that y may take the place of x.

use super::bias::{n_values, with_bias};
use super::function::{Form, Pass, run};
use super::pass::{Backward, Forward};
use crate::plan::{CotangentRows, Pointwise, Step};
use imnn_compute::Number;
use imnn_models::Activation;

/// Replaces the input of all rows.
pub(super) fn forward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Forward<'_, E>) {
    let (rows, bias) = (pass.rows, pass.bias(&pointwise.bias));
    piecewise(pointwise.activation, rows.n, rows.tangents, bias, pass.in_place(step));
}

/// Replaces the gradient of the output by that of the input.
pub(super) fn backward<E: Number>(pointwise: &Pointwise, step: &Step, pass: &mut Backward<'_, E>) {
    let (buffer, rows, f) = (step.output.buffer, pass.rows, pointwise.activation);
    let n_values = rows.n * pass.plan.buffers[buffer].size;
    let y = &pass.saved(buffer)[..n_values];
    let range = pass.gradient_range(buffer);
    let g = &mut pass.arena[range];
    match pass.order {
        CotangentRows::PerSummary(q) => multiply_slopes(f, rows.n, q, y, g),
        CotangentRows::PerRow => {
            let (values, tangents) = g.split_at_mut(n_values);
            multiply_slopes(f, rows.n, 1, y, values);
            if rows.tangents > 0 {
                multiply_slopes(f, rows.n, rows.tangents, y, tangents);
            }
        }
    }
}

/// In place `v = x + bias`, `y = f(v)`, `t_a' = f'(v) t_a`.
///
/// # Shapes
/// `x`: values `(n, F)`, then tangents `(n, p, F)`. `bias`: repeated over F, which its length divides; empty for none.
pub(super) fn piecewise<E: Number>(f: Activation, n: usize, p: usize, bias: &[E], x: &mut [E]) {
    let (values, tangents) = x.split_at_mut(n_values(n, p, x.len()));
    debug_assert!(f.is_piecewise_linear());
    run(f, Kink { n, p, bias, values, tangents });
}

/// In place, cotangents times `f'(v)`, from the activation's output `y`.
///
/// # Shapes
/// `y`: `(n, F)`. `cotangents`: `(n, q, F)`.
pub(super) fn multiply_slopes<E: Number>(f: Activation, n: usize, q: usize, y: &[E], cotangents: &mut [E]) {
    debug_assert!(f.is_piecewise_linear());
    run(f, Slopes { n, q, y, cotangents });
}

/// [`piecewise`].
struct Kink<'a, E> {
    n: usize,
    p: usize,
    bias: &'a [E],
    values: &'a mut [E],
    tangents: &'a mut [E],
}

impl<E: Number> Pass for Kink<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let Kink { n, p, bias, values, tangents } = self;
        if bias.is_empty() {
            values.iter_mut().for_each(|v| *v = F::derivatives(*v)[0]);
        } else {
            with_bias(bias, values, |v| F::derivatives(v)[0]);
        }
        Slopes { n, q: p, y: values, cotangents: tangents }.run::<F>();
    }
}

/// [`multiply_slopes`]; tangents go forward by the same rule.
struct Slopes<'a, E> {
    n: usize,
    q: usize,
    y: &'a [E],
    cotangents: &'a mut [E],
}

impl<E: Number> Pass for Slopes<'_, E> {
    #[inline(always)]
    fn run<F: Form>(self) {
        let Slopes { n, q, y, cotangents } = self;
        let width = y.len() / n.max(1);
        if width == 0 || q == 0 {
            return;
        }
        for (y, cotangents) in y.chunks_exact(width).zip(cotangents.chunks_exact_mut(q * width)) {
            for cotangents in cotangents.chunks_exact_mut(width) {
                for (c, y) in cotangents.iter_mut().zip(y) {
                    *c *= F::derivatives(*y)[1];
                }
            }
        }
    }
}
