//! Activations as layers.

use crate::activations::{Activation, with_activations};
use crate::builder::{BuildError, Builder};
use crate::error::Result;
use crate::layer::{Kind, Layer};
use toml::Value;

impl Kind for Activation {
    fn name(&self) -> &str {
        Activation::name(*self)
    }

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        at.pointwise(*self);
        Ok(())
    }

    fn write(&self, _: &str) -> Result<Value> {
        Ok(Activation::name(*self).into())
    }
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        Layer::new(activation)
    }
}

macro_rules! constructors {
    ($($name:ident: $activation:ident;)*) => { $(
        #[doc = concat!("The activation [`Activation::", stringify!($activation), "`].")]
        pub fn $name() -> Layer {
            Activation::$activation.into()
        }
    )* };
}

/// A function for each activation, by its name.
pub mod functions {
    use super::{Activation, Layer, with_activations};

    with_activations!(constructors);
}
