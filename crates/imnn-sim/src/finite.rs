//! Plain functions as simulators, by seed-matched finite differences.

use std::cell::Cell;
use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use crate::scratch::lend;
use crate::{Key, ParameterSteps, SimError, Simulator, check_parameters};

/// A plain function `(key, theta, data)` as a [`Simulator`], its derivative by central differences
/// at the same key.
///
/// ```text
/// d data / d theta_a  ~  (data(theta + w_a e_a / 2) - data(theta - w_a e_a / 2)) / w_a
/// ```
///
/// `w_a` is the **full** width between the simulation below and the one above, as everywhere in
/// this project. Since all passes share the key, the noise cancels in the difference, and what is
/// left is the curvature error `w_a^2/24 d^3 data / d theta_a^3` and the rounding error
/// `~ 1e-16 |data| / w_a`. A derivative costs `2 p + 1` passes.
///
/// ```
/// use imnn_sim::{FiniteDifferences, Key, SimError, Simulator};
///
/// let simulator = FiniteDifferences::new(1, vec![3], vec![0.01], |key: Key, theta: &[f64], data: &mut [f64]| {
///     key.fill_normal(data);
///     for d in data {
///         *d += theta[0] * theta[0];
///     }
/// })?;
/// let (_, derivative) = simulator.draw_with_derivative(Key::new(0), &[3.0])?;
/// assert!((derivative[0] - 6.0).abs() < 1e-10);
/// # Ok::<(), SimError>(())
/// ```
#[derive(Clone)]
pub struct FiniteDifferences<F> {
    data_shape: Vec<usize>,
    widths: Vec<f64>,
    function: F,
    check: Option<Arc<Check>>,
}

/// A user's own test of the parameters.
type Check = dyn Fn(&[f64]) -> Result<(), SimError> + Send + Sync;

impl<F: Fn(Key, &[f64], &mut [f64]) + Send + Sync> FiniteDifferences<F> {
    /// Wraps `function`, which fills `data` (row-major, `data_shape`) from `(key, theta)` alone.
    ///
    /// `widths` holds one full width per parameter, in the unit of that parameter.
    ///
    /// # Errors
    /// [`SimError::WidthCount`] unless there are `n_params` widths, [`SimError::Step`] unless each
    /// is finite and above 0.
    pub fn new(n_params: usize, data_shape: Vec<usize>, widths: Vec<f64>, function: F) -> Result<Self, SimError> {
        if widths.len() != n_params {
            return Err(SimError::WidthCount { expected: n_params, found: widths.len() });
        }
        let widths = ParameterSteps::of_widths(widths)?.widths().to_vec();
        Ok(FiniteDifferences { data_shape, widths, function, check: None })
    }

    /// Adds a test of the parameters, for functions that are not defined everywhere.
    ///
    /// [`Simulator::check`] applies it to `theta` and to the points below and above that the
    /// derivative needs. By default only the number and finiteness of the values are checked.
    #[must_use]
    pub fn with_check(mut self, check: impl Fn(&[f64]) -> Result<(), SimError> + Send + Sync + 'static) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// The full widths, one per parameter.
    pub fn widths(&self) -> &[f64] {
        &self.widths
    }
}

impl<F: Fn(Key, &[f64], &mut [f64]) + Send + Sync> Simulator for FiniteDifferences<F> {
    fn n_params(&self) -> usize {
        self.widths.len()
    }

    fn data_shape(&self) -> Vec<usize> {
        self.data_shape.clone()
    }

    /// Also refuses a width that is lost in the rounding of its parameter.
    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        check_parameters(self.n_params(), theta)?;
        let user = |theta: &[f64]| self.check.as_ref().map_or(Ok(()), |check| check(theta));
        user(theta)?;
        let mut shifted = theta.to_vec();
        for index in 0..theta.len() {
            let (value, width) = (theta[index], self.widths[index]);
            let (below, above) = around(value, width);
            if below >= value || value >= above {
                return Err(SimError::WidthTooSmall { index, value, width });
            }
            for end in [below, above] {
                shifted[index] = end;
                check_parameters(self.n_params(), &shifted)?;
                user(&shifted)?;
            }
            shifted[index] = value;
        }
        Ok(())
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        (self.function)(key, theta, data);
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        let n_elements = data.len();
        lend(&SHIFTED, theta.len(), |shifted| {
            shifted.copy_from_slice(theta);
            for a in 0..theta.len() {
                let (below, above) = around(theta[a], self.widths[a]);
                let row = &mut derivative[a * n_elements..(a + 1) * n_elements];
                shifted[a] = above;
                (self.function)(key, shifted, row);
                // The output buffer holds the simulation below until its own turn comes last.
                shifted[a] = below;
                (self.function)(key, shifted, data);
                shifted[a] = theta[a];
                // The distance after rounding, which is what the two simulations differ by.
                let distance = above - below;
                for (slope, low) in row.iter_mut().zip(data.iter()) {
                    *slope = (*slope - low) / distance;
                }
            }
        });
        (self.function)(key, theta, data);
    }
}

impl<F> Debug for FiniteDifferences<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FiniteDifferences")
            .field("data_shape", &self.data_shape)
            .field("widths", &self.widths)
            .finish_non_exhaustive()
    }
}

/// The points half a width below and above `value`.
fn around(value: f64, width: f64) -> (f64, f64) {
    (value - 0.5 * width, value + 0.5 * width)
}

