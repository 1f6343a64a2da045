//! Layers of the user's own as primitives hold them.

use crate::element::{Element, Family};
use crate::error::Result;
use crate::initialise::Initialiser;
use crate::tape::{Dual, Vector};
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

/// The object-safe face of [`crate::UserLayer`]: the two element types spelt out. Implemented for every
/// [`crate::UserLayer`].
pub trait ErasedLayer: Debug + Send + Sync {
    /// See [`crate::UserLayer::name`].
    fn name(&self) -> &str;

    /// See [`crate::UserLayer::output_shape`].
    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String>;

    /// See [`crate::UserLayer::parameters`].
    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec>;

    /// See [`crate::UserLayer::forward`].
    ///
    /// # Errors
    /// Whatever its operations report.
    fn forward_f32(&self, weights: &[Vector<f32>], input: Dual<f32>) -> Result<Dual<f32>>;

    /// See [`crate::UserLayer::forward`].
    ///
    /// # Errors
    /// Whatever its operations report.
    fn forward_f64(&self, weights: &[Vector<f64>], input: Dual<f64>) -> Result<Dual<f64>>;
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
