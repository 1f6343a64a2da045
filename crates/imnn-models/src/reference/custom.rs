//! Layers of the user's own, and what they promised.

use crate::element::Element;
use crate::error::{ModelError, Result};
use crate::primitive::Primitive;
use crate::tape::{Dual, Vector};
use crate::user_layer::{self, ErasedLayer};
use dfdx::shapes::HasShape;
use dfdx::tensor::Cpu;
use dfdx::tensor_ops::Device;

/// Runs the layer of a primitive.
pub(super) fn custom<E: Element>(
    layer: &dyn ErasedLayer,
    primitive: &Primitive,
    weights: &[Vector<E>],
    input: Dual<E>,
) -> Result<Dual<E>>
where
    Cpu: Device<E>,
{
    let n = input.values().shape().0;
    let n_tangents = input.tangents().map(|tangents| tangents.shape().0);
    let output = user_layer::forward(layer, weights, input)?.contiguous();
    let refuse = |message| Err(ModelError::Custom { layer: primitive.label.to_string(), message });
    let shape = *output.values().shape();
    let promised = (n, primitive.output.size());
    if shape != promised {
        return refuse(format!("it made values of shape {shape:?}, its output_shape promised {promised:?}"));
    }
    let returned = output.tangents().map(|tangents| tangents.shape().0);
    if returned != n_tangents {
        let count = |n: Option<usize>| n.map_or("no tangents".into(), |n| format!("{n} tangents"));
        let (returned, given) = (count(returned), count(n_tangents));
        return refuse(format!("it made {returned}, for {given} that came in; each needs one of its own"));
    }
    Ok(output)
}
