//! A layer: what a user writes, before any shape is known.

use crate::builder::{BuildError, Builder};
use crate::error::Result;
use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use toml::Value;

/// One layer of a [`crate::Network`]: the settings of any of the [`layers`](crate::layers).
#[derive(Clone)]
pub struct Layer(Arc<dyn Kind>);

pub(crate) trait Kind: Any + Debug + Send + Sync {
    /// The name in run files and error messages.
    fn name(&self) -> &str;

    /// Appends the layer's weights and primitives to the network that is being built.
    fn build(&self, at: &mut Builder) -> Result<(), BuildError>;

    /// How a run file writes the layer, which stands at `location`.
    fn write(&self, location: &str) -> Result<Value>;
}

impl Layer {
    pub(crate) fn new(kind: impl Kind) -> Self {
        Layer(Arc::new(kind))
    }

    /// The name in run files and error messages.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The settings, if the layer is of the kind `K`.
    ///
    /// ```
    /// use imnn_models::{dense, layers::{Conv, Dense}};
    /// let layer = dense(128);
    /// assert_eq!(layer.settings::<Dense>().map(|dense| dense.features), Some(128));
    /// assert!(layer.settings::<Conv>().is_none());
    /// ```
    pub fn settings<K: Any>(&self) -> Option<&K> {
        (self.0.as_ref() as &dyn Any).downcast_ref()
    }

    pub(crate) fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        self.0.build(at)
    }

    pub(crate) fn write(&self, location: &str) -> Result<Value> {
        self.0.write(location)
    }
}

impl Debug for Layer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
