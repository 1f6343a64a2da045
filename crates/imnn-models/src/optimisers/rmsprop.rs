//! RMSProp.

use super::listed::{Listed, Settings, checked, coefficients, optimiser};
use super::range::{decay, positive};
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use imnn_compute::{Number, vectorised};

optimiser! {
    /// RMSProp: steps of the gradient over its root mean square.
    ///
    /// ```text
    /// v = decay v + (1 - decay) g^2
    /// w = w - rate g / (sqrt(v) + eps)
    /// ```
    ///
    /// # References
    /// Tieleman & Hinton 2012, "Neural networks for machine learning", lecture 6.5. Where to add eps differs between
    /// programs; here it is outside the root, as in Adam.
    RmsProp {
        /// Decay of the mean square, at least 0 and below 1. Defaults to 0.9.
        decay: f64 = 0.9, decay;
        /// Added to the root mean square, positive. Defaults to 1e-8.
        epsilon: f64 = 1e-8, positive;
    }
}

coefficients! {
    rate,
    /// `1 - decay`.
    rest,
    decay,
    epsilon,
}

vectorised! {
    /// The loop of an update.
    fn update<'a, E>(c: Coefficients<E>, g: &'a [E], v: &'a mut [E], w: &'a mut [E]) {
        for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
            *v = c.rest * (g * g) + c.decay * *v;
            *w -= c.rate * g / (v.sqrt() + c.epsilon);
        }
    }
}

impl Listed for RmsProp {
    const NAME: &'static str = "rmsprop";
    const ABOUT: &'static str = "steps of the gradient over its root mean square; decay, epsilon";
    const SLOTS: &'static [&'static str] = &["v"];
    const KERNEL: &'static str = "rmsprop";
    type Numbers = Coefficients<f64>;

    fn numbers(&self, iteration: u64) -> Coefficients<f64> {
        let rate = self.learning_rate.rate(iteration);
        Coefficients { rate, rest: 1.0 - self.decay, decay: self.decay, epsilon: self.epsilon }
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let [v] = state.vectors_mut(["v"], parameters.len());
        update(self.numbers(iteration).rounded(), gradient, v, parameters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Optimiser;
    use approx::assert_relative_eq;

    #[test]
    fn first_steps_by_hand() {
        let optimiser = RmsProp::new(0.1).unwrap().decay(0.75).unwrap();
        let (mut w, mut state) = ([1.0_f64], optimiser.initialise(1));
        // v = 0.25 * 4 = 1, then 0.75 + 0.25 * 9 = 3.
        optimiser.update(0, &mut [2.0], &mut state, &mut w);
        assert_relative_eq!(w[0], 1.0 - 0.2 / (1.0 + 1e-8), max_relative = 1e-14);
        let before = w[0];
        optimiser.update(1, &mut [-3.0], &mut state, &mut w);
        assert_relative_eq!(w[0], before + 0.3 / (3.0_f64.sqrt() + 1e-8), max_relative = 1e-14);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(RmsProp::new(0.1).unwrap().decay(-0.1).is_err());
        let error = RmsProp::new(0.1).unwrap().epsilon(f64::NAN).unwrap_err().to_string();
        assert_eq!(error, "epsilon is NaN, it must be positive and finite");
    }
}
