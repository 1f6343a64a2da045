//! A network as a value: a list of layers.

use crate::layer::Layer;

/// A list of layers, applied one after the other. Shapes are resolved by [`crate::Model::new`].
///
/// ```
/// use imnn_models::{dense, leaky_relu, serial, Model};
/// let network = serial([dense(128), leaky_relu(), dense(2)]);
/// let model = Model::new(network, &[10])?;
/// assert_eq!(model.output_shape(), &[2]);
/// assert_eq!(model.layout().len(), 10 * 128 + 128 + 128 * 2 + 2);
/// # Ok::<(), imnn_models::ModelError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

/// A network of these layers, in order.
pub fn serial(layers: impl IntoIterator<Item = Layer>) -> Network {
    Network { layers: layers.into_iter().collect() }
}

impl From<Vec<Layer>> for Network {
    fn from(layers: Vec<Layer>) -> Self {
        Network { layers }
    }
}
