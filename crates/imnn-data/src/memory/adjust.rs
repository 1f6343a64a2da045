//! Simulations in memory taken in part, viewed in another shape, and given back as arrays.

use imnn_sim::Real;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::Arrays;
use crate::values::parameters_first;
use crate::{DataError, Derivatives};

impl<E: Real> Arrays<E> {
    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// Where there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        let fewer = |name, asked: Option<usize>, available: usize, label: &String| match asked {
            Some(asked) if asked > available => {
                Err(DataError::TooFewRows { name, label: label.clone(), asked, available })
            }
            Some(0) => Err(DataError::NoRows { name }),
            Some(asked) => Ok(asked),
            None => Ok(available),
        };
        let rows = fewer("n_s", n_s, self.n_s, &self.labels.fiducial)?;
        let with_derivatives = match n_d {
            Some(_) => fewer("n_d", n_d, self.n_d, &self.labels.derivative)?,
            None => self.n_d.min(rows),
        };
        if with_derivatives > rows {
            return Err(self.labels.more_derivatives(with_derivatives, rows));
        }
        self.values.truncate(rows * self.row_len());
        self.changes.truncate(with_derivatives * self.change_len());
        (self.n_s, self.n_d) = (rows, with_derivatives);
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// Where the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        let len = shape.iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
        if len != Some(self.row_len()) || shape.is_empty() {
            return Err(DataError::Reshape {
                label: self.labels.fiducial,
                found: self.input_shape,
                asked: shape.to_vec(),
            });
        }
        self.input_shape = shape.to_vec();
        Ok(self)
    }

    /// Checks that there are as many parameters as `other` (for instance `theta_fid`) has.
    ///
    /// # Errors
    /// [`DataError::NParams`] naming both.
    pub fn check_n_params(&self, other: &str, expected: usize) -> Result<(), DataError> {
        if self.n_params == expected {
            return Ok(());
        }
        Err(DataError::NParams {
            label: self.labels.derivative.clone(),
            found: self.n_params,
            other: other.to_owned(),
            expected,
        })
    }

    /// The simulations, `(n_s, *input)`.
    pub fn fiducial(&self) -> ArrayViewD<'_, E> {
        let shape = [&[self.n_s], &self.input_shape[..]].concat();
        // The length of `values` is n_s times the product of the input shape throughout.
        ArrayViewD::from_shape(IxDyn(&shape), &self.values).expect("values fill their shape")
    }

    /// A copy of the derivatives as files hold them: exact `(n_d, *input, n_params)`, numerical
    /// `(n_d, 2, n_params, *input)`.
    pub fn derivative(&self) -> ArrayD<E> {
        let (n_d, n_params, input) = (self.n_d, self.n_params, &self.input_shape[..]);
        let (shape, changes) = match &self.derivatives {
            Derivatives::Exact => {
                // Back again: transposing a (p, F) block is the same work as a (F, p) block with the sizes exchanged.
                let last = parameters_first(self.changes.clone(), self.row_len(), n_params);
                ([&[n_d], input, &[n_params]].concat(), last)
            }
            Derivatives::Numerical { .. } => ([&[n_d, 2, n_params], input].concat(), self.changes.clone()),
        };
        // As for `fiducial`.
        ArrayD::from_shape_vec(IxDyn(&shape), changes).expect("changes fill their shape")
    }
}
