//! Networks in run files: the grammar of `layers = [...]`.

use crate::activations::Activation;
use crate::error::Result;
use crate::layer::Layer;
use crate::layers::{ReadNetwork, listed};
use crate::network::Network;
use crate::settings::read_value;
use imnn_io::nearest::advice;
use imnn_io::text::shortened;
use imnn_io::{ConfigError, Item};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use toml::Value;

impl Network {
    /// Reads the list `layers` of a run file: each layer is a table with its name as the only key, such as
    /// `{ dense = 128 }`, or its name alone if it has no settings, such as `"flatten"` and all activations.
    /// [`crate::layers::catalogue`] lists them, and each of the [`layers`](crate::layers) describes its settings.
    ///
    /// Paddings: `"same"`, `"valid"`, `"circular"`. Initialisers: `"glorot_normal"`, `"glorot_uniform"`, `"he_normal"`,
    /// `"lecun_normal"`, `"zeros"`, `{ normal = 0.01 }`, `{ constant = 1.0 }`, `{ values = [...] }`.
    ///
    /// ```
    /// use imnn_models::{Model, Network};
    /// #[derive(serde::Deserialize)]
    /// struct Section { layers: Network }
    /// let section: Section = toml::from_str(r#"
    ///     layers = [
    ///       { conv = { filters = 8, kernel = [3, 3], strides = [2, 2], padding = "circular" } }, "leaky_relu",
    ///       { residual = [{ dense = 8 }, "tanh"] }, "global_avg_pool", { dense = 2 },
    ///     ]
    /// "#)?;
    /// let model = Model::new(section.layers, &[16, 16, 1])?;
    /// assert_eq!(model.output_shape(), [2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::ModelError::Description`] saying which layer, what was found, and what to write.
    pub fn from_toml(value: &Value) -> Result<Self> {
        read_value("layers", value, Self::read)
    }

    /// As [`Network::from_toml`], from a run file.
    ///
    /// # Errors
    /// As there, with the line.
    pub fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        read_network(item, 0)
    }

    /// The list that [`Network::from_toml`] reads.
    ///
    /// # Errors
    /// If the network has a layer of the user's own, which a run file cannot name.
    pub fn to_toml(&self) -> Result<Value> {
        self.write("layers")
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_toml().map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_toml(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Branches in branches beyond this are refused, before they exhaust the stack.
const MAX_DEPTH: usize = 16;

fn read_network(item: &Item<'_>, depth: usize) -> Result<Network, ConfigError> {
    if depth > MAX_DEPTH {
        return Err(item.invalid(format!("branches are nested more than {MAX_DEPTH} deep")));
    }
    let inner = |item: &Item<'_>| read_network(item, depth + 1);
    let layers = item.list("layers")?;
    Ok(Network { layers: layers.iter().map(|layer| read_layer(layer, &inner)).collect::<Result<_, _>>()? })
}

fn read_layer(item: &Item<'_>, network: ReadNetwork<'_>) -> Result<Layer, ConfigError> {
    if let Some(name) = item.as_str() {
        return read_named(item, name, None, network);
    }
    let Some(table) = item.as_section() else {
        return Err(item.wrong_type("a layer such as { dense = 128 } or \"leaky_relu\""));
    };
    match table.keys().collect::<Vec<_>>()[..] {
        [name] => read_named(item, name, table.item(name), network),
        [] => Err(item.invalid("empty table where a layer was expected; write for instance { dense = 128 }")),
        ref names => {
            let names: Vec<_> = names.iter().map(|name| shortened(name)).collect();
            Err(item.invalid(format!(
                "a layer is one key with its settings, such as {{ dense = 128 }}; found the keys {}",
                names.join(", ")
            )))
        }
    }
}

/// The layer of this name, with its settings if any were given.
fn read_named(
    item: &Item<'_>,
    name: &str,
    settings: Option<Item<'_>>,
    network: ReadNetwork<'_>,
) -> Result<Layer, ConfigError> {
    let no_settings = || Err(item.invalid(format!("{name:?} has no settings: write \"{name}\"")));
    let layers = listed();
    if let Some(layer) = layers.iter().find(|layer| layer.name == name) {
        return match (settings, layer.settings) {
            (Some(settings), Some(_)) => (layer.read)(&settings, network),
            (None, None) => (layer.read)(item, network),
            (Some(_), None) => no_settings(),
            (None, Some(example)) => Err(item.invalid(format!("{name:?} needs settings: {{ {name} = {example} }}"))),
        };
    }
    let activations = Activation::ALL;
    match (activations.into_iter().find(|activation| activation.name() == name), settings) {
        (Some(activation), None) => Ok(activation.into()),
        (Some(_), Some(_)) => no_settings(),
        (None, _) => {
            let activations = activations.into_iter().map(Activation::name);
            let known: Vec<&str> = layers.iter().map(|layer| layer.name).chain(activations).collect();
            let advice = elsewhere(name).map_or_else(|| advice(name, &known), str::to_owned);
            Err(item.invalid(format!("unknown layer {:?}; {advice}", shortened(name))))
        }
    }
}

/// Why there is no layer that others have.
fn elsewhere(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
        "dropout" | "alphadropout" | "spatialdropout" | "gaussiannoise" => Some(
            "there is none that draws at random: F has to be a function of the weights alone. Against overtraining: symmetries \
             ([simulations.augment]), noise drawn anew ([simulations.noise]), more simulations, or a smaller network",
        ),
        "batchnorm" | "batchnormalization" | "batchnorm1d" | "batchnorm2d" | "batchnorm3d" => Some(
            "there is none: summaries of one simulation may not depend on the others, of which F is made. \"standardise\" as the \
             first layer brings the data to mean 0 and variance 1, once and for all",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
