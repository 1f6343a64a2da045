//! Gradient descent with momentum.

use super::{Optimiser, OptimiserConfig, OptimiserState, Schedule, decay};
use crate::error::Result;
use imnn_sim::Real;

/// Gradient descent, with momentum if wanted.
///
/// ```text
/// v = momentum v + g
/// w = w - rate v                     or, with Nesterov's momentum,   w = w - rate (g + momentum v)
/// ```
///
/// # References
/// Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", eqs. 1-4, with the learning
/// rate outside v, so that a schedule acts at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    learning_rate: Schedule,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent.
    ///
    /// # Errors
    /// If the learning rate is out of range.
    pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
        Ok(Sgd { learning_rate: learning_rate.into().checked()?, momentum: 0.0, nesterov: false })
    }

    /// The momentum, at least 0 and below 1. Defaults to 0.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn momentum(mut self, momentum: f64) -> Result<Self> {
        self.momentum = decay("momentum", momentum)?;
        Ok(self)
    }

    /// Whether the momentum is Nesterov's. Defaults to false.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> &Schedule {
        &self.learning_rate
    }

    /// The momentum, and whether it is Nesterov's.
    pub fn constants(&self) -> (f64, bool) {
        (self.momentum, self.nesterov)
    }

    /// The numbers of one update: rate, momentum.
    pub(super) fn coefficients<E: Real>(&self, iteration: u64) -> [E; 2] {
        [self.learning_rate.rate(iteration), self.momentum].map(E::of)
    }
}

impl<E: Real> Optimiser<E> for Sgd {
    fn config(&self) -> Option<OptimiserConfig> {
        Some(self.clone().into())
    }

    fn name(&self) -> &str {
        "sgd"
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        OptimiserState::zeros(&["v"], n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        assert_eq!(gradient.len(), parameters.len(), "one gradient entry per parameter");
        let [v] = state.vectors_mut(["v"], parameters.len());
        let [rate, momentum]: [E; 2] = self.coefficients(iteration);
        for ((w, &g), v) in parameters.iter_mut().zip(gradient).zip(v) {
            *v = momentum * *v + g;
            let direction = if self.nesterov { g + momentum * *v } else { *v };
            *w = *w - rate * direction;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    fn after_two_steps(optimiser: Sgd) -> f64 {
        let (mut w, mut state) = ([1.0_f64], optimiser.initialise(1));
        optimiser.update(0, &[2.0], &mut state, &mut w);
        optimiser.update(1, &[-1.0], &mut state, &mut w);
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
