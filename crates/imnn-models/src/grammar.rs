//! Networks in run files: the grammar of `layers = [...]`.

use crate::activations::Activation;
use crate::error::Result;
use crate::layer::Layer;
use crate::layers::listed;
use crate::network::Network;
use crate::settings::{Item, suggestion};
use imnn_io::text::shortened;
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
        read_network(&Item::new("layers", value))
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

fn read_network(item: &Item<'_>) -> Result<Network> {
    if item.depth > MAX_DEPTH {
        return item.refuse(format!("branches are nested more than {MAX_DEPTH} deep"));
    }
    Ok(Network { layers: item.list("layers", read_layer)? })
}

fn read_layer(item: &Item<'_>) -> Result<Layer> {
    match item.value {
        Value::String(name) => read_named(item, name, None),
        Value::Table(table) => {
            let mut keys = table.iter();
            match (keys.next(), keys.next()) {
                (Some((name, settings)), None) => {
                    read_named(item, name, Some(item.inner(&format!(".{name}"), settings)))
                }
                (Some(_), Some(_)) => {
                    let names: Vec<_> = table.keys().map(|key| shortened(key)).collect();
                    item.refuse(format!(
                        "a layer is one key with its settings, such as {{ dense = 128 }}; found the keys {}",
                        names.join(", ")
                    ))
                }
                _ => item.refuse("empty table where a layer was expected; write for instance { dense = 128 }"),
            }
        }
        _ => {
            item.refuse(format!("expected a layer such as {{ dense = 128 }} or \"leaky_relu\", found {}", item.found()))
        }
    }
}

/// The layer of this name, with its settings if any were given.
fn read_named(item: &Item<'_>, name: &str, settings: Option<Item<'_>>) -> Result<Layer> {
    let no_settings = || item.refuse(format!("{name:?} has no settings: write \"{name}\""));
    let layers = listed();
    if let Some(layer) = layers.iter().find(|layer| layer.name == name) {
        return match (settings, layer.settings) {
            (Some(settings), Some(_)) => (layer.read)(&settings, read_network),
            (None, None) => (layer.read)(item, read_network),
            (Some(_), None) => no_settings(),
            (None, Some(example)) => item.refuse(format!("{name:?} needs settings: {{ {name} = {example} }}")),
        };
    }
    let activations = Activation::ALL;
    match (activations.into_iter().find(|activation| activation.name() == name), settings) {
        (Some(activation), None) => Ok(activation.into()),
        (Some(_), Some(_)) => no_settings(),
        (None, _) => {
            let activations = activations.into_iter().map(Activation::name);
            let known: Vec<&str> = layers.iter().map(|layer| layer.name).chain(activations).collect();
            item.refuse(format!("unknown layer {:?}{}", shortened(name), suggestion(name, &known)))
        }
    }
}

#[cfg(test)]
mod tests;
