//! The network that tells two sets apart, as scikit-learn's `MLPClassifier` with its defaults.
//!
//! ```text
//! h = max(0, W (1, x)), twice;   p = 1 / (1 + exp(-w (1, h)))
//! loss = mean over a batch of -ln p or -ln (1 - p), + (alpha / 2 n) |weights without biases|^2,   alpha = 1e-4
//! ```
//!
//! Arrays are `(units, n)`, a column for each sample, the constant 1 first; weights `(units, 1 + inputs)`, the bias first.

use crate::C2stError;
use imnn_compute::matrix::{Matrix, MatrixMut, product};
use imnn_compute::{AlignedVec, NUMBERS_PER_LINE, Number, vectorised};
use imnn_models::{Adam, Optimiser};
use imnn_sim::Key;
use rand::RngExt;

/// Samples in a batch.
const BATCH: usize = 200;
/// Strength of the penalty.
const ALPHA: f64 = 1e-4;
/// By how much the loss has to fall, and for how many epochs it may fail to.
const TOLERANCE: f64 = 1e-4;
const PATIENCE: usize = 10;
/// The most epochs.
const EPOCHS: usize = 10_000;

/// Samples with their labels, row by row.
pub struct Samples<'a, E> {
    pub dims: usize,
    pub rows: &'a [E],
    pub second: &'a [bool],
}

/// Weights and memory.
pub struct Classifier<E> {
    /// Inputs of each layer.
    inputs: [usize; 3],
    weights: Vec<E>,
    gradient: Vec<E>,
    n: usize,
    /// What goes into each layer, the constant first.
    values: [AlignedVec<E>; 3],
    /// Logits, and then the gradient with respect to them.
    logits: AlignedVec<E>,
    cotangents: [AlignedVec<E>; 2],
}

impl<E: Number> Classifier<E> {
    /// Weights and biases uniform within ±sqrt(6 / (inputs + outputs)) (Glorot & Bengio 2010).
    pub fn new(dims: usize, key: Key) -> Self {
        let inputs = [dims, 10 * dims, 10 * dims];
        let mut rng = key.rng();
        let mut weights = Vec::new();
        for (layer, inputs) in inputs.into_iter().enumerate() {
            let outputs = Self::outputs_of(dims, layer);
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            weights.extend((0..outputs * (1 + inputs)).map(|_| E::of(bound * (2.0 * rng.random::<f64>() - 1.0))));
        }
        let gradient = vec![E::zero(); weights.len()];
        let (values, logits, cotangents) = Default::default();
        Classifier { inputs, weights, gradient, n: 0, values, logits, cotangents }
    }

    fn outputs_of(dims: usize, layer: usize) -> usize {
        if layer < 2 { 10 * dims } else { 1 }
    }

    /// Where the weights of a layer lie, with its shape.
    fn layer(&self, layer: usize) -> (std::ops::Range<usize>, usize, usize) {
        let size = |l: usize| Self::outputs_of(self.inputs[0], l) * (1 + self.inputs[l]);
        let start = (0..layer).map(size).sum();
        (start..start + size(layer), Self::outputs_of(self.inputs[0], layer), 1 + self.inputs[layer])
    }

    /// Trains on these samples until the loss falls no more; returns the number of epochs.
    pub fn train(&mut self, samples: &Samples<'_, E>, chosen: &[usize], key: Key) -> Result<usize, C2stError> {
        let optimiser = Adam::new(1e-3)?;
        let mut moments = Optimiser::<E>::initialise(&optimiser, self.weights.len());
        let mut order = chosen.to_vec();
        let (mut best, mut waited, mut updates) = (f64::INFINITY, 0, 0);
        for epoch in 0..EPOCHS {
            let mut rng = key.fold_in(epoch as u64).rng();
            for i in (1..order.len()).rev() {
                order.swap(i, rng.random_range(0..=i));
            }
            let mut total = 0.0;
            for batch in order.chunks(BATCH) {
                total += batch.len() as f64 * self.loss(samples, batch);
                optimiser.update(updates, &mut self.gradient, &mut moments, &mut self.weights);
                updates += 1;
            }
            let loss = total / order.len() as f64;
            // A loss that is NaN improves nothing.
            waited = if loss <= best - TOLERANCE { 0 } else { waited + 1 };
            best = best.min(loss);
            if waited > PATIENCE {
                return Ok(epoch + 1);
            }
        }
        Ok(EPOCHS)
    }

    /// The share of these samples that is told rightly.
    pub fn accuracy(&mut self, samples: &Samples<'_, E>, chosen: &[usize]) -> f64 {
        let mut right = 0;
        for batch in chosen.chunks(BATCH) {
            self.forward(samples, batch);
            let told = self.logits.iter().zip(batch);
            right += told.filter(|(logit, at)| (**logit > E::zero()) == samples.second[**at]).count();
        }
        right as f64 / chosen.len() as f64
    }

