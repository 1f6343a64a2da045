//! Adam with decoupled weight decay.

use super::adam::Adam;
use super::listed::{Listed, Settings, checked, with_rate};
use super::range::not_negative;
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use imnn_compute::Number;
use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    #[serde(flatten)]
    adam: Adam,
    weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Adam::default().into()
    }
}

impl From<Adam> for AdamW {
    /// Adam's settings with a weight decay of 0.01.
    fn from(adam: Adam) -> Self {
        AdamW { adam, weight_decay: 0.01 }
    }
}

impl AdamW {
    /// As [`Adam::new`], with a weight decay of 0.01.
    ///
    /// # Errors
    /// If the learning rate is out of range.
    pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
        with_rate(learning_rate)
    }

    /// The decay, finite and not negative. Defaults to 0.01.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn weight_decay(self, weight_decay: f64) -> Result<Self> {
        checked(AdamW { weight_decay, ..self })
    }

    /// The settings that it shares with Adam.
    pub fn adam(&self) -> &Adam {
        &self.adam
    }

    /// The decay.
    pub fn decay(&self) -> f64 {
        self.weight_decay
    }
}

impl Settings for AdamW {
    fn rate(&self) -> &Schedule {
        self.adam.rate()
    }

    fn rate_mut(&mut self) -> &mut Schedule {
        self.adam.rate_mut()
    }

    fn check_settings(&self) -> Result<()> {
        self.adam.check_settings()?;
        not_negative("weight_decay", self.weight_decay)
    }
}

impl Listed for AdamW {
    const NAME: &'static str = "adamw";
    const ABOUT: &'static str = "adam with weight decay outside the moments; the same and weight_decay";
    const SLOTS: &'static [&'static str] = Adam::SLOTS;
    const KERNEL: &'static str = Adam::KERNEL;
    type Numbers = <Adam as Listed>::Numbers;

    fn numbers(&self, iteration: u64) -> Self::Numbers {
        self.adam.with_decay(iteration, self.weight_decay)
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.numbers(iteration).step(gradient, state, parameters);
    }
}
