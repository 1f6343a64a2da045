//! The masked network of one transform: from (1, c, u) to the parameters of all bijections. Arrays are `(units, n)`, a row
//! for each unit and a column for each pair.
//!
//! ```text
//! h_1 = tanh(W_1 (1, c, u)),   h_2 = tanh(W_2 (1, h_1)),   ...,   o = W (1, h)
//! ```
//!
//! # References
//! Germain, Gregor, Murray & Larochelle 2015, arXiv:1502.03509, for the masks; [`super::layout`] for how they differ.

use super::layout::{Block, Layer, Layout};
use imnn_compute::elementary::exp_and_exp_m1;
use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_compute::{AlignedVec, Number, vectorised};

/// What the layers of one transform take in and give out.
#[derive(Debug, Default)]
pub(crate) struct Activations<E> {
    /// What goes into each layer, the constant first.
    pub inputs: Vec<AlignedVec<E>>,
    /// The parameters of the bijections, `(dims * per_dim, n)`.
    pub output: AlignedVec<E>,
}

/// Memory for the gradients of one transform.
#[derive(Debug, Default)]
pub(crate) struct Cotangents<E> {
    /// With respect to the output.
    pub output: AlignedVec<E>,
    /// With respect to what goes into the layers, in turns.
    hidden: [AlignedVec<E>; 2],
    /// With respect to (c, u), `(context + dims - 1, n)`.
    pub input: AlignedVec<E>,
}

impl<E: Number> Activations<E> {
    /// Memory for `n` pairs, with the constants in place.
    pub fn resize(&mut self, layout: &Layout, n: usize) {
        self.inputs.resize_with(layout.layers.len(), AlignedVec::default);
        for (input, layer) in self.inputs.iter_mut().zip(&layout.layers) {
            input.resize(layer.cols * n);
            input[..n].fill(E::one());
        }
        self.output.resize(layout.dims * layout.per_dim * n);
    }

    /// Row `k` of (c, u).
    pub fn input_mut(&mut self, k: usize, n: usize) -> &mut [E] {
        &mut self.inputs[0][(1 + k) * n..][..n]
    }

    /// All outputs, from (c, u) in the first input.
    pub fn forward(&mut self, layout: &Layout, weights: &[E], n: usize) {
        for (l, layer) in layout.layers.iter().enumerate() {
            for panel in &layer.panels {
                self.apply(l, layer, panel, weights, n);
            }
            if let Some(hidden) = self.inputs.get_mut(l + 1) {
                tanh(&mut hidden[n..]);
            }
        }
    }

    /// The parameters of dimension `g` (from 0) alone, after those of all dimensions before it: from c, u_1, ..., u_g.
    pub fn forward_one(&mut self, layout: &Layout, weights: &[E], g: usize, n: usize) {
        for (l, layer) in layout.layers.iter().enumerate() {
            let block = &layer.blocks[g];
            if block.rows.is_empty() {
                continue;
            }
            self.apply(l, layer, block, weights, n);
            if let Some(hidden) = self.inputs.get_mut(l + 1) {
                tanh(&mut hidden[(1 + block.rows.start) * n..(1 + block.rows.end) * n]);
            }
        }
    }

    /// What some rows of layer `l` make of its input, before tanh.
    fn apply(&mut self, l: usize, layer: &Layer, block: &Block, weights: &[E], n: usize) {
        let (from, to) = self.inputs.split_at_mut(l + 1);
        let input = &from[l];
        // Behind the constant, or the output.
        let output = match to.first_mut() {
            Some(hidden) => &mut hidden[n..],
            None => &mut self.output,
        };
        let rows = block.rows.len();
        let output = MatrixMut::new(&mut output[block.rows.start * n..block.rows.end * n], rows, n, n);
        product(output, false, layer.weights(block, 0, weights), Matrix::new(input, block.cols, n, n));
    }

    /// From the gradient in `cotangents.output`, those with respect to the weights, if wanted, and, from the column
    /// `first` on (0 is c, `context` is u), to (c, u).
    pub fn backward(
        &self,
        layout: &Layout,
        weights: &[E],
        cotangents: &mut Cotangents<E>,
        mut gradient: Option<&mut [E]>,
        first: Option<usize>,
        n: usize,
    ) {
        let Cotangents { output, hidden: [mut_a, mut_b], input } = cotangents;
        let (mut above, mut below) = (mut_a, mut_b);
        for (l, layer) in layout.layers.iter().enumerate().rev() {
            let g: &[E] = if l + 1 == layout.layers.len() { output } else { above };
            if let Some(gradient) = gradient.as_deref_mut() {
                layer.gradient(&mut gradient[layer.range()], g, &self.inputs[l], n);
            }
            if l > 0 {
                below.resize((layer.cols - 1) * n);
                layer.pull_back(below, 0, weights, g, n);
                tanh_gradient(below, &self.inputs[l][n..]);
                std::mem::swap(&mut above, &mut below);
            } else if let Some(first) = first {
                input.resize((layer.cols - 1) * n);
                layer.pull_back(&mut input[first * n..], first, weights, g, n);
            }
        }
    }
}

impl Layer {
    /// The weights of a block, from column `first` on.
    fn weights<'a, E>(&self, block: &Block, first: usize, weights: &'a [E]) -> Matrix<'a, E> {
        let start = self.offset + block.rows.start * self.cols + first;
        let end = self.offset + block.rows.end * self.cols;
        Matrix::new(&weights[start.min(end)..end], block.rows.len(), block.cols.saturating_sub(first), self.cols)
    }

    /// The gradient with respect to the weights of this layer; 0 where the mask forbids.
    fn gradient<E: Number>(&self, gradient: &mut [E], g: &[E], input: &[E], n: usize) {
        for panel in &self.panels {
            let (rows, cols) = (panel.rows.clone(), panel.cols);
            let to = &mut gradient[rows.start * self.cols..rows.end * self.cols];
            let to = MatrixMut::new(to, rows.len(), cols, self.cols);
            let g = Matrix::new(&g[rows.start * n..], rows.len(), n, n);
            product(to, false, g, Matrix::new(input, cols, n, n).t());
        }
        for block in &self.blocks {
            for row in block.rows.clone() {
                gradient[row * self.cols..][block.cols..self.cols].fill(E::zero());
            }
        }
    }

    /// The gradient with respect to the input, from column 1 + `first` on.
    fn pull_back<E: Number>(&self, to: &mut [E], first: usize, weights: &[E], g: &[E], n: usize) {
        let mut set = 0;
        // The last panel uses the most columns, so it sets what the others add to.
        for panel in self.panels.iter().rev() {
            let cols = panel.cols.saturating_sub(1 + first);
            let w = self.weights(panel, 1 + first, weights).t();
            let g = Matrix::new(&g[panel.rows.start * n..], panel.rows.len(), n, n);
            product(MatrixMut::new(to, cols, n, n), set > 0, w, g);
            set = set.max(cols);
        }
        // Inputs that nothing uses.
        to[set * n..].fill(E::zero());
    }
}

vectorised! {
    /// `tanh`, in place.
    fn tanh<'a, E>(values: &'a mut [E]) {
        for v in values {
            let [e, minus] = exp_and_exp_m1(E::of(-2.0) * v.abs());
            *v = (-minus / (E::one() + e)).copysign(*v);
        }
    }

    /// `g *= 1 - h^2`, where h = tanh.
    fn tanh_gradient<'a, E>(g: &'a mut [E], h: &'a [E]) {
        for (g, &h) in g.iter_mut().zip(h) {
            *g *= (-h).mul_add(h, E::one());
        }
    }
}
