//! Optimisers: how a gradient changes the parameters.

mod adam;
mod clip;
mod config;
mod rms_prop;
mod schedule;
mod sgd;
mod state;

pub use adam::{Adam, AdamW};
pub use clip::{Clip, Clipped};
pub use config::{Method, OptimiserConfig};
pub use rms_prop::RmsProp;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use state::OptimiserState;

use crate::error::{ModelError, Result};
use imnn_sim::Real;
use std::fmt::Debug;
use std::sync::Arc;

/// A rule that turns gradients into new parameters.
///
/// ```
/// use imnn_models::{Adam, Optimiser};
/// // The minimum of (w - 3)^2.
/// let optimiser = Adam::new(0.1)?;
/// let mut w = [0.0_f64];
/// let mut state = optimiser.initialise(1);
/// for iteration in 0..500 {
///     let gradient = [2.0 * (w[0] - 3.0)];
///     optimiser.update(iteration, &gradient, &mut state, &mut w);
/// }
/// assert!((w[0] - 3.0).abs() < 1e-3);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
pub trait Optimiser<E: Real>: Send + Sync + Debug {
    /// The name in run files.
    fn name(&self) -> &str;

    /// The optimiser as one of the built-in ones with its settings, if it is one: a device with weights of its own can then
    /// make the updates itself. By default it is none, and updates are made on the host.
    fn config(&self) -> Option<OptimiserConfig> {
        None
    }

    /// The state before the first update of `n` parameters.
    fn initialise(&self, n: usize) -> OptimiserState<E>;

    /// Changes the parameters. `iteration` counts from 0 and starts again at each call of fit; it sets the learning rate and
    /// the bias correction. A gradient that is not finite makes parameters that are not finite.
    ///
    /// # Panics
    /// If gradient, state and parameters differ in length; [`Optimiser::check`] tells for a state from elsewhere.
    fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]);

    /// Whether `state`, from a file for instance, belongs to this optimiser and `n` parameters.
    ///
    /// # Errors
    /// [`ModelError::Parameters`] naming the first vector that is missing, not wanted, or of another length.
    fn check(&self, state: &OptimiserState<E>, n: usize) -> Result<()> {
        let refuse = |message: String| {
            Err(ModelError::Parameters { origin: format!("the optimiser state (for {})", self.name()), message })
        };
        let expected = self.initialise(n);
        for (name, vector) in expected.slots() {
            match state.get(name) {
                None => return refuse(format!("the vector {name:?} is missing")),
                Some(found) if found.len() != vector.len() => {
                    return refuse(format!("{name:?} has {} entries, expected {}", found.len(), vector.len()));
                }
                Some(_) => {}
            }
        }
        match state.slots().iter().find(|(name, _)| expected.get(name).is_none()) {
            Some((name, _)) => refuse(format!("the vector {name:?} belongs to another optimiser")),
            None => Ok(()),
        }
    }
}

macro_rules! forward_to_inner {
    ($pointer:ident) => {
        impl<E: Real, O: Optimiser<E> + ?Sized> Optimiser<E> for $pointer<O> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn config(&self) -> Option<OptimiserConfig> {
                (**self).config()
            }

            fn initialise(&self, n: usize) -> OptimiserState<E> {
                (**self).initialise(n)
            }

            fn update(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
                (**self).update(iteration, gradient, state, parameters);
            }

            fn check(&self, state: &OptimiserState<E>, n: usize) -> Result<()> {
                (**self).check(state, n)
            }
        }
    };
}

forward_to_inner!(Box);
forward_to_inner!(Arc);

/// `value` if `valid`, else the error that says what the setting may be.
fn checked(setting: &'static str, value: f64, valid: bool, range: &'static str) -> Result<f64> {
    if valid { Ok(value) } else { Err(ModelError::Setting { setting, value, range }) }
}