thread_local! {
    /// The parameter vector with one entry moved.
    static SHIFTED: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_derivative, largest_difference};
    use crate::{GaussianMeanVariance, PowerLawField};

    fn around_itself(
        simulator: impl Simulator,
        widths: Vec<f64>,
    ) -> FiniteDifferences<impl Fn(Key, &[f64], &mut [f64]) + Send + Sync> {
        FiniteDifferences::new(
            simulator.n_params(),
            simulator.data_shape(),
            widths,
            move |key, theta: &[f64], data: &mut [f64]| simulator.simulate(key, theta, data),
        )
        .unwrap()
    }

    proptest! {
        #[test]
        fn differences_of_a_built_in_are_near_its_derivative(
            seed: u64, mean in -5.0..5.0, variance in 0.5..20.0, width in 1e-4..1e-2,
        ) {
            let simulator = GaussianMeanVariance { n_data: 10 };
            let (key, theta) = (Key::new(seed), [mean, variance]);
            let plain = around_itself(simulator, vec![width, 2.0 * width]);
            let exact = simulator.draw_with_derivative(key, &theta).unwrap();
            let found = plain.draw_with_derivative(key, &theta).unwrap();
            prop_assert_eq!(found.0, exact.0);
            // w^2/24 times the third derivative 3/8 z Sigma^(-5/2), with w below 0.02.
            prop_assert!(largest_difference(&found.1, &exact.1) < 2e-4);
            assert_derivative(&plain, key, &theta, &[width / 2.0, width], 1e-10);
        }
    }

    /// A quadratic has no curvature error: full and half widths would differ by a factor of two.
    #[test]
    fn the_width_is_the_full_one() {
        let quadratic = |_: Key, theta: &[f64], data: &mut [f64]| {
            data[0] = theta[0] * theta[0] + 3.0 * theta[0] * theta[1];
        };
        let simulator = FiniteDifferences::new(2, vec![1], vec![0.5, 0.25], quadratic).unwrap();
        let (_, derivative) = simulator.draw_with_derivative(Key::new(0), &[2.0, 1.0]).unwrap();
        assert_eq!(derivative, [7.0, 6.0]);
        let cubic = |_: Key, theta: &[f64], data: &mut [f64]| data[0] = theta[0].powi(3);
        let simulator = FiniteDifferences::new(1, vec![1], vec![0.5], cubic).unwrap();
        let (_, derivative) = simulator.draw_with_derivative(Key::new(0), &[2.0]).unwrap();
        // 3 theta^2 + w^2/4.
        assert_eq!(derivative, [12.0625]);
        assert_eq!(simulator.widths(), [0.5]);
    }

    /// One thread-local buffer serves both levels only if nested loans are kept apart.
    #[test]
    fn simulators_nest() {
        let field = PowerLawField::new(8).unwrap();
        let once = around_itself(field.clone(), vec![1e-3, 1e-3]);
        let twice = around_itself(once, vec![1e-3, 1e-3]);
        let (key, theta) = (Key::new(1), [1.0, 0.5]);
        let exact = field.draw_with_derivative(key, &theta).unwrap();
        let found = twice.draw_with_derivative(key, &theta).unwrap();
        assert_eq!(found.0, exact.0);
        assert!(largest_difference(&found.1, &exact.1) < 1e-6);
    }

    #[test]
    fn bad_widths_are_refused() {
        let nothing = |_: Key, _: &[f64], _: &mut [f64]| {};
        let message = |widths: Vec<f64>| FiniteDifferences::new(2, vec![1], widths, nothing).unwrap_err().to_string();
        assert_eq!(message(vec![0.1]), "found 1 finite-difference width(s), expected 2: one per parameter");
        for (width, shown, advice) in [
            (0.0, "0", "without a distance there is no derivative; give theta_above - theta_below, the full width"),
            (
                -0.1,
                "-0.1",
                "it is theta_above - theta_below and positive; if the simulations are stored above first, swap the two",
            ),
            (f64::NAN, "NaN", "a finite number is needed"),
        ] {
            assert_eq!(message(vec![0.1, width]), format!("delta_theta[1] = {shown}: {advice}"));
        }
        let tiny = FiniteDifferences::new(1, vec![1], vec![1e-20], nothing).unwrap();
        assert_eq!(
            tiny.check(&[1.0]).unwrap_err().to_string(),
            "the finite-difference width 0.00000000000000000001 of parameter 0 is below the rounding error of \
             its value 1: use a larger width"
        );
        assert_eq!(tiny.check(&[0.0]), Ok(()));
    }

    #[test]
    fn the_check_sees_the_points_below_and_above() {
        let positive = |theta: &[f64]| {
            if theta[0] > 0.0 {
                Ok(())
            } else {
                Err(SimError::ParameterOutOfRange {
                    index: 0,
                    name: "rate".into(),
                    value: theta[0],
                    allowed: "a value above 0".into(),
                })
            }
        };
        let simulator = FiniteDifferences::new(1, vec![1], vec![0.5], |_: Key, t: &[f64], d: &mut [f64]| {
            d[0] = t[0].sqrt();
        })
        .unwrap()
        .with_check(positive);
        assert_eq!(simulator.check(&[0.3]), Ok(()));
        assert_eq!(
            simulator.check(&[0.2]).unwrap_err().to_string(),
            "parameter 0 (rate) is -0.04999999999999999, expected a value above 0"
        );
    }
}
