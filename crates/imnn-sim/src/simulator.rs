//! What a simulator is.

use std::sync::Arc;

use crate::{Key, SimError};

/// A simulator of data: a pure function of a key and the parameters, with its derivative.
///
/// # Shapes
/// With `p = n_params()` and `F` the product of `data_shape()` (row-major, channels last):
///
/// - `theta`: `p`
/// - `data`: `F`
/// - `derivative`: `(p, F)` row-major; row `a` is `d data / d theta_a` at fixed key
///
/// # Contract
///
/// - The result depends on `(key, theta)` only, not on earlier calls nor on the calling thread.
/// - `simulate` and `simulate_with_derivative` write the same `data`, to the last bit.
/// - Every element of the outputs is written; what the buffers held before does not matter.
/// - The caller has passed `theta` to [`check`](Simulator::check) and brings buffers of the right
///   length. [`draw`](Simulator::draw) and [`draw_with_derivative`](Simulator::draw_with_derivative)
///   do both.
///
/// Simulators run on the host, also if the network runs on a GPU.
///
/// Written by hand it looks like this:
///
/// ```
/// use imnn_sim::{Key, SimError, Simulator};
///
/// /// One number of unknown standard deviation: d = sigma z.
/// struct Scale;
///
/// impl Simulator for Scale {
///     fn n_params(&self) -> usize {
///         1
///     }
///
///     fn data_shape(&self) -> Vec<usize> {
///         vec![1]
///     }
///
///     fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
///         key.fill_normal(data);
///         data[0] *= theta[0];
///     }
///
///     fn simulate_with_derivative(
///         &self,
///         key: Key,
///         theta: &[f64],
///         data: &mut [f64],
///         derivative: &mut [f64],
///     ) {
///         key.fill_normal(derivative);
///         data[0] = derivative[0] * theta[0];
///     }
/// }
///
/// let (data, derivative) = Scale.draw_with_derivative(Key::new(0), &[2.0])?;
/// assert_eq!(data[0], 2.0 * derivative[0]);
/// # Ok::<(), SimError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a simulator",
    note = "wrap a type that implements `DualSimulator` in `ForwardMode(..)`, and a plain function or closure \
            `(key, theta, data)` with `FiniteDifferences::new(..)`"
)]
pub trait Simulator: Send + Sync {
    /// The number of parameters `p`.
    fn n_params(&self) -> usize;

    /// The shape of one simulation, channels last.
    fn data_shape(&self) -> Vec<usize>;

    /// Refuses parameter values where the simulator is not defined (variance <= 0, ...).
    ///
    /// By default it asks for `p` finite values ([`check_parameters`]).
    ///
    /// # Errors
    /// A [`SimError`] that names the parameter, its value and the allowed range.
    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        check_parameters(self.n_params(), theta)
    }

    /// Simulates `data` with the randomness of `key` at `theta`.
    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]);

    /// Simulates `data` and its derivative with respect to every parameter at fixed `key`.
    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]);

    /// One simulation in a new vector, with parameters and result checked.
    ///
    /// # Errors
    /// Those of [`check`](Simulator::check); [`SimError::NotFinite`] when the data hold a NaN or an
    /// infinity.
    fn draw(&self, key: Key, theta: &[f64]) -> Result<Vec<f64>, SimError> {
        self.check(theta)?;
        let mut data = vec![0.0; self.data_shape().iter().product()];
        self.simulate(key, theta, &mut data);
        check_finite("data", &data, Some(theta))?;
        Ok(data)
    }

    /// One simulation and its derivative `(p, F)` in new vectors, with parameters and results
    /// checked.
    ///
    /// # Errors
    /// As [`draw`](Simulator::draw).
    fn draw_with_derivative(&self, key: Key, theta: &[f64]) -> Result<(Vec<f64>, Vec<f64>), SimError> {
        self.check(theta)?;
        let n_elements: usize = self.data_shape().iter().product();
        let mut data = vec![0.0; n_elements];
        let mut derivative = vec![0.0; self.n_params() * n_elements];
        self.simulate_with_derivative(key, theta, &mut data, &mut derivative);
        check_finite("data", &data, Some(theta))?;
        check_finite("derivative", &derivative, Some(theta))?;
        Ok((data, derivative))
    }
}

/// Asks for `n_params` finite values.
///
/// # Errors
/// [`SimError::ParameterCount`], [`SimError::NotFinite`].
pub fn check_parameters(n_params: usize, theta: &[f64]) -> Result<(), SimError> {
    if theta.len() != n_params {
        return Err(SimError::ParameterCount { expected: n_params, found: theta.len() });
    }
    check_finite("theta", theta, None)
}

