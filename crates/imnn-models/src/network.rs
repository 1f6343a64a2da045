//! A network as a value: a list of layers.

use crate::builder::Builder;
use crate::error::Result;
use crate::layer::Layer;
use toml::Value;

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

impl Network {
    /// Appends the layers to a network that is being built; `path` is where they are listed, such as `layers`.
    pub(crate) fn build(&self, at: &mut Builder, path: &str) -> Result<()> {
        self.layers
            .iter()
            .enumerate()
            .try_for_each(|(k, layer)| at.layer(format!("{path}[{k}]"), layer.name(), |at| layer.build(at)))
    }

    /// The list of a run file, which stands at `location`.
    pub(crate) fn write(&self, location: &str) -> Result<Value> {
        let layers = self.layers.iter().enumerate();
        Ok(Value::Array(layers.map(|(k, layer)| layer.write(&format!("{location}[{k}]"))).collect::<Result<_>>()?))
    }
}
