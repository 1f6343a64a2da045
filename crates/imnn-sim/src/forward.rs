//! Simulators written once, generic over dual numbers.

use std::cell::Cell;

use num_dual::{Dual64, DualNum};

use crate::scratch::lend;
use crate::{Key, SimError, Simulator, check_parameters};

/// A simulator written once for plain and for dual numbers, so that its derivative is exact.
///
/// Wrap it in [`ForwardMode`] to use it as a [`Simulator`]. Random numbers do not depend on the
/// parameters and are drawn as `f64`; parameters and data are of the type `D`, which is `f64` when
/// only values are wanted.
///
/// # Arithmetic
/// A plain number stands to the **right** of a `D`: `theta[0] * 2.0`, `theta[0] + z`. Rust knows no `2.0 * theta[0]` and no
/// `k.powf(theta[0])` for a type that is only named `D`. Write
///
/// | for | write |
/// | --- | --- |
/// | `2 a`, `1 - a` | `a * 2.0`, `-a + 1.0` |
/// | `1 / a` | `a.recip()` |
/// | `k^a`, of a number `k > 0` | `(a * k.ln()).exp()` |
/// | `a^b` | `a.powd(b)` |
/// | `a^2`, `a^0.3` | `a.powi(2)`, `a.powf(0.3)` |
/// | a constant as `D` | `D::from(2.0)` |
///
/// ```
/// use imnn_sim::num_dual::DualNum;
/// use imnn_sim::{DualSimulator, ForwardMode, Key, SimError, Simulator, check_parameters};
///
/// /// Counts with a Gaussian error: d_i = exp(a) + exp(a/2) z_i.
/// struct Counts;
///
/// impl DualSimulator for Counts {
///     fn n_params(&self) -> usize {
///         1
///     }
///
///     fn data_shape(&self) -> Vec<usize> {
///         vec![4]
///     }
///
///     fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
///         let mut noise = [0.0; 4];
///         key.fill_normal(&mut noise);
///         for (d, z) in data.iter_mut().zip(noise) {
///             *d = theta[0].exp() + (theta[0] * 0.5).exp() * z;
///         }
///     }
/// }
///
/// let (data, derivative) = ForwardMode(Counts).draw_with_derivative(Key::new(1), &[0.0])?;
/// // At a = 0 the data are 1 + z and the derivative is 1 + z/2.
/// for (d, slope) in data.iter().zip(derivative) {
///     assert!((slope - (1.0 + (d - 1.0) / 2.0)).abs() < 1e-15);
/// }
/// # Ok::<(), SimError>(())
/// ```
pub trait DualSimulator: Send + Sync {
    /// The number of parameters.
    fn n_params(&self) -> usize;

    /// The shape of one simulation, channels last.
    fn data_shape(&self) -> Vec<usize>;

    /// Refuses parameter values where the simulator is not defined.
    ///
    /// By default it asks for `n_params` finite values.
    ///
    /// # Errors
    /// A [`SimError`] that names the parameter, its value and the allowed range.
    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        check_parameters(self.n_params(), theta)
    }

    /// Writes every element of `data`, a pure function of `(key, theta)`.
    ///
    /// The random numbers drawn, and how many, must not depend on `theta`.
    fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]);
}

/// A [`DualSimulator`] as a [`Simulator`], by forward-mode automatic differentiation.
///
/// The number of parameters is known only at run time, so the derivative is taken with one pass of
/// first-order dual numbers ([`Dual64`]) per parameter, each with the same key:
///
/// ```text
/// simulate(key, theta + e_a epsilon) = data + epsilon d data / d theta_a
/// ```
///
/// One more pass in plain `f64` gives the values: dual arithmetic may round a quotient differently,
/// and the data have to be the same bits with and without derivatives. A derivative thus costs
/// `p + 1` passes. Where the passes are dominated by something that does not depend on the
/// parameters, write the [`Simulator`] by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardMode<S>(pub S);

impl<S: DualSimulator> Simulator for ForwardMode<S> {
    fn n_params(&self) -> usize {
        self.0.n_params()
    }