/// Refuses a parameter that is not above 0.
pub(crate) fn check_positive(theta: &[f64], index: usize, name: &'static str) -> Result<(), SimError> {
    let value = theta[index];
    let refuse =
        || SimError::ParameterOutOfRange { index, name: name.into(), value, allowed: "a value above 0".into() };
    if value > 0.0 { Ok(()) } else { Err(refuse()) }
}

/// Refuses the first NaN or infinity in `values`, which a simulator returned at `theta`.
pub(crate) fn check_finite(what: &'static str, values: &[f64], theta: Option<&[f64]>) -> Result<(), SimError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            Err(SimError::NotFinite { what, index, value: values[index], theta: theta.map(<[f64]>::to_vec) })
        }
        None => Ok(()),
    }
}

/// A pointer to a simulator is a simulator: every method goes to the one behind it.
macro_rules! simulate_through {
    ($($pointer:ty),+) => {$(
        impl<S: Simulator + ?Sized> Simulator for $pointer {
            fn n_params(&self) -> usize {
                (**self).n_params()
            }

            fn data_shape(&self) -> Vec<usize> {
                (**self).data_shape()
            }

            fn check(&self, theta: &[f64]) -> Result<(), SimError> {
                (**self).check(theta)
            }

            fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
                (**self).simulate(key, theta, data);
            }

            fn simulate_with_derivative(
                &self,
                key: Key,
                theta: &[f64],
                data: &mut [f64],
                derivative: &mut [f64],
            ) {
                (**self).simulate_with_derivative(key, theta, data, derivative);
            }
        }
    )+};
}

simulate_through!(&S, Box<S>, Arc<S>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_auto_traits;
    use crate::{FiniteDifferences, GaussianMeanVariance, NoisyLine, PowerLawField};

    #[test]
    fn pointers_are_simulators() {
        let plain = GaussianMeanVariance { n_data: 3 };
        let by_hand = plain.draw_with_derivative(Key::new(1), &[0.5, 2.0]).unwrap();
        let boxed: Box<dyn Simulator> = Box::new(plain);
        let shared: Arc<dyn Simulator> = Arc::new(plain);
        fn through(simulator: impl Simulator) -> (Vec<f64>, Vec<f64>) {
            assert_eq!(simulator.n_params(), 2);
            assert_eq!(simulator.data_shape(), [3]);
            assert!(simulator.check(&[0.0, -1.0]).is_err());
            let (data, derivative) = simulator.draw_with_derivative(Key::new(1), &[0.5, 2.0]).unwrap();
            assert_eq!(simulator.draw(Key::new(1), &[0.5, 2.0]).unwrap(), data);
            (data, derivative)
        }
        assert_eq!(through(plain), by_hand);
        let borrowed: &GaussianMeanVariance = &plain;
        assert_eq!(through(borrowed), by_hand);
        assert_eq!(through(&boxed), by_hand);
        assert_eq!(through(boxed), by_hand);
        assert_eq!(through(Arc::clone(&shared)), by_hand);
        assert_eq!(through(&*shared), by_hand);
    }

    #[test]
    fn parameters_are_checked() {
        let message = |theta: &[f64]| check_parameters(2, theta).unwrap_err().to_string();
        assert_eq!(
            message(&[1.0]),
            "found 1 parameter value(s), expected 2: give one value per parameter of the simulator"
        );
        assert_eq!(message(&[0.0, f64::NAN]), "theta[1] is NaN, expected a finite number");
        assert_eq!(message(&[f64::INFINITY, 0.0]), "theta[0] is inf, expected a finite number");
        assert_eq!(check_parameters(2, &[1.0, 2.0]), Ok(()));
    }

    #[test]
    fn a_simulation_that_is_not_finite_is_refused() {
        /// A simulator whose second element, and whose derivative there, is ln theta.
        fn logarithm(_: Key, theta: &[f64], data: &mut [f64]) {
            data.copy_from_slice(&[0.0, theta[0].ln()]);
        }
        let simulator = FiniteDifferences::new(1, vec![2], vec![0.5], logarithm).unwrap();
        assert_eq!(
            simulator.draw(Key::new(0), &[0.0]).unwrap_err().to_string(),
            "data[1] is -inf, expected a finite number; check the simulator at theta = [0.0]"
        );
        let error = simulator.draw_with_derivative(Key::new(0), &[0.1]).unwrap_err();
        assert!(error.to_string().contains("derivative[1] is NaN"), "{error}");
    }

    #[test]
    fn auto_traits() {
        assert_auto_traits::<SimError>();
        assert_auto_traits::<GaussianMeanVariance>();
        assert_auto_traits::<NoisyLine>();
        assert_auto_traits::<PowerLawField>();
        assert_auto_traits::<FiniteDifferences<fn(Key, &[f64], &mut [f64])>>();
        assert_auto_traits::<crate::ForwardMode<GaussianMeanVariance>>();
    }
}
