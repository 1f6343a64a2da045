//! What is done when the numbers of training come to nothing: back to good weights, with a smaller step.

use crate::error::{FitError, Result};
use crate::imnn::Imnn;
use crate::observer::Observer;
use imnn_models::{Element, Optimiser, OptimiserState};

/// How often a call of fit goes back, each time with half the step, before it gives up.
pub(crate) const SETBACKS: usize = 3;

/// The share of an optimiser's step that is taken after so many setbacks.
fn share(setbacks: usize) -> f64 {
    0.5_f64.powi(setbacks as i32)
}

/// An optimiser whose steps are a share of those of another.
#[derive(Debug)]
pub(crate) struct Smaller<'a, E: Element> {
    inner: &'a dyn Optimiser<E>,
    share: f64,
}

impl<'a, E: Element> Smaller<'a, E> {
    /// The steps of `inner` after so many setbacks.
    pub(crate) fn after(setbacks: usize, inner: &'a dyn Optimiser<E>) -> Self {
        Smaller { inner, share: share(setbacks) }
    }
}

/// It is for the host: no device has an update of this kind.
impl<E: Element> Optimiser<E> for Smaller<'_, E> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.inner.initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let before = parameters.to_vec();
        self.inner.update(iteration, gradient, state, parameters);
        let share = E::of(self.share);
        parameters.iter_mut().zip(before).for_each(|(now, before)| *now = before + share * (*now - before));
    }
}

impl<E: Element> Imnn<E> {
    /// Goes back to the weights that the round began with, or to the best so far, after an `error` of the numbers of training: the
    /// optimiser begins anew and takes half the step. Otherwise, or if that has been done too often, it is the error, and the weights are
    /// the best ones.
    pub(crate) fn go_back(
        &mut self,
        error: FitError,
        optimiser: &dyn Optimiser<E>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let state = &mut self.state;
        let of_round = state.call.as_ref().and_then(|call| call.round.as_ref()).map(|round| &round.start);
        let good = of_round.or(state.best.as_ref()).cloned();
        let Some(good) = good.filter(|_| error.is_numerical()) else { return Err(error) };
        let to = if of_round.is_some() { "the weights that this round began with" } else { "the best weights so far" };
        state.parameters = good;
        let counters = &mut state.counters;
        // The first iteration would come to the same again.
        if counters.setbacks == SETBACKS || counters.done == 0 {
            return Err(error);
        }
        counters.setbacks += 1;
        state.optimiser = optimiser.initialise(state.parameters.values().len());
        let cause = match error {
            FitError::Stopped { iteration, source } => format!("iteration {iteration}: {source}"),
            error => error.to_string(),
        };
        observer.notice(&format!(
            "{cause}; going back to {to}, with {} of the step ({} of at most {SETBACKS} times)",
            share(counters.setbacks),
            counters.setbacks
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_models::Adam;

    #[test]
    fn each_setback_halves_the_step() {
        let step = |setbacks: usize| {
            let adam = Adam::new(0.5).unwrap();
            let smaller = Smaller::<f64>::after(setbacks, &adam);
            let (mut state, mut weights) = (smaller.initialise(2), [4.0, -1.0]);
            smaller.update(0, &mut [2.0, -3.0], &mut state, &mut weights);
            [weights[0] - 4.0, weights[1] + 1.0]
        };
        let whole = step(0);
        // The first step of Adam is the learning rate against the sign of the gradient.
        assert!((whole[0] + 0.5).abs() < 1e-6 && (whole[1] - 0.5).abs() < 1e-6, "{whole:?}");
        for (setbacks, share) in [(1, 0.5), (2, 0.25), (3, 0.125)] {
            approx::assert_relative_eq!(&step(setbacks)[..], &whole.map(|step| share * step)[..], max_relative = 1e-14);
        }
        assert_eq!(Optimiser::<f64>::name(&Smaller::after(1, &Adam::new(0.5).unwrap())), "adam");
    }
}
