//! RMSProp.

use super::{Optimiser, OptimiserConfig, OptimiserState, Schedule, decay, positive};
use crate::error::Result;
use imnn_sim::Real;
use pulp::{Arch, Simd, WithSimd};

/// RMSProp: steps of the gradient over its root mean square.
///
/// ```text
/// v = decay v + (1 - decay) g^2
/// w = w - rate g / (sqrt(v) + eps)
/// ```
///
/// # References
/// Tieleman & Hinton 2012, "Neural networks for machine learning", lecture 6.5. Where to add eps differs between programs;
/// here it is outside the root, as in Adam.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp {
    learning_rate: Schedule,
    decay: f64,
    epsilon: f64,
}

impl RmsProp {
    /// RMSProp with this learning rate, decay 0.9 and `epsilon` 1e-8.
    ///
    /// # Errors
    /// If the learning rate is out of range.
    pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
        Ok(RmsProp { learning_rate: learning_rate.into().checked()?, decay: 0.9, epsilon: 1e-8 })
    }

    /// Decay of the mean square, at least 0 and below 1. Defaults to 0.9.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn decay(mut self, value: f64) -> Result<Self> {
        self.decay = decay("decay", value)?;
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

    /// Decay and epsilon.
    pub fn constants(&self) -> (f64, f64) {
        (self.decay, self.epsilon)
    }

    /// The numbers of one update: rate, `1 - decay`, `decay`, `eps`.
    pub(super) fn coefficients<E: Real>(&self, iteration: u64) -> [E; 4] {
        [self.learning_rate.rate(iteration), 1.0 - self.decay, self.decay, self.epsilon].map(E::of)
    }
}

impl<E: Real> Optimiser<E> for RmsProp {
    fn config(&self) -> Option<OptimiserConfig> {
        Some(self.clone().into())
    }

    fn name(&self) -> &str {
        "rmsprop"
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        OptimiserState::zeros(&["v"], n)
    }

    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        assert_eq!(gradient.len(), parameters.len(), "one gradient entry per parameter");
        let [v] = state.vectors_mut(["v"], parameters.len());
        let [rate, a, b, epsilon]: [E; 4] = self.coefficients(iteration);
        Arch::new().dispatch(Step { a, b, rate, epsilon, gradient, v, parameters });
    }
}

/// The loop of an update, compiled for each instruction set.
struct Step<'a, E> {
    a: E,
    b: E,
    rate: E,
    epsilon: E,
    gradient: &'a [E],
    v: &'a mut [E],
    parameters: &'a mut [E],
}

impl<E: Real> WithSimd for Step<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Step { a, b, rate, epsilon, gradient, v, parameters } = self;
        for ((w, &g), v) in parameters.iter_mut().zip(gradient).zip(v) {
            *v = a * (g * g) + b * *v;
            *w = *w - rate * g / (v.sqrt() + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn first_steps_by_hand() {
        let optimiser = RmsProp::new(0.1).unwrap().decay(0.75).unwrap();
        let (mut w, mut state) = ([1.0_f64], optimiser.initialise(1));
        // v = 0.25 * 4 = 1, then 0.75 + 0.25 * 9 = 3.
        optimiser.update(0, &[2.0], &mut state, &mut w);
        assert_relative_eq!(w[0], 1.0 - 0.2 / (1.0 + 1e-8), max_relative = 1e-14);
        let before = w[0];
        optimiser.update(1, &[-3.0], &mut state, &mut w);
        assert_relative_eq!(w[0], before + 0.3 / (3.0_f64.sqrt() + 1e-8), max_relative = 1e-14);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(RmsProp::new(0.1).unwrap().decay(-0.1).is_err());
        let error = RmsProp::new(0.1).unwrap().epsilon(f64::NAN).unwrap_err().to_string();
        assert_eq!(error, "epsilon is NaN, it must be positive and finite");
    }
}
