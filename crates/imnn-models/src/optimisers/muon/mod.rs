//! Muon.

mod matrices;
mod newton_schulz;
mod of_network;

use self::of_network::OfNetwork;
use super::adam::Adam;
use super::listed::{Listed, Settings, checked, optimiser};
use super::optimiser::Optimiser;
use super::range::{decay, positive};
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use crate::model::Model;
use imnn_compute::Number;

optimiser! {
    /// Muon: the weights of hidden layers move along the orthogonal matrix nearest to their mean gradient.
    ///
    /// ```text
    /// m = mu m + (1 - mu) g,   u = mu m + (1 - mu) g                    Nesterov's momentum
    /// W = W - rate 0.2 sqrt(max(rows, cols)) O(u),   O(U S V^T) ~ U V^T
    /// ```
    ///
    /// for the weight W of each dense layer `(in, out)` and each convolution `(taps in, out)`, except layers that no other
    /// layer with weights follows: they, all biases and the weights of layers of the user's own are updated by [`Adam`] with
    /// the same rate. With the factor before O the root mean square of a step is 0.2 rate, about that of Adam.
    ///
    /// O is made by five steps of a Newton-Schulz iteration, on u over its Frobenius norm; singular values of at least 0.002 of
    /// that norm come to between 0.68 and 1.21. For a weight with r rows and c columns, or c and r, with `r <= c`, this takes
    /// `5 r^2 (2 c + r)` multiplications and additions, on one thread: for a layer of 1024 inputs and outputs as many as 5000
    /// simulations forward and backward. On a GPU updates are made on the host.
    ///
    /// Which weights are matrices only the network says, see [`Optimiser::for_model`]; a fit asks for that. Before it there
    /// are none, and every parameter is updated by Adam.
    ///
    /// ```
    /// use imnn_models::{Model, Muon, Optimiser, dense, serial, tanh};
    /// let model = Model::new(serial([dense(8), tanh(), dense(2)]), &[4])?;
    /// let muon: Box<dyn Optimiser<f64>> = Muon::new(0.1)?.for_model(&model).unwrap();
    /// let n = model.layout().len();
    /// let (mut w, mut state) = (vec![0.0; n], muon.initialise(n));
    /// // A gradient in one entry of the matrix 4 x 8 is its own singular vector: only this entry moves.
    /// let mut gradient = vec![0.0; n];
    /// gradient[9] = 7.0;
    /// muon.update(0, &mut gradient, &mut state, &mut w);
    /// assert!((w[9] / (-0.1 * 0.2 * 8_f64.sqrt()) - 1.0).abs() < 0.33 && w[8] == 0.0);
    /// # Ok::<(), imnn_models::ModelError>(())
    /// ```
    ///
    /// # References
    /// Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
    /// (<https://kellerjordan.github.io/posts/muon>), algorithm 2, with the running mean of gradients in place of their
    /// sum: O does not see the scale. Liu et al. 2025, arXiv:2502.16982, eq. 4, for the factor before O, without weight decay.
    Muon {
        /// Decay of the mean gradient of matrices, at least 0 and below 1. Defaults to 0.95.
        momentum: f64 = 0.95, decay;
        /// Decay of Adam's mean gradient, at least 0 and below 1. Defaults to 0.9.
        beta1: f64 = 0.9, decay;
        /// Decay of Adam's mean square, at least 0 and below 1. Defaults to 0.999.
        beta2: f64 = 0.999, decay;
        /// Added to Adam's root mean square, positive. Defaults to 1e-8.
        epsilon: f64 = 1e-8, positive;
    }
}

/// Alone it is Adam, on a GPU too; what a network makes of it is [`OfNetwork`].
impl Listed for Muon {
    const NAME: &'static str = "muon";
    const ABOUT: &'static str = "orthogonal steps of hidden weights, else adam; adam's settings and momentum";
    const SLOTS: &'static [&'static str] = Adam::SLOTS;
    const KERNEL: &'static str = Adam::KERNEL;
    type Numbers = <Adam as Listed>::Numbers;

    fn numbers(&self, iteration: u64) -> Self::Numbers {
        let settings = [self.beta1, self.beta2, self.epsilon, 0.0];
        Self::Numbers::new(iteration, self.learning_rate.rate(iteration), settings)
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.numbers(iteration).step(gradient, state, parameters);
    }

    fn for_model<E: Number>(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
        Some(Box::new(OfNetwork::new(self.clone(), model)))
    }
}

#[cfg(test)]
mod tests;
