//! What the file of a layer says about it.

use crate::builder::{BuildError, Builder};
use crate::error::Result;
use crate::layer::{Kind, Layer};
use crate::network::Network;
use crate::settings::table;
use imnn_io::{ConfigError, Item};
use std::any::Any;
use std::fmt::Debug;
use toml::Value;

/// A layer that run files can name.
pub(crate) trait Listed: Any + Debug + Send + Sync + Sized {
    /// The name in run files.
    const NAME: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// How run files write it.
    const FORM: Form<Self>;

    /// Appends the layer's weights and primitives to the network that is being built.
    fn build(&self, at: &mut Builder) -> Result<(), BuildError>;
}

pub(crate) enum Form<K> {
    /// By its name alone.
    Name(K),
    /// As `{ name = settings }`.
    Settings {
        /// Settings as they may be written.
        example: &'static str,
        /// Reads the settings, lists of layers inside them by the function given.
        read: fn(&Item<'_>, ReadNetwork<'_>) -> Result<K, ConfigError>,
        /// The settings, which stand at the location given.
        write: fn(&K, &str) -> Result<Value>,
    },
    /// As `{ name = settings }`, which stands for another layer.
    Shorthand {
        /// Settings as they may be written.
        example: &'static str,
        /// Reads that layer from the settings.
        read: fn(&Item<'_>, ReadNetwork<'_>) -> Result<Layer, ConfigError>,
    },
}

pub(crate) type ReadNetwork<'a> = &'a dyn Fn(&Item<'_>) -> Result<Network, ConfigError>;

impl<K: Listed> Kind for K {
    fn name(&self) -> &str {
        K::NAME
    }

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        Listed::build(self, at)
    }

    fn write(&self, location: &str) -> Result<Value> {
        match K::FORM {
            Form::Name(_) | Form::Shorthand { .. } => Ok(K::NAME.into()),
            Form::Settings { write, .. } => Ok(table([(K::NAME, write(self, &format!("{location}.{}", K::NAME))?)])),
        }
    }
}

pub(crate) struct Listing {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Settings as they may be written, if it has any.
    pub(crate) settings: Option<&'static str>,
    /// Reads the layer from its settings.
    pub(crate) read: fn(&Item<'_>, ReadNetwork<'_>) -> Result<Layer, ConfigError>,
}

impl Listing {
    pub(crate) fn of<K: Listed>() -> Self {
        let settings = match K::FORM {
            Form::Name(_) => None,
            Form::Settings { example, .. } | Form::Shorthand { example, .. } => Some(example),
        };
        Listing { name: K::NAME, about: K::ABOUT, settings, read: read::<K> }
    }
}

fn read<K: Listed>(settings: &Item<'_>, network: ReadNetwork<'_>) -> Result<Layer, ConfigError> {
    match K::FORM {
        Form::Name(layer) => Ok(Layer::new(layer)),
        Form::Settings { read, .. } => read(settings, network).map(Layer::new),
        Form::Shorthand { read, .. } => read(settings, network),
    }
}
