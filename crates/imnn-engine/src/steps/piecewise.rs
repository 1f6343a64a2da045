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
//! The sign of y gives `f'(v)`, so that y may take the place of x. Loops are compiled for each instruction set; each call
//! chooses among them.

use super::bias::{add_bias, n_values, with_bias};
use super::pass::{Backward, Forward};
use crate::plan::{CotangentRows, Pointwise, Step};
use imnn_compute::Number;
use imnn_models::Activation;
use pulp::{Arch, Simd, WithSimd};

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
    let arch = Arch::new();
    match f {
        Activation::Relu => arch.dispatch(Kinked { kink: Relu, n, p, bias, values, tangents }),
        Activation::LeakyRelu => arch.dispatch(Kinked { kink: LeakyRelu, n, p, bias, values, tangents }),
        _ => add_bias(bias, values),
    }
}

/// In place, cotangents times `f'(v)`, from the activation's output `y`.
///
/// # Shapes
/// `y`: `(n, F)`. `cotangents`: `(n, q, F)`.
pub(super) fn multiply_slopes<E: Number>(f: Activation, n: usize, q: usize, y: &[E], cotangents: &mut [E]) {
    let arch = Arch::new();
    match f {
        Activation::Relu => arch.dispatch(Slopes { kink: Relu, n, q, y, cotangents }),
        Activation::LeakyRelu => arch.dispatch(Slopes { kink: LeakyRelu, n, q, y, cotangents }),
        _ => {}
    }
}

/// A piecewise linear function; comparisons are written so that a NaN stays a NaN.
trait Kink<E>: Copy {
    /// `f(v)`.
    fn value(self, v: E) -> E;
    /// `f'(v)` from `f(v)`.
    fn slope(self, y: E) -> E;
}

#[derive(Clone, Copy)]
struct Relu;

impl<E: Number> Kink<E> for Relu {
    #[inline(always)]
    fn value(self, v: E) -> E {
        if v <= E::zero() { E::zero() } else { v }
    }

    #[inline(always)]
    fn slope(self, y: E) -> E {
        if y > E::zero() { E::one() } else { E::zero() }
    }
}

#[derive(Clone, Copy)]
struct LeakyRelu;

impl<E: Number> Kink<E> for LeakyRelu {
    #[inline(always)]
    fn value(self, v: E) -> E {
        if v >= E::zero() { v } else { E::of(Activation::LEAK) * v }
    }

    #[inline(always)]
    fn slope(self, y: E) -> E {
        if y >= E::zero() { E::one() } else { E::of(Activation::LEAK) }
    }
}

/// [`piecewise`] with a kink.
struct Kinked<'a, E, K> {
    kink: K,
    n: usize,
    p: usize,
    bias: &'a [E],
    values: &'a mut [E],
    tangents: &'a mut [E],
}

impl<E: Number, K: Kink<E>> WithSimd for Kinked<'_, E, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Kinked { kink, n, p, bias, values, tangents } = self;
        if bias.is_empty() {
            values.iter_mut().for_each(|v| *v = kink.value(*v));
        } else {
            with_bias(bias, values, |v| kink.value(v));
        }
        Slopes { kink, n, q: p, y: values, cotangents: tangents }.with_simd(simd);
    }
}

/// [`multiply_slopes`]; tangents go forward by the same rule.
struct Slopes<'a, E, K> {
    kink: K,
    n: usize,
    q: usize,
    y: &'a [E],
    cotangents: &'a mut [E],
}

impl<E: Number, K: Kink<E>> WithSimd for Slopes<'_, E, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Slopes { kink, n, q, y, cotangents } = self;
        let width = y.len() / n.max(1);
        if width == 0 || q == 0 {
            return;
        }
        for (y, cotangents) in y.chunks_exact(width).zip(cotangents.chunks_exact_mut(q * width)) {
            for cotangents in cotangents.chunks_exact_mut(width) {
                for (c, y) in cotangents.iter_mut().zip(y) {
                    *c *= kink.slope(*y);
                }
            }
        }
    }
}