    /// Logits of these samples.
    fn forward(&mut self, samples: &Samples<'_, E>, batch: &[usize]) {
        self.n = batch.len().next_multiple_of(NUMBERS_PER_LINE);
        let n = self.n;
        for (values, inputs) in self.values.iter_mut().zip(self.inputs) {
            values.resize((1 + inputs) * n);
            values[..n].fill(E::one());
        }
        self.logits.resize(n);
        for (k, row) in self.values[0][n..].chunks_exact_mut(n).enumerate() {
            row[batch.len()..].fill(E::zero());
            row.iter_mut().zip(batch).for_each(|(to, at)| *to = samples.rows[at * samples.dims + k]);
        }
        for layer in 0..3 {
            let (range, rows, cols) = self.layer(layer);
            let (from, to) = self.values.split_at_mut(layer + 1);
            let output = match to.first_mut() {
                Some(hidden) => &mut hidden[n..],
                None => &mut self.logits[..],
            };
            let weights = Matrix::new(&self.weights[range], rows, cols, cols);
            product(MatrixMut::new(output, rows, n, n), false, weights, Matrix::new(&from[layer], cols, n, n));
            if layer < 2 {
                rectify(output);
            }
        }
    }

    /// The loss of a batch with its penalty; leaves the gradient.
    fn loss(&mut self, samples: &Samples<'_, E>, batch: &[usize]) -> f64 {
        self.forward(samples, batch);
        let (n, share) = (self.n, 1.0 / batch.len() as f64);
        let mut loss = 0.0;
        for (at, logit) in self.logits.iter_mut().enumerate() {
            let Some(&sample) = batch.get(at) else {
                *logit = E::zero();
                continue;
            };
            let (l, label) = (logit.f64(), f64::from(u8::from(samples.second[sample])));
            // -ln p is ln(1 + exp(-l)), without overflow.
            loss += l.max(0.0) - l * label + (-l.abs()).exp().ln_1p();
            *logit = E::of(share * (1.0 / (1.0 + (-l).exp()) - label));
        }
        let [a, b] = &mut self.cotangents;
        let (mut above, mut below) = (a, b);
        let mut penalty = 0.0;
        for layer in (0..3).rev() {
            let size = |l: usize| Self::outputs_of(self.inputs[0], l) * (1 + self.inputs[l]);
            let start: usize = (0..layer).map(size).sum();
            let (range, rows, cols) =
                (start..start + size(layer), Self::outputs_of(self.inputs[0], layer), 1 + self.inputs[layer]);
            let g: &[E] = if layer == 2 { &self.logits } else { above };
            let (weights, gradient) = (&self.weights[range.clone()], &mut self.gradient[range]);
            let values = &self.values[layer];
            let g_matrix = Matrix::new(g, rows, n, n);
            product(MatrixMut::new(gradient, rows, cols, cols), false, g_matrix, Matrix::new(values, cols, n, n).t());
            if layer > 0 {
                below.resize((cols - 1) * n);
                let w = Matrix::new(&weights[1..], rows, cols - 1, cols).t();
                product(MatrixMut::new(below, cols - 1, n, n), false, w, g_matrix);
                rectify_gradient(below, &values[n..]);
            }
            let strength = E::of(ALPHA * share);
            for (g, w) in gradient.chunks_exact_mut(cols).zip(weights.chunks_exact(cols)) {
                g[1..].iter_mut().zip(&w[1..]).for_each(|(g, &w)| *g += strength * w);
                penalty += w[1..].iter().map(|w| w.f64() * w.f64()).sum::<f64>();
            }
            std::mem::swap(&mut above, &mut below);
        }
        share * (loss + 0.5 * ALPHA * penalty)
    }
}

vectorised! {
    fn rectify<'a, E>(values: &'a mut [E]) {
        values.iter_mut().for_each(|v| *v = if *v > E::zero() { *v } else { E::zero() });
    }

    fn rectify_gradient<'a, E>(g: &'a mut [E], h: &'a [E]) {
        g.iter_mut().zip(h).for_each(|(g, &h)| *g = if h > E::zero() { *g } else { E::zero() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_central_differences() {
        let mut rows = vec![0.0; 3 * 37];
        Key::new(1).fill_normal(&mut rows);
        let second: Vec<bool> = rows.chunks(3).map(|row| row[0] > 0.3).collect();
        let samples = Samples { dims: 3, rows: &rows, second: &second };
        let all: Vec<usize> = (0..37).collect();
        let mut classifier = Classifier::<f64>::new(3, Key::new(2));
        classifier.loss(&samples, &all);
        let gradient = classifier.gradient.clone();
        let n = gradient.len();
        assert_eq!(n, 30 * 4 + 30 * 31 + 31);
        for at in (0..n).step_by(7) {
            let mut moved = |by: f64| {
                let before = classifier.weights[at];
                classifier.weights[at] += by;
                let loss = classifier.loss(&samples, &all);
                classifier.weights[at] = before;
                loss
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((gradient[at] - difference).abs() < 1e-7, "{at}: {} {difference}", gradient[at]);
        }
    }
}
