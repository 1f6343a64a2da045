//! Weights of two linear layers in one, and their gradients; see [`crate::plan::simplify`].
//!
//! ```text
//! W'[k] = W1 W2[k]          b'[o] = b2 + sum_{k inside(o)} b1 W2[k]
//!
//! g_W1 = sum_k g_W'[k] W2[k]^T                g_b1 = sum_k h[k] W2[k]^T
//! g_W2[k] = W1^T g_W'[k] + b1^T h[k]          g_b2 = sum_o g_b'[o],     h[k] = sum_{o: k inside} g_b'[o]
//! ```
//!
//! Gradients of W' and b' are summed over all microbatches first, and taken apart once.

use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_models::{Affine, Element, OUTSIDE, Windows};
use std::ops::Range;
use std::sync::Arc;

/// One composition. `weight`, `bias` and `taps` are ranges of the derived weights.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The weights of the map of channels.
    pub first: Affine,
    /// The weights of the layer with windows.
    pub second: Affine,
    /// Channels that go in, between the two, and out.
    pub channels: [usize; 3],
    /// The windows of the second.
    pub windows: Arc<Windows>,
    /// W' `(taps, in, out)`.
    pub weight: Range<usize>,
    /// b' `(positions, out)`, or `(out)` where no tap is ever outside.
    pub bias: Range<usize>,
    /// `b1 W2[k]` `(taps, out)`; in the gradient, h.
    pub taps: Range<usize>,
}

impl Composed {
    /// Rows of b': one for each position if edges matter.
    pub(crate) fn bias_rows(windows: &Windows) -> usize {
        if windows.taps.contains(&OUTSIDE) { windows.n_outputs() } else { 1 }
    }

    /// W' and b' from the weights.
    pub(crate) fn load<E: Element>(&self, weights: &[E], derived: &mut [E]) {
        let [c, f, g] = self.channels;
        let w1 = Matrix::new(&weights[self.first.weight.clone()], c, f, f);
        let b1 = Matrix::new(&weights[self.first.bias.clone()], 1, f, f);
        for k in 0..self.windows.n_taps {
            let w2 = Matrix::new(&weights[self.second.weight.clone()][k * f * g..], f, g, g);
            product(MatrixMut::new(&mut derived[self.weight.clone()][k * c * g..], c, g, g), false, w1, w2);
            product(MatrixMut::new(&mut derived[self.taps.clone()][k * g..], 1, g, g), false, b1, w2);
        }
        for o in 0..self.bias.len() / g {
            let at = self.bias.start + o * g;
            derived[at..at + g].copy_from_slice(&weights[self.second.bias.clone()]);
            for (k, _) in self.inside(o) {
                for j in 0..g {
                    let tap = derived[self.taps.start + k * g + j];
                    derived[at + j] += tap;
                }
            }
        }
    }

    /// Adds to the gradient of the weights what that of W' and b' implies.
    pub(crate) fn finish<E: Element>(&self, weights: &[E], gradient: &mut [E], derived: &mut [E]) {
        let [c, f, g] = self.channels;
        derived[self.taps.clone()].fill(E::zero());
        for o in 0..self.bias.len() / g {
            let at = self.bias.start + o * g;
            for j in 0..g {
                let bias = derived[at + j];
                gradient[self.second.bias.start + j] += bias;
                for (k, _) in self.inside(o) {
                    derived[self.taps.start + k * g + j] += bias;
                }
            }
        }
        let w1 = Matrix::new(&weights[self.first.weight.clone()], c, f, f);
        let b1 = Matrix::new(&weights[self.first.bias.clone()], 1, f, f);
        for k in 0..self.windows.n_taps {
            let w2 = Matrix::new(&weights[self.second.weight.clone()][k * f * g..], f, g, g);
            let gw = Matrix::new(&derived[self.weight.clone()][k * c * g..], c, g, g);
            let h = Matrix::new(&derived[self.taps.clone()][k * g..], 1, g, g);
            product(MatrixMut::new(&mut gradient[self.first.weight.clone()], c, f, f), true, gw, w2.t());
            product(MatrixMut::new(&mut gradient[self.first.bias.clone()], 1, f, f), true, h, w2.t());
            let g2 = &mut gradient[self.second.weight.clone()][k * f * g..];
            product(MatrixMut::new(g2, f, g, g), true, w1.t(), gw);
            product(MatrixMut::new(g2, f, g, g), true, b1.t(), h);
        }
    }

    fn inside(&self, o: usize) -> impl Iterator<Item = (usize, u32)> {
        self.windows.window(o).iter().copied().enumerate().filter(|&(_, tap)| tap != OUTSIDE)
    }
}
