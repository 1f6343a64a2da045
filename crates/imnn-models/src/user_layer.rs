//! What a layer of the user's own does, and how primitives hold it.

use crate::element::{Element, Family};
use crate::error::Result;
use crate::initialise::Initialiser;
use crate::tape::{Dual, Vector};
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::Device;
use std::fmt::Debug;

/// An array of weights that a layer wants.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Name inside the layer, such as `weight`.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// How it starts.
    pub initialiser: Initialiser,
    /// Number of inputs that reach one output, for the initialiser.
    pub fan_in: usize,
    /// Number of outputs that one input reaches, for the initialiser.
    pub fan_out: usize,
}

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
        Self: Sized,
        Cpu: Device<E>;
}

/// The object-safe face of [`UserLayer`]: its [`forward`](UserLayer::forward) in each of the two element types. Implemented
/// for every [`UserLayer`].
pub trait ErasedLayer: UserLayer {
    /// In single precision.
    ///
    /// # Errors
    /// Whatever its operations report.
    fn forward_f32(&self, weights: &[Vector<f32>], input: Dual<f32>) -> Result<Dual<f32>>;

    /// In double precision.
    ///
    /// # Errors
    /// Whatever its operations report.
    fn forward_f64(&self, weights: &[Vector<f64>], input: Dual<f64>) -> Result<Dual<f64>>;
}

impl<L: UserLayer> ErasedLayer for L {
    fn forward_f32(&self, weights: &[Vector<f32>], input: Dual<f32>) -> Result<Dual<f32>> {
        self.forward(weights, input)
    }

    fn forward_f64(&self, weights: &[Vector<f64>], input: Dual<f64>) -> Result<Dual<f64>> {
        self.forward(weights, input)
    }
}

/// Runs a layer in the type of its data.
pub(crate) fn forward<E: Element>(layer: &dyn ErasedLayer, weights: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>> {
    struct Forward;
    impl Family for Forward {
        type Of<E: Element> = fn(&dyn ErasedLayer, &[Vector<E>], Dual<E>) -> Result<Dual<E>>;
    }
    let run = E::select::<Forward>(
        |layer, weights, input| layer.forward_f32(weights, input),
        |layer, weights, input| layer.forward_f64(weights, input),
    );
    run(layer, weights, input)
}
