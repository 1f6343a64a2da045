//! What every optimiser does, one of the user's own too.

use super::clip::Clip;
use super::state::OptimiserState;
use crate::error::{ModelError, Result};
use crate::model::Model;
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
///     let mut gradient = [2.0 * (w[0] - 3.0)];
///     optimiser.update(iteration, &mut gradient, &mut state, &mut w);
/// }
/// assert!((w[0] - 3.0).abs() < 1e-3);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an optimiser for numbers of the type `{E}`",
    label = "not an optimiser",
    note = "the constructors of the built-in optimisers return a `Result`: `Adam::new(1e-3)?`",
    note = "an optimiser of your own implements `Optimiser<E>` (name, initialise, update)"
)]
pub trait Optimiser<E: Real>: Send + Sync + Debug {
    /// The name in run files and error messages.
    fn name(&self) -> &str;

    /// The same update as one of the kernels of a GPU, if there is one: a device with weights of its own can then make the
    /// updates itself. By default there is none, and updates are made on the host.
    fn device_update(&self) -> Option<DeviceUpdate> {
        None
    }

    /// The same optimiser for the parameters of this network, if it needs to know more of them than their number, as
    /// [`Muon`](crate::Muon) needs to know which are matrices; by default it does not.
    ///
    /// [`Optimiser::update`] sees a flat vector, as sums, files and devices do, and is all that most rules need. So the network
    /// is not an argument of it, but shown once: a fit calls this when its parts are put together, and trains with the answer,
    /// whose name and state are those of the optimiser itself. An optimiser of your own that holds another one passes this on.
    fn for_model(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
        let _ = model;
        None
    }

    /// The state before the first update of `n` parameters.
    fn initialise(&self, n: usize) -> OptimiserState<E>;

    /// Changes the parameters. `iteration` counts from 0 and starts again at each call of fit; it sets the learning rate and
    /// the bias correction. A gradient that is not finite makes parameters that are not finite. The gradient may be changed,
    /// as a limit on it does.
    ///
    /// # Panics
    /// If gradient, state and parameters differ in length; [`Optimiser::check`] tells for a state from elsewhere.
    fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]);

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

            fn device_update(&self) -> Option<DeviceUpdate> {
                (**self).device_update()
            }

            fn for_model(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
                (**self).for_model(model)
            }

            fn initialise(&self, n: usize) -> OptimiserState<E> {
                (**self).initialise(n)
            }

            fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
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

/// An update as a device with weights of its own makes it.
#[derive(Clone)]
pub struct DeviceUpdate {
    /// The kernel, in `kernels/update.cu`.
    pub kernel: &'static str,
    /// The limit on the gradient, if there is one.
    pub clip: Option<Clip>,
    coefficients: Arc<dyn Fn(u64) -> Vec<f64> + Send + Sync>,
}

impl DeviceUpdate {
    /// An update by this kernel, whose numbers `c` in each iteration are `coefficients`.
    pub fn new(kernel: &'static str, coefficients: impl Fn(u64) -> Vec<f64> + Send + Sync + 'static) -> Self {
        DeviceUpdate { kernel, clip: None, coefficients: Arc::new(coefficients) }
    }

    /// The numbers that update `iteration` of a weight needs beside gradient and state, as the optimiser itself rounds them;
    /// there are as many in every iteration.
    pub fn coefficients<E: Real>(&self, iteration: u64) -> Vec<E> {
        (self.coefficients)(iteration).into_iter().map(E::of).collect()
    }
}

impl Debug for DeviceUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceUpdate({}, {:?})", self.kernel, self.clip)
    }
}
