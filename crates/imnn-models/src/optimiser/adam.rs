//! Adam, and Adam with decoupled weight decay.

use super::{Optimiser, OptimiserConfig, OptimiserState, Schedule, decay, not_negative, positive};
use crate::error::Result;
use imnn_sim::Real;
use pulp::{Arch, Simd, WithSimd};

/// Adam: steps of the mean gradient over its root mean square.
///
/// ```text
/// m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
/// w = w - rate (m / (1 - b1^(i+1))) / (sqrt(v / (1 - b2^(i+1))) + eps)
/// ```
///
/// # References
/// Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; its t is i + 1 here.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    learning_rate: Schedule,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
}

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
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

impl Default for Adam {
    /// Adam with a learning rate of 1e-3.
    fn default() -> Self {
        Adam { learning_rate: Schedule::Constant(1e-3), beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Adam {
    /// Adam with this learning rate, `beta1` 0.9, `beta2` 0.999 and `epsilon` 1e-8.
    ///
    /// # Errors
    /// If the learning rate is out of range.
    pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
        let learning_rate = learning_rate.into().checked()?;
        Ok(Adam { learning_rate, ..Adam::default() })
    }

    /// Decay of the mean gradient, at least 0 and below 1. Defaults to 0.9.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn beta1(mut self, beta1: f64) -> Result<Self> {
        self.beta1 = decay("beta1", beta1)?;
        Ok(self)
    }

    /// Decay of the mean square, at least 0 and below 1. Defaults to 0.999.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn beta2(mut self, beta2: f64) -> Result<Self> {
        self.beta2 = decay("beta2", beta2)?;
        Ok(self)
    }

    /// Added to the root mean square, positive. Defaults to 1e-8.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn epsilon(mut self, epsilon: f64) -> Result<Self> {
        self.epsilon = positive("epsilon", epsilon)?;
        Ok(self)
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> &Schedule {
        &self.learning_rate
    }

    /// `beta1`, `beta2` and `epsilon`.
    pub fn constants(&self) -> (f64, f64, f64) {
        (self.beta1, self.beta2, self.epsilon)
    }

    /// The numbers of one update, in this order: `1 - b1`, `1 - b2`, `b1`, `b2`, `rate / (1 - b1^(i+1))`,
    /// `1 / (1 - b2^(i+1))`, `eps`, `rate decay`.
    pub(super) fn coefficients<E: Real>(&self, iteration: u64, weight_decay: f64) -> [E; 8] {
        let (i, rate) = (iteration as f64, self.learning_rate.rate(iteration));
        // The bias corrections are the same for all weights: one division of each is left.
        let scale = rate / (1.0 - self.beta1.powf(i + 1.0));
        let lift = 1.0 / (1.0 - self.beta2.powf(i + 1.0));
        [1.0 - self.beta1, 1.0 - self.beta2, self.beta1, self.beta2, scale, lift, self.epsilon, rate * weight_decay]
            .map(E::of)
    }

    /// One update, with the weight decay of [`AdamW`].
    fn step<E: Real>(
        &self,
        iteration: u64,
        gradient: &[E],
        state: &mut OptimiserState<E>,
        parameters: &mut [E],
        weight_decay: f64,
    ) {
        assert_eq!(gradient.len(), parameters.len(), "one gradient entry per parameter");
        let [m, v] = state.vectors_mut(["m", "v"], parameters.len());
        let [a1, a2, b1, b2, scale, lift, epsilon, shrink]: [E; 8] = self.coefficients(iteration, weight_decay);
        Arch::new().dispatch(Step {
            a: [a1, a2],
            b: [b1, b2],
            scale,
            lift,
            epsilon,
            shrink,
            gradient,
            m,
            v,
            parameters,
        });
    }
}

/// The loop of an update, compiled for each instruction set.
struct Step<'a, E> {
    /// `1 - beta` and `beta` of both moments.
    a: [E; 2],
    b: [E; 2],
    scale: E,
    lift: E,
    epsilon: E,
    shrink: E,
    gradient: &'a [E],
    m: &'a mut [E],
    v: &'a mut [E],
    parameters: &'a mut [E],
}

impl<E: Real> WithSimd for Step<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Step { a, b, scale, lift, epsilon, shrink, gradient, m, v, parameters } = self;
        for (((w, &g), m), v) in parameters.iter_mut().zip(gradient).zip(m).zip(v) {
            *m = a[0] * g + b[0] * *m;
            *v = a[1] * (g * g) + b[1] * *v;
            *w = *w - scale * *m / ((lift * *v).sqrt() + epsilon) - shrink * *w;
        }
    }
}

