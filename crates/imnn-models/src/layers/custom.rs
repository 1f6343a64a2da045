//! Layers of the user's own in a network.

use crate::builder::{BuildError, Builder};
use crate::error::{ModelError, Result};
use crate::layer::{Kind, Layer};
use crate::primitive::Op;
use crate::user_layer::{ErasedLayer, UserLayer};
use std::sync::Arc;
use toml::Value;

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
struct Custom(Arc<dyn ErasedLayer>);

impl Kind for Custom {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let output = self.0.output_shape(&at.shape)?;
        if output.is_empty() || output.contains(&0) {
            return Err(format!("its output_shape {output:?} needs at least one axis, and none of size 0").into());
        }
        let entries = at.own_weights(self.0.parameters(&at.shape))?;
        at.push(Op::Custom { layer: self.0.clone(), entries }, output);
        Ok(())
    }

    fn write(&self, location: &str) -> Result<Value> {
        let message = format!("the layer {:?} is the program's own; a run file cannot describe it", self.0.name());
        Err(ModelError::Description { location: location.into(), message })
    }
}
