//! Simulations in memory taken in part, viewed in another shape, and given back as arrays.

use imnn_sim::Real;
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::Arrays;
use crate::spec::DatasetSpec;
use crate::values::parameters_first;
use crate::{DataError, Derivatives, Identity};

impl<E: Real> Arrays<E> {
    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// If there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        self.spec.take(n_s, n_d)?;
        self.identity = Identity::constant();
        self.values.truncate(self.spec.n_s * self.spec.row_len());
        self.changes.truncate(self.spec.n_d * self.spec.change_len());
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// If the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        self.spec.reshape_input(shape)?;
        Ok(self)
    }

    /// The simulations, `(n_s, *input)`.
    pub fn fiducial(&self) -> ArrayViewD<'_, E> {
        let shape = [&[self.spec.n_s], &self.spec.input_shape[..]].concat();
        // The length of `values` is n_s times the product of the input shape throughout.
        ArrayViewD::from_shape(IxDyn(&shape), &self.values).expect("values fill their shape")
    }

    /// A copy of the derivatives as files hold them: exact `(n_d, *input, n_params)`, numerical
    /// `(n_d, 2, n_params, *input)`.
    pub fn derivative(&self) -> ArrayD<E> {
        let DatasetSpec { n_d, n_params, input_shape, derivatives, .. } = &self.spec;
        let (n_d, n_params, input) = (*n_d, *n_params, &input_shape[..]);
        let mut changes = self.changes.clone();
        let shape = match derivatives {
            Derivatives::Exact => {
                // Back again: transposing a (p, F) block is the same work as a (F, p) block with the sizes exchanged.
                parameters_first(&mut changes, self.spec.row_len(), n_params);
                [&[n_d], input, &[n_params]].concat()
            }
            Derivatives::Numerical { .. } => [&[n_d, 2, n_params], input].concat(),
        };
        // As for `fiducial`.
        ArrayD::from_shape_vec(IxDyn(&shape), changes).expect("changes fill their shape")
    }
}
