//! Layers of the user's own, written with dfdx operations.

use crate::builder::{BuildError, Builder};
use crate::element::Element;
use crate::erased::{ErasedLayer, ParameterSpec};
use crate::error::{ModelError, Result};
use crate::layer::{Kind, Layer};
use crate::primitive::Op;
use crate::settings;
use crate::tape::{Dual, Vector};
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::Device;
use std::fmt::Debug;
use std::sync::Arc;
use toml::Value;

/// A layer written with dfdx operations on values and tangents. It trains without further work: the gradient comes from
/// dfdx's tape.
///
/// ```
/// use dfdx::{tensor::Cpu, tensor_ops::Device};
/// use imnn_models::{custom, dense, serial, Dual, Element, Initialiser, Model, ParameterSpec, Result, UserLayer, Vector};
///
/// /// y = a x, with one trained number a.
/// #[derive(Debug)]
/// struct Scale;
///
/// impl UserLayer for Scale {
///     fn name(&self) -> &str {
///         "scale"
///     }
///     fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
///         Ok(input.to_vec())
///     }
///     fn parameters(&self, _input: &[usize]) -> Vec<ParameterSpec> {
///         vec![ParameterSpec {
///             name: "factor".into(), shape: vec![1], initialiser: Initialiser::Constant(1.0), fan_in: 1, fan_out: 1,
///         }]
///     }
///     fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
///     where
///         Cpu: Device<E>,
///     {
///         use dfdx::tensor_ops::{BroadcastTo, ReshapeTo};
///         // Linear in the data: values and tangents take the same path.
///         input.linear(|x| {
///             let shape = *dfdx::shapes::HasShape::shape(&x);
///             let factor = weights[0].clone().reshape_like(&(1, 1)).reshape_like(&(1,));
///             let factor = factor.reshape_like(&()).broadcast_like(&shape);
///             Ok(x * factor)
///         })
///     }
/// }
///
/// let model = Model::new(serial([custom(Scale), dense(2)]), &[3])?;
/// assert_eq!(model.layout().entries()[0].name, "layers/0/factor");
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    label = "not a layer",
    note = "a layer of your own implements `UserLayer` (name, output_shape, parameters, forward) and goes into a network as `custom(layer)`",
    note = "a dfdx module goes into a network as `DfdxModule::new(name, module)?.into()`"
)]
pub trait UserLayer: Debug + Send + Sync + 'static {
    /// The name in error messages.
    fn name(&self) -> &str;

    /// Shape of one simulation after the layer, or why the layer cannot take `input`.
    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String>;

    /// The weights it wants for this input.
    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec>;

    /// The layer on values and tangents; `weights` are in the order of [`UserLayer::parameters`], each flat.
    ///
    /// # Errors
    /// Whatever its operations report.
    fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
    where
        Cpu: Device<E>;
}

impl<L: UserLayer> ErasedLayer for L {
    fn name(&self) -> &str {
        UserLayer::name(self)
    }

    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
        UserLayer::output_shape(self, input)
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        UserLayer::parameters(self, input)
    }

    fn forward_f32(&self, weights: &[Vector<f32>], input: Dual<f32>) -> Result<Dual<f32>> {
        self.forward(weights, input)
    }

    fn forward_f64(&self, weights: &[Vector<f64>], input: Dual<f64>) -> Result<Dual<f64>> {
        self.forward(weights, input)
    }
}

/// A layer of the user's own.
pub fn custom(layer: impl UserLayer) -> Layer {
    Layer::new(Custom(Arc::new(layer)))
}

/// An error of a user's layer.
pub fn custom_error(layer: &str, message: impl Into<String>) -> ModelError {
    ModelError::Custom { layer: layer.into(), message: message.into() }
}

/// A layer that run files cannot name.
#[derive(Debug)]
pub(crate) struct Custom(pub(crate) Arc<dyn ErasedLayer>);

impl Kind for Custom {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let output = self.0.output_shape(at.shape())?;
        if output.is_empty() || output.contains(&0) {
            return Err(format!("its output_shape {output:?} needs at least one axis, and none of size 0").into());
        }
        let entries = at.own_weights(self.0.parameters(at.shape()))?;
        at.push(Op::Custom { layer: self.0.clone(), entries }, output);
        Ok(())
    }

    fn write(&self, location: &str) -> Result<Value> {
        settings::refuse(
            location,
            format!("the layer {:?} is the program's own; a run file cannot describe it", self.0.name()),
        )
    }
}
