//! Adam.

use super::listed::{Listed, Settings, checked, coefficients, optimiser};
use super::range::{decay, positive};
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use imnn_compute::{Number, vectorised};

optimiser! {
    /// Adam: steps of the mean gradient over its root mean square.
    ///
    /// ```text
    /// m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2
    /// w = w - rate (m / (1 - b1^(i+1))) / (sqrt(v / (1 - b2^(i+1))) + eps)
    /// ```
    ///
    /// # References
    /// Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; its t is i + 1 here.
    Adam {
        /// Decay of the mean gradient, at least 0 and below 1. Defaults to 0.9.
        beta1: f64 = 0.9, decay;
        /// Decay of the mean square, at least 0 and below 1. Defaults to 0.999.
        beta2: f64 = 0.999, decay;
        /// Added to the root mean square, positive. Defaults to 1e-8.
        epsilon: f64 = 1e-8, positive;
    }
}

coefficients! {
    /// `1 - b1`.
    rest1,
    /// `1 - b2`.
    rest2,
    beta1,
    beta2,
    /// `rate / (1 - b1^(i+1))`.
    scale,
    /// `1 / (1 - b2^(i+1))`.
    lift,
    epsilon,
    /// `rate decay`.
    shrink,
}

impl Coefficients<f64> {
    /// The numbers of an update with weight decay.
    pub(super) fn new(iteration: u64, rate: f64, [beta1, beta2, epsilon, weight_decay]: [f64; 4]) -> Self {
        let t = iteration as f64 + 1.0;
        Coefficients {
            rest1: 1.0 - beta1,
            rest2: 1.0 - beta2,
            beta1,
            beta2,
            // The bias corrections are the same for all weights: one division of each is left.
            scale: rate / (1.0 - beta1.powf(t)),
            lift: 1.0 / (1.0 - beta2.powf(t)),
            epsilon,
            shrink: rate * weight_decay,
        }
    }

    /// One update, with the vectors `m` and `v` of the state.
    pub(super) fn step<E: Number>(self, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let slots = state.vectors_mut(["m", "v"], parameters.len());
        self.step_on(gradient, slots, parameters);
    }

    /// One update of some of the parameters, with their parts of `m` and `v`.
    pub(super) fn step_on<E: Number>(self, gradient: &[E], [m, v]: [&mut [E]; 2], parameters: &mut [E]) {
        update(self.rounded(), gradient, m, v, parameters);
    }
}

vectorised! {
    /// The loop of an update.
    fn update<'a, E>(c: Coefficients<E>, g: &'a [E], m: &'a mut [E], v: &'a mut [E], w: &'a mut [E]) {
        for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
            *m = c.rest1 * g + c.beta1 * *m;
            *v = c.rest2 * (g * g) + c.beta2 * *v;
            *w = *w - c.scale * *m / ((c.lift * *v).sqrt() + c.epsilon) - c.shrink * *w;
        }
    }
}

impl Listed for Adam {
    const NAME: &'static str = "adam";
    const ABOUT: &'static str = "steps of the mean gradient over its root mean square; beta1, beta2, epsilon";
    const SLOTS: &'static [&'static str] = &["m", "v"];
    const KERNEL: &'static str = "adam";
    type Numbers = Coefficients<f64>;

    fn numbers(&self, iteration: u64) -> Coefficients<f64> {
        let rate = self.learning_rate.rate(iteration);
        Coefficients::new(iteration, rate, [self.beta1, self.beta2, self.epsilon, 0.0])
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.numbers(iteration).step(gradient, state, parameters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamW, Optimiser};
    use approx::assert_relative_eq;

    #[test]
    fn first_steps_by_hand() {
        let adam = Adam::new(0.1).unwrap().epsilon(1e-8).unwrap();
        let (mut w, mut state) = ([1.0_f64], adam.initialise(1));
        // g = 2: m = 0.2, v = 0.004, corrected 2 and 4: a step of 0.1 * 2 / (2 + 1e-8).
        adam.update(0, &mut [2.0], &mut state, &mut w);
        assert_relative_eq!(w[0], 1.0 - 0.1 * 2.0 / (2.0 + 1e-8), max_relative = 1e-14);
        assert_relative_eq!(state.get("m").unwrap()[0], 0.2, max_relative = 1e-14);
        assert_relative_eq!(state.get("v").unwrap()[0], 0.004, max_relative = 1e-14);
        // g = -1: m = 0.18 - 0.1 = 0.08 over 0.19; v = 0.003996 + 0.001 = 0.004996 over 0.001999.
        let before = w[0];
        adam.update(1, &mut [-1.0], &mut state, &mut w);
        let step = 0.1 * (0.08 / 0.19) / ((0.004996_f64 / 0.001999).sqrt() + 1e-8);
        assert_relative_eq!(w[0], before - step, max_relative = 1e-12);
    }

    /// A fit that goes on keeps the moments and counts from 0 again, as the original does.
    #[test]
    fn the_bias_correction_follows_the_iteration_given() {
        let adam = Adam::new(0.1).unwrap();
        let (mut w, mut state) = ([1.0_f64], adam.initialise(1));
        adam.update(0, &mut [2.0], &mut state, &mut w);
        let before = w[0];
        adam.update(0, &mut [2.0], &mut state, &mut w);
        let (m, v) = (0.38 / 0.1, 0.007996 / 0.001);
        assert_relative_eq!(w[0], before - 0.1 * m / (f64::sqrt(v) + 1e-8), max_relative = 1e-12);
    }

    #[test]
    fn weight_decay_shrinks_the_old_weight() {
        let (mut w, mut state) = ([3.0_f64, 3.0], Optimiser::initialise(&Adam::new(0.1).unwrap(), 2));
        let optimiser = AdamW::new(0.1).unwrap().weight_decay(0.5).unwrap();
        optimiser.update(0, &mut [2.0, 0.0], &mut state, &mut w);
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