impl AdamW {
    /// As [`Adam::new`], with a weight decay of 0.01.
    ///
    /// # Errors
    /// If the learning rate is out of range.
    pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
        Ok(Adam::new(learning_rate)?.into())
    }

    /// The decay, finite and not negative. Defaults to 0.01.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn weight_decay(mut self, weight_decay: f64) -> Result<Self> {
        self.weight_decay = not_negative("weight_decay", weight_decay)?;
        Ok(self)
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

impl From<Adam> for AdamW {
    /// Adam's settings with a weight decay of 0.01.
    fn from(adam: Adam) -> Self {
        AdamW { adam, weight_decay: 0.01 }
    }
}

impl<E: Real> Optimiser<E> for Adam {
    fn config(&self) -> Option<OptimiserConfig> {
        Some(self.clone().into())
    }

    fn name(&self) -> &str {
        "adam"
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        OptimiserState::zeros(&["m", "v"], n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.step(iteration, gradient, state, parameters, 0.0);
    }
}

impl<E: Real> Optimiser<E> for AdamW {
    fn config(&self) -> Option<OptimiserConfig> {
        Some(self.clone().into())
    }

    fn name(&self) -> &str {
        "adamw"
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.adam.initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.adam.step(iteration, gradient, state, parameters, self.weight_decay);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn first_steps_by_hand() {
        let adam = Adam::new(0.1).unwrap().epsilon(1e-8).unwrap();
        let (mut w, mut state) = ([1.0_f64], adam.initialise(1));
        // g = 2: m = 0.2, v = 0.004, corrected 2 and 4: a step of 0.1 * 2 / (2 + 1e-8).
        adam.update(0, &[2.0], &mut state, &mut w);
        assert_relative_eq!(w[0], 1.0 - 0.1 * 2.0 / (2.0 + 1e-8), max_relative = 1e-14);
        assert_relative_eq!(state.get("m").unwrap()[0], 0.2, max_relative = 1e-14);
        assert_relative_eq!(state.get("v").unwrap()[0], 0.004, max_relative = 1e-14);
        // g = -1: m = 0.18 - 0.1 = 0.08 over 0.19; v = 0.003996 + 0.001 = 0.004996 over 0.001999.
        let before = w[0];
        adam.update(1, &[-1.0], &mut state, &mut w);
        let step = 0.1 * (0.08 / 0.19) / ((0.004996_f64 / 0.001999).sqrt() + 1e-8);
        assert_relative_eq!(w[0], before - step, max_relative = 1e-12);
    }

    /// A fit that goes on keeps the moments and counts from 0 again, as the original does.
    #[test]
    fn the_bias_correction_follows_the_iteration_given() {
        let adam = Adam::new(0.1).unwrap();
        let (mut w, mut state) = ([1.0_f64], adam.initialise(1));
        adam.update(0, &[2.0], &mut state, &mut w);
        let before = w[0];
        adam.update(0, &[2.0], &mut state, &mut w);
        let (m, v) = (0.38 / 0.1, 0.007996 / 0.001);
        assert_relative_eq!(w[0], before - 0.1 * m / (f64::sqrt(v) + 1e-8), max_relative = 1e-12);
    }

    #[test]
    fn weight_decay_shrinks_the_old_weight() {
        let (mut w, mut state) = ([3.0_f64, 3.0], Optimiser::initialise(&Adam::new(0.1).unwrap(), 2));
        let optimiser = AdamW::new(0.1).unwrap().weight_decay(0.5).unwrap();
        optimiser.update(0, &[2.0, 0.0], &mut state, &mut w);
        assert_relative_eq!(w[0], 3.0 - 0.1 * 2.0 / (2.0 + 1e-8) - 0.1 * 0.5 * 3.0, max_relative = 1e-14);
        assert_relative_eq!(w[1], 3.0 - 0.15, max_relative = 1e-14);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let message = |result: Result<Adam>| result.unwrap_err().to_string();
        assert_eq!(message(Adam::new(-1.0)), "learning_rate is -1, it must be finite and not negative");
        assert_eq!(message(Adam::new(f64::NAN)), "learning_rate is NaN, it must be finite and not negative");
        let adam = Adam::new(1e-3).unwrap();
        assert_eq!(message(adam.clone().beta1(1.0)), "beta1 is 1, it must be at least 0 and below 1");
        assert_eq!(message(adam.clone().beta2(f64::NAN)), "beta2 is NaN, it must be at least 0 and below 1");
        assert_eq!(message(adam.epsilon(0.0)), "epsilon is 0, it must be positive and finite");
        assert!(AdamW::new(1e-3).unwrap().weight_decay(-0.1).is_err());
    }
}
