//! Gradient descent with momentum.

use super::listed::{Listed, Settings, checked, coefficients, optimiser};
use super::range::decay;
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::Result;
use imnn_compute::Number;

optimiser! {
    /// Gradient descent, with momentum if wanted.
    ///
    /// ```text
    /// v = momentum v + g
    /// w = w - rate v                     or, with Nesterov's momentum,   w = w - rate (g + momentum v)
    /// ```
    ///
    /// # References
    /// Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", eqs. 1-4, with the
    /// learning rate outside v, so that a schedule acts at once.
    Sgd {
        /// The momentum, at least 0 and below 1. Defaults to 0.
        momentum: f64 = 0.0, decay;
        /// Whether the momentum is Nesterov's. Defaults to false.
        nesterov: bool = false;
    }
}

coefficients! {
    rate,
    momentum,
    /// 1 with Nesterov's momentum, else 0.
    nesterov,
}

impl Listed for Sgd {
    const NAME: &'static str = "sgd";
    const ABOUT: &'static str = "gradient descent; momentum, nesterov";
    const SLOTS: &'static [&'static str] = &["v"];
    const KERNEL: &'static str = "sgd";
    type Numbers = Coefficients<f64>;

    fn numbers(&self, iteration: u64) -> Coefficients<f64> {
        let (rate, nesterov) = (self.learning_rate.rate(iteration), f64::from(u8::from(self.nesterov)));
        Coefficients { rate, momentum: self.momentum, nesterov }
    }

    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let [v] = state.vectors_mut(["v"], parameters.len());
        let Coefficients { rate, momentum, .. }: Coefficients<E> = self.numbers(iteration).rounded();
        for ((w, &g), v) in parameters.iter_mut().zip(gradient).zip(v) {
            *v = momentum * *v + g;
            let direction = if self.nesterov { g + momentum * *v } else { *v };
            *w -= rate * direction;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Optimiser;
    use approx::assert_relative_eq;

    fn after_two_steps(optimiser: Sgd) -> f64 {
        let (mut w, mut state) = ([1.0_f64], optimiser.initialise(1));
        optimiser.update(0, &mut [2.0], &mut state, &mut w);
        optimiser.update(1, &mut [-1.0], &mut state, &mut w);
        w[0]
    }

    #[test]
    fn first_steps_by_hand() {
        let sgd = Sgd::new(0.1).unwrap();
        assert_relative_eq!(after_two_steps(sgd.clone()), 1.0 - 0.2 + 0.1, max_relative = 1e-14);
        // v: 2, then 0.5 * 2 - 1 = 0.
        let momentum = sgd.momentum(0.5).unwrap();
        assert_relative_eq!(after_two_steps(momentum.clone()), 1.0 - 0.2, max_relative = 1e-14);
        // Steps 2 + 0.5 * 2 = 3, then -1 + 0.5 * 0 = -1.
        assert_relative_eq!(after_two_steps(momentum.nesterov(true)), 1.0 - 0.3 + 0.1, max_relative = 1e-14);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(Sgd::new(f64::INFINITY).is_err());
        let error = Sgd::new(0.1).unwrap().momentum(1.0).unwrap_err().to_string();
        assert_eq!(error, "momentum is 1, it must be at least 0 and below 1");
    }
}
