//! Optimisers that see limited gradients.

use super::clip::Clip;
use super::optimiser::{DeviceUpdate, Optimiser};
use super::state::OptimiserState;
use crate::error::Result;
use crate::model::Model;
use imnn_sim::Real;

/// An optimiser, one of the user's own too, with a limit on the gradient if wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clipped<O> {
    pub(super) optimiser: O,
    pub(super) clip: Option<Clip>,
}

impl<O> Clipped<O> {
    /// Limits the norm of the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn norm(optimiser: O, limit: f64) -> Result<Self> {
        Clipped { optimiser, clip: None }.clip(Clip::Norm(limit))
    }

    /// Limits each entry of the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn value(optimiser: O, limit: f64) -> Result<Self> {
        Clipped { optimiser, clip: None }.clip(Clip::Value(limit))
    }

    /// The same with this limit on the gradient.
    ///
    /// # Errors
    /// If the limit is not positive and finite.
    pub fn clip(self, clip: Clip) -> Result<Self> {
        Ok(Clipped { clip: Some(clip.checked()?), ..self })
    }

    /// The optimiser.
    pub fn optimiser(&self) -> &O {
        &self.optimiser
    }

    /// The limit on the gradient, if there is one.
    pub fn clipping(&self) -> Option<Clip> {
        self.clip
    }
}

impl<E: Real, O: Optimiser<E>> Optimiser<E> for Clipped<O> {
    fn name(&self) -> &str {
        self.optimiser.name()
    }

    fn device_update(&self) -> Option<DeviceUpdate> {
        let mut update = self.optimiser.device_update()?;
        // Two limits, one after the other, are more than a kernel knows.
        if update.clip.is_some() && self.clip.is_some() {
            return None;
        }
        update.clip = update.clip.or(self.clip);
        Some(update)
    }

    fn for_model(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
        let optimiser = self.optimiser.for_model(model)?;
        Some(Box::new(Clipped { optimiser, clip: self.clip }))
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.optimiser.initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        if let Some(clip) = self.clip {
            clip.apply(gradient);
        }
        self.optimiser.update(iteration, gradient, state, parameters);
    }

    fn check(&self, state: &OptimiserState<E>, n: usize) -> Result<()> {
        self.optimiser.check(state, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Sgd};

    #[test]
    fn the_optimiser_sees_the_limited_gradient() {
        let optimiser = Clipped::norm(Sgd::new(0.5).unwrap(), 10.0).unwrap();
        let (mut w, mut state) = ([0.0_f64, 0.0], optimiser.initialise(2));
        optimiser.update(0, &mut [30.0, -40.0], &mut state, &mut w);
        approx::assert_relative_eq!(w[..], [-3.0, 4.0][..], max_relative = 1e-14);
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let error = Clipped::norm(Sgd::new(0.1).unwrap(), 0.0).unwrap_err().to_string();
        assert_eq!(error, "clip_norm is 0, it must be positive and finite");
        assert!(Clipped::value(Sgd::new(0.1).unwrap(), f64::NAN).is_err());
    }

    /// One limit is part of the update of a device, a second is not.
    #[test]
    fn devices_take_one_limit() {
        let once = Clipped::value(Adam::new(0.1).unwrap(), 2.0).unwrap();
        let update = Optimiser::<f64>::device_update(&once).unwrap();
        assert_eq!((update.kernel, update.clip), ("adam", Some(Clip::Value(2.0))));
        let twice = Clipped::norm(once, 1.0).unwrap();
        assert!(Optimiser::<f64>::device_update(&twice).is_none());
    }
}
