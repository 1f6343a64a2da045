//! Adam with decoupled weight decay.

use super::adam::Adam;
use super::listed::{Listed, Settings, checked, optimiser};
use super::range::{decay, not_negative, positive};
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use imnn_compute::Number;

optimiser! {
    /// Adam with weight decay outside the moments.
    ///
    /// ```text
    /// w = w - rate (Adam's step + decay w)
    /// ```
    ///
    /// All parameters decay, biases too.
    ///
    /// # References
    /// Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, with the decay multiplied by the learning rate as in common
    /// use.
    AdamW {
        /// Decay of the mean gradient, at least 0 and below 1. Defaults to 0.9.
        beta1: f64 = 0.9, decay;
        /// Decay of the mean square, at least 0 and below 1. Defaults to 0.999.
        beta2: f64 = 0.999, decay;
        /// Added to the root mean square, positive. Defaults to 1e-8.
        epsilon: f64 = 1e-8, positive;
        /// The decay of weights, finite and not negative. Defaults to 0.01.
        weight_decay: f64 = 0.01, not_negative;
    }
}

impl Listed for AdamW {
    const NAME: &'static str = "adamw";
    const ABOUT: &'static str = "adam with weight decay outside the moments; the same and weight_decay";
    const SLOTS: &'static [&'static str] = Adam::SLOTS;
    const KERNEL: &'static str = Adam::KERNEL;
    type Numbers = <Adam as Listed>::Numbers;

    fn numbers(&self, iteration: u64) -> Self::Numbers {
        let settings = [self.beta1, self.beta2, self.epsilon, self.weight_decay];
        Self::Numbers::new(iteration, self.learning_rate.rate(iteration), settings)
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.numbers(iteration).step(gradient, state, parameters);
    }
}
