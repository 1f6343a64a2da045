//! Values together with their tangents.

use super::ops::scale_tangents;
use super::record::Matrix;
use crate::element::Element;
use crate::error::{ModelError, Result};
use dfdx::shapes::HasShape;
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::{Device, ReshapeTo};

/// What flows through a network: values and, for data with exact derivatives, tangents.
///
/// A tangent is the derivative of the values with respect to one physical parameter, pushed forward through the network:
/// `dy/dtheta_a = J dx/dtheta_a`.
#[derive(Clone, Debug)]
pub struct Dual<E: Element> {
    values: Matrix<E>,
    tangents: Option<Matrix<E>>,
}

impl<E: Element> Dual<E> {
    /// Values `(n, size)` and tangents `(n * n_params, size)`, those of one simulation one after the other.
    ///
    /// # Errors
    /// If the tangents do not have the values' row length, or their number is no multiple of the values'.
    pub fn new(values: Matrix<E>, tangents: Option<Matrix<E>>) -> Result<Self> {
        if let Some(tangents) = &tangents {
            let ((n, size), (rows, tangent_size)) = (*values.shape(), *tangents.shape());
            if size != tangent_size || n == 0 || rows % n != 0 {
                return Err(ModelError::Custom {
                    layer: "dual".into(),
                    message: format!(
                        "tangents of shape ({rows}, {tangent_size}) do not belong to values of shape ({n}, {size})"
                    ),
                });
            }
        }
        Ok(Dual { values, tangents })
    }

    /// The values, `(n, size)`.
    pub fn values(&self) -> &Matrix<E> {
        &self.values
    }

    /// The tangents, `(n * n_params, size)`, if there are any.
    pub fn tangents(&self) -> Option<&Matrix<E>> {
        self.tangents.as_ref()
    }

    /// Values and tangents.
    pub fn into_parts(self) -> (Matrix<E>, Option<Matrix<E>>) {
        (self.values, self.tangents)
    }

    /// A function that is linear in the data (without a constant) and works row by row: values and tangents take the same
    /// path.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn linear(self, mut f: impl FnMut(Matrix<E>) -> Result<Matrix<E>>) -> Result<Self> {
        let values = f(self.values)?;
        let tangents = self.tangents.map(f).transpose()?;
        Dual::new(values, tangents)
    }

    /// A function of each element: `f` gives the values and `slope` its derivative at the old values, so that tangents
    /// become `f'(x) t`. Both are recorded, hence the gradient has `f''` in it.
    ///
    /// # Errors
    /// Those of `f` and `slope`.
    pub fn chain(
        self,
        f: impl FnOnce(Matrix<E>) -> Result<Matrix<E>>,
        slope: impl FnOnce(Matrix<E>) -> Result<Matrix<E>>,
    ) -> Result<Self>
    where
        Cpu: Device<E>,
    {
        let tangents = match self.tangents {
            Some(tangents) => Some(scale_tangents(tangents, slope(self.values.clone())?)?),
            None => None,
        };
        Dual::new(f(self.values)?, tangents)
    }

    /// Makes the data contiguous in memory, which a user's operations may not leave them.
    pub(crate) fn contiguous(self) -> Self
    where
        Cpu: Device<E>,
    {
        Dual { values: self.values.contiguous(), tangents: self.tangents.map(ReshapeTo::contiguous) }
    }
}