/// A decay rate of a running mean.
fn decay(setting: &'static str, value: f64) -> Result<f64> {
    checked(setting, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
}

/// A number that divides or scales.
fn positive(setting: &'static str, value: f64) -> Result<f64> {
    checked(setting, value, value > 0.0 && value.is_finite(), "positive and finite")
}

/// A number that may switch something off.
fn not_negative(setting: &'static str, value: f64) -> Result<f64> {
    checked(setting, value, value >= 0.0 && value.is_finite(), "finite and not negative")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sum_i s_i (w_i - i)^2` with scales over two decades: every optimiser must find `w_i = i`.
    fn distance_after<E: Real>(optimiser: &dyn Optimiser<E>, iterations: u64) -> f64 {
        let scales = [0.1, 1.0, 4.0, 10.0];
        let mut w = vec![E::of(-2.0); 4];
        let mut state = optimiser.initialise(4);
        for iteration in 0..iterations {
            let gradient: Vec<E> = (0..4).map(|i| E::of(2.0 * scales[i] * (w[i].f64() - i as f64))).collect();
            optimiser.update(iteration, &gradient, &mut state, &mut w);
        }
        w.iter().enumerate().fold(0.0, |m, (i, w)| f64::max(m, (w.f64() - i as f64).abs()))
    }

    #[test]
    fn all_converge_on_a_quadratic() {
        let cosine = |start| Schedule::Cosine { start, iterations: 3000, end: 0.0 };
        let optimisers: Vec<Box<dyn Optimiser<f64>>> = vec![
            Box::new(Adam::new(cosine(0.1)).unwrap()),
            Box::new(AdamW::new(cosine(0.1)).unwrap().weight_decay(0.0).unwrap()),
            Box::new(Sgd::new(0.04).unwrap()),
            Box::new(Sgd::new(0.01).unwrap().momentum(0.9).unwrap()),
            Box::new(Sgd::new(0.01).unwrap().momentum(0.9).unwrap().nesterov(true)),
            Box::new(RmsProp::new(cosine(0.02)).unwrap()),
            Box::new(Clipped::norm(Sgd::new(0.04).unwrap(), 1.0).unwrap()),
            Box::new(Clipped::value(Adam::new(cosine(0.1)).unwrap(), 0.5).unwrap()),
        ];
        for optimiser in optimisers {
            let distance = distance_after(&optimiser, 3000);
            assert!(distance < 1e-5, "{optimiser:?}: {distance}");
        }
        let distance = distance_after::<f32>(&Adam::new(cosine(0.1)).unwrap(), 3000);
        assert!(distance < 1e-4, "{distance}");
    }

    #[test]
    fn states_of_other_runs_are_refused() {
        let adam = Adam::new(1e-3).unwrap();
        let refuse = |state: &OptimiserState<f64>, part: &str| {
            let error = Optimiser::<f64>::check(&adam, state, 3).unwrap_err().to_string();
            assert!(error.contains("does not fit the network") && error.contains(part), "{error}");
        };
        assert!(adam.check(&Optimiser::<f64>::initialise(&adam, 3), 3).is_ok());
        refuse(&adam.initialise(4), "\"m\" has 4 entries, expected 3");
        refuse(&Sgd::new(0.1).unwrap().momentum(0.9).unwrap().initialise(3), "the vector \"m\" is missing");
        let extra = ["m", "v", "w"].map(|name| (name.to_string(), vec![0.0; 3]));
        refuse(&OptimiserState::new(extra.to_vec()), "\"w\" belongs to another optimiser");
    }

    #[test]
    fn a_gradient_that_is_not_finite_stays_visible() {
        let optimisers: Vec<Box<dyn Optimiser<f64>>> = vec![
            Box::new(Adam::new(0.1).unwrap()),
            Box::new(Clipped::norm(Sgd::new(0.1).unwrap(), 1.0).unwrap()),
            Box::new(Clipped::value(RmsProp::new(0.1).unwrap(), 1.0).unwrap()),
        ];
        for optimiser in optimisers {
            let (mut w, mut state) = ([1.0, 1.0], optimiser.initialise(2));
            optimiser.update(0, &[f64::NAN, 1.0], &mut state, &mut w);
            assert!(w[0].is_nan(), "{optimiser:?}");
        }
    }
}
