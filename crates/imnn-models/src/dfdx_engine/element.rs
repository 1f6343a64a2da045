//! The element types that dfdx runs.

use super::definition;
use super::dual::{Dual, Vector};
use crate::custom::ErasedLayer;
use crate::error::Result;
use crate::model::Model;
use dfdx::dtypes::Dtype;
use imnn_compute::Number;

/// `f32` or `f64`: a [`Number`] with what the autodiff needs of it.
pub trait Element: Number + Dtype {
    /// Summaries and their derivatives: see [`crate::forward`].
    #[doc(hidden)]
    fn forward(
        model: &Model,
        parameters: &[Self],
        batch: &definition::Batch<'_, Self>,
    ) -> Result<definition::Output<Self>>;

    /// Gradient of the parameters: see [`crate::backward`].
    #[doc(hidden)]
    fn backward(
        model: &Model,
        parameters: &[Self],
        batch: &definition::Batch<'_, Self>,
        cotangents: &definition::Output<Self>,
        gradient: &mut [Self],
    ) -> Result<()>;

    /// Runs a user's layer in this type.
    #[doc(hidden)]
    fn forward_custom(layer: &dyn ErasedLayer, weights: &[Vector<Self>], input: Dual<Self>) -> Result<Dual<Self>>;
}

macro_rules! element {
    ($type:ty, $forward:ident) => {
        impl Element for $type {
            fn forward(
                model: &Model,
                parameters: &[Self],
                batch: &definition::Batch<'_, Self>,
            ) -> Result<definition::Output<Self>> {
                definition::forward(model, parameters, batch)
            }

            fn backward(
                model: &Model,
                parameters: &[Self],
                batch: &definition::Batch<'_, Self>,
                cotangents: &definition::Output<Self>,
                gradient: &mut [Self],
            ) -> Result<()> {
                definition::backward(model, parameters, batch, cotangents, gradient)
            }

            fn forward_custom(
                layer: &dyn ErasedLayer,
                weights: &[Vector<Self>],
                input: Dual<Self>,
            ) -> Result<Dual<Self>> {
                layer.$forward(weights, input)
            }
        }
    };
}

element!(f32, forward_f32);
element!(f64, forward_f64);