    fn data_shape(&self) -> Vec<usize> {
        self.0.data_shape()
    }

    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        self.0.check(theta)
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        self.0.simulate(key, theta, data);
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        self.0.simulate(key, theta, data);
        let n_elements = data.len();
        lend(&DUALS, theta.len() + n_elements, |duals| {
            let (parameters, outputs) = duals.split_at_mut(theta.len());
            for a in 0..theta.len() {
                for (b, parameter) in parameters.iter_mut().enumerate() {
                    let seed = if a == b { 1.0 } else { 0.0 };
                    *parameter = Dual64::new(theta[b], seed);
                }
                self.0.simulate(key, parameters, outputs);
                let row = &mut derivative[a * n_elements..(a + 1) * n_elements];
                for (slope, output) in row.iter_mut().zip(outputs.iter()) {
                    *slope = output.eps;
                }
            }
        });
    }
}

thread_local! {
    /// Parameters and data as dual numbers.
    static DUALS: Cell<Vec<Dual64>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_auto_traits, assert_derivative};

    /// Quotients, powers and functions of three parameters and noise, one expression per element.
    struct Mixed;

    impl DualSimulator for Mixed {
        fn n_params(&self) -> usize {
            3
        }

        fn data_shape(&self) -> Vec<usize> {
            vec![2, 2]
        }

        fn check(&self, theta: &[f64]) -> Result<(), SimError> {
            check_parameters(3, theta)?;
            if theta[2] <= 0.0 {
                return Err(SimError::ParameterOutOfRange {
                    index: 2,
                    name: "scale".into(),
                    value: theta[2],
                    allowed: "a value above 0".into(),
                });
            }
            Ok(())
        }

        fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
            let mut z = [0.0; 4];
            key.fill_normal(&mut z);
            let [a, b, c] = [theta[0], theta[1], theta[2]];
            data[0] = a / c + z[0];
            data[1] = (a * b).sin() * z[1];
            data[2] = (b * z[2]).exp() / c.sqrt();
            data[3] = c.ln() * b + a.powi(3) * z[3];
        }
    }

    proptest! {
        #[test]
        fn the_derivative_is_that_of_central_differences(
            seed: u64, a in -2.0..2.0, b in -2.0..2.0, c in 0.3..3.0,
        ) {
            assert_derivative(&ForwardMode(Mixed), Key::new(seed), &[a, b, c], &[1e-4; 3], 1e-6);
        }
    }

    /// The symbolic derivative of each element, written out.
    #[test]
    fn the_derivative_is_exact() {
        let (key, [a, b, c]) = (Key::new(3), [0.7, -1.1, 2.3_f64]);
        let mut z = [0.0; 4];
        key.fill_normal(&mut z);
        let exp = (b * z[2]).exp();
        let expected = [
            [1.0 / c, b * (a * b).cos() * z[1], 0.0, 3.0 * a * a * z[3]],
            [0.0, a * (a * b).cos() * z[1], z[2] * exp / c.sqrt(), c.ln()],
            [-a / (c * c), 0.0, -0.5 * exp * c.powf(-1.5), b / c],
        ];
        let (_, derivative) = ForwardMode(Mixed).draw_with_derivative(key, &[a, b, c]).unwrap();
        for (found, expected) in derivative.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-14 * (1.0 + expected.abs()));
        }
    }

    /// What the buffers held before, or another simulator left in the thread, leaves no trace.
    #[test]
    fn every_element_is_written() {
        let mut clean = ([0.0; 4], [0.0; 12]);
        let mut dirty = ([f64::NAN; 4], [f64::NAN; 12]);
        for (data, derivative) in [&mut clean, &mut dirty] {
            ForwardMode(Mixed).simulate_with_derivative(Key::new(1), &[1.0, 2.0, 3.0], data, derivative);
        }
        assert_eq!(clean, dirty);
    }

    #[test]
    fn the_check_is_passed_on() {
        let simulator = ForwardMode(Mixed);
        assert_eq!(
            simulator.check(&[0.0, 0.0, -1.0]).unwrap_err().to_string(),
            "parameter 2 (scale) is -1, expected a value above 0"
        );
        assert!(simulator.draw(Key::new(0), &[0.0]).is_err());
        assert_auto_traits::<ForwardMode<Mixed>>();
    }
}
