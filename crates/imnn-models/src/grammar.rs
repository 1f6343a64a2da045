//! Networks in run files: the grammar of `layers = [...]`.

use crate::activation::Activation;
use crate::description::{Fields, array, found, number, refuse, size, suggestion, word};
use crate::error::Result;
use crate::layer::{Conv, Dense, Initialiser, Join, Layer, Padding, Parallel, Window, residual};
use crate::network::Network;
use imnn_io::text::shortened;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use toml::{Table, Value};

impl Network {
    /// Reads the list `layers` of a run file.
    ///
    /// | Written | Layer |
    /// | --- | --- |
    /// | `{ dense = 128 }` | dense with 128 outputs |
    /// | `{ dense = { features = 128, weight = "he_normal", bias = { normal = 0.01 } } }` | the same with its initialisers |
    /// | `{ conv = { filters = 8, kernel = [3, 3], strides = [2, 2], padding = "same" } }` | convolution; `strides` are 1 unless given; `weight` and `bias` as above |
    /// | `{ max_pool = { window = [3, 3], strides = [1, 1], padding = "valid" } }`, `avg_pool` | pools |
    /// | `"global_avg_pool"`, `"global_max_pool"`, `"flatten"`, `{ reshape = [4, 4, 1] }` | |
    /// | `{ parallel = { branches = [[...], [...]], join = "concat" } }` | branches joined by `"concat"` or `"sum"` |
    /// | `{ residual = [...] }` | `x + f(x)` |
    /// | `"leaky_relu"`, `"gelu"`, ... | the activations of [`Activation`] |
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
    ///       "global_avg_pool", { dense = 2 },
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
        read_network("layers", value, 0)
    }

    /// The list that [`Network::from_toml`] reads.
    ///
    /// # Errors
    /// If the network has a layer of the user's own, which a run file cannot name.
    pub fn to_toml(&self) -> Result<Value> {
        write_network("layers", self)
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

/// Layers written as a table with their name as the only key.
const WITH_SETTINGS: [&str; 7] = ["dense", "conv", "max_pool", "avg_pool", "reshape", "parallel", "residual"];
/// Layers written as their name; the activations come on top.
const PLAIN: [&str; 3] = ["global_avg_pool", "global_max_pool", "flatten"];
const PADDINGS: [(&str, Padding); 3] =
    [("same", Padding::Same), ("valid", Padding::Valid), ("circular", Padding::Circular)];
const JOINS: [(&str, Join); 2] = [("concat", Join::Concat), ("sum", Join::Sum)];
/// Branches in branches beyond this are refused, before they exhaust the stack.
const MAX_DEPTH: usize = 16;

fn read_network(location: &str, value: &Value, depth: usize) -> Result<Network> {
    if depth > MAX_DEPTH {
        return refuse(location, format!("branches are nested more than {MAX_DEPTH} deep"));
    }
    let layers = array(location, value, "layers", |location, value| read_layer(location, value, depth))?;
    Ok(Network { layers })
}

fn read_layer(location: &str, value: &Value, depth: usize) -> Result<Layer> {
    match value {
        Value::String(name) => read_plain(location, name),
        Value::Table(table) => {
            let mut keys = table.iter();
            match (keys.next(), keys.next()) {
                (Some((name, settings)), None) => read_with_settings(location, name, settings, depth),
                (Some(_), Some(_)) => {
                    let names: Vec<_> = table.keys().map(|key| shortened(key)).collect();
                    let message = format!(
                        "a layer is one key with its settings, such as {{ dense = 128 }}; found the keys {}",
                        names.join(", ")
                    );
                    refuse(location, message)
                }
                _ => refuse(location, "an empty table is no layer; write for instance { dense = 128 }"),
            }
        }
        other => refuse(
            location,
            format!("expected a layer such as {{ dense = 128 }} or \"leaky_relu\", found {}", found(other)),
        ),
    }
}

fn read_plain(location: &str, name: &str) -> Result<Layer> {
    match name {
        "global_avg_pool" => Ok(Layer::GlobalAvgPool),
        "global_max_pool" => Ok(Layer::GlobalMaxPool),
        "flatten" => Ok(Layer::Flatten),
        name if WITH_SETTINGS.contains(&name) => {
            refuse(location, format!("{name:?} needs settings: {{ {name} = {} }}", example(name)))
        }
        name => match Activation::ALL.into_iter().find(|activation| activation.name() == name) {
            Some(activation) => Ok(activation.into()),
            None => unknown(location, name),
        },
    }
}

fn read_with_settings(location: &str, name: &str, settings: &Value, depth: usize) -> Result<Layer> {
    let inner = format!("{location}.{name}");
    match name {
        "dense" => read_dense(inner, settings),
        "conv" => read_conv(inner, settings),
        "max_pool" => Ok(Layer::MaxPool(read_window(inner, settings)?)),
        "avg_pool" => Ok(Layer::AvgPool(read_window(inner, settings)?)),
        "reshape" => Ok(Layer::Reshape(sizes(&inner, settings)?)),
        "residual" => Ok(residual(read_network(&inner, settings, depth + 1)?)),
        "parallel" => {
            let fields = Fields::new(inner, settings, &["branches", "join"])?;
            let branches = fields.require("branches", "[[{ dense = 8 }], [{ dense = 8 }, \"tanh\"]]")?;
            let branches = array(&fields.at("branches"), branches, "branches, each a list of layers", |at, branch| {
                read_network(at, branch, depth + 1)
            })?;
            let join = word(&fields.at("join"), fields.require("join", "\"concat\"")?, "join", &JOINS)?;
            Ok(Layer::Parallel(Parallel { branches, join }))
        }
        name if PLAIN.contains(&name) || Activation::ALL.iter().any(|activation| activation.name() == name) => {
            refuse(location, format!("{name:?} has no settings: write \"{name}\""))
        }
        name => unknown(location, name),
    }
}

fn unknown(location: &str, name: &str) -> Result<Layer> {
    let activations = Activation::ALL.into_iter().map(Activation::name);
    let known: Vec<&str> = WITH_SETTINGS.into_iter().chain(PLAIN).chain(activations).collect();
    refuse(location, format!("unknown layer {:?}{}", shortened(name), suggestion(name, &known)))
}

/// How to write the settings of a layer.
fn example(name: &str) -> &'static str {
    match name {
        "dense" => "128",
        "conv" => "{ filters = 8, kernel = [3, 3], padding = \"same\" }",
        "max_pool" | "avg_pool" => "{ window = [2, 2], strides = [2, 2], padding = \"valid\" }",
        "reshape" => "[4, 4, 1]",
        "residual" => "[{ dense = 8 }, \"tanh\"]",
        _ => "{ branches = [[{ dense = 8 }], [{ dense = 8 }, \"tanh\"]], join = \"concat\" }",
    }
}

fn read_dense(location: String, value: &Value) -> Result<Layer> {
    let default = Dense::new(1);
    if let Value::Integer(_) = value {
        return Ok(Layer::Dense(Dense { features: size(&location, value)?, ..default }));
    }
    if !value.is_table() {
        return refuse(
            &location,
            format!(
                "expected the number of features, or a table with features, weight and bias, found {}",
                found(value)
            ),
        );
    }
    let fields = Fields::new(location, value, &["features", "weight", "bias"])?;
    Ok(Layer::Dense(Dense {
        features: size(&fields.at("features"), fields.require("features", "128")?)?,
        weight: read_initialiser(&fields, "weight", default.weight)?,
        bias: read_initialiser(&fields, "bias", default.bias)?,
    }))
}

fn read_conv(location: String, value: &Value) -> Result<Layer> {
    let default = Conv::new(1, &[], &[], Padding::Same);
    let fields = Fields::new(location, value, &["filters", "kernel", "strides", "padding", "weight", "bias"])?;
    Ok(Layer::Conv(Conv {
        filters: size(&fields.at("filters"), fields.require("filters", "8")?)?,
        kernel: sizes(&fields.at("kernel"), fields.require("kernel", "[3, 3]")?)?,
        strides: strides(&fields)?,
        padding: padding(&fields)?,
        weight: read_initialiser(&fields, "weight", default.weight)?,
        bias: read_initialiser(&fields, "bias", default.bias)?,
    }))
}

fn read_window(location: String, value: &Value) -> Result<Window> {
    let fields = Fields::new(location, value, &["window", "strides", "padding"])?;
    Ok(Window {
        window: sizes(&fields.at("window"), fields.require("window", "[2, 2]")?)?,
        strides: strides(&fields)?,
        padding: padding(&fields)?,
    })
}

fn sizes(location: &str, value: &Value) -> Result<Vec<usize>> {
    let sizes = array(location, value, "sizes such as [3, 3]", size)?;
    if sizes.is_empty() {
        return refuse(location, "expected one size per axis, found an empty array");
    }
    Ok(sizes)
}

fn strides(fields: &Fields<'_>) -> Result<Vec<usize>> {
    fields.get("strides").map_or(Ok(vec![]), |value| sizes(&fields.at("strides"), value))
}

fn padding(fields: &Fields<'_>) -> Result<Padding> {
    word(&fields.at("padding"), fields.require("padding", "\"same\"")?, "padding", &PADDINGS)
}

fn read_initialiser(fields: &Fields<'_>, key: &str, default: Initialiser) -> Result<Initialiser> {
    let Some(value) = fields.get(key) else {
        return Ok(default);
    };
    let location = fields.at(key);
    let initialiser = match value {
        Value::Table(table) => {
            let known = ["normal", "constant", "values"];
            let settings = Fields::new(location.clone(), value, &known)?;
            let mut keys = table.keys();
            match (keys.next().map(String::as_str), keys.next()) {
                (Some("normal"), None) => Initialiser::Normal(settings.number("normal", "0.01")?),
                (Some("constant"), None) => Initialiser::Constant(settings.number("constant", "0.0")?),
                (Some(_), None) => {
                    let values = settings.require("values", "[0.0, 1.0]")?;
                    Initialiser::Values(array(&settings.at("values"), values, "numbers", number)?.into())
                }
                _ => return refuse(&location, "expected one of normal, constant, values, such as { normal = 0.01 }"),
            }
        }
        Value::String(name) => {
            let words = ["glorot_normal", "glorot_uniform", "he_normal", "lecun_normal", "zeros"];
            match name.as_str() {
                "glorot_normal" => Initialiser::GlorotNormal,
                "glorot_uniform" => Initialiser::GlorotUniform,
                "he_normal" => Initialiser::HeNormal,
                "lecun_normal" => Initialiser::LecunNormal,
                "zeros" => Initialiser::Constant(0.0),
                other => {
                    let message = format!("unknown initialiser {:?}{}", shortened(other), suggestion(other, &words));
                    return refuse(&location, message);
                }
            }
        }
        other => {
            let message =
                format!("expected an initialiser such as \"he_normal\" or {{ normal = 0.01 }}, found {}", found(other));
            return refuse(&location, message);
        }
    };
    // The number of values is compared with the shape when the shape is known.
    let len = if let Initialiser::Values(values) = &initialiser { values.len() } else { 0 };
    initialiser.check(key, &[len], len).or_else(|message| refuse(&location, message))?;
    Ok(initialiser)
}

fn write_network(location: &str, network: &Network) -> Result<Value> {
    let layers = network.layers.iter().enumerate();
    let layers = layers.map(|(k, layer)| write_layer(&format!("{location}[{k}]"), layer));
    Ok(Value::Array(layers.collect::<Result<_>>()?))
}

fn write_layer(location: &str, layer: &Layer) -> Result<Value> {
    let integers = |sizes: &[usize]| write_sizes(location, sizes);
    let settings = match layer {
        Layer::GlobalAvgPool | Layer::GlobalMaxPool | Layer::Flatten | Layer::Activation(_) => {
            return Ok(layer.name().into());
        }
        Layer::Custom(custom) => {
            return refuse(
                location,
                format!("the layer {:?} is the program's own; a run file cannot describe it", custom.name()),
            );
        }
        Layer::Dense(dense) => {
            let features = integer(location, dense.features)?;
            if *dense == Dense::new(dense.features) {
                features
            } else {
                let weight = write_initialiser(&dense.weight);
                table([("features", features), ("weight", weight), ("bias", write_initialiser(&dense.bias))])
            }
        }
        Layer::Conv(conv) => {
            let mut settings = vec![
                ("filters", integer(location, conv.filters)?),
                ("kernel", integers(&conv.kernel)?),
                ("padding", padding_name(conv.padding)),
                ("weight", write_initialiser(&conv.weight)),
                ("bias", write_initialiser(&conv.bias)),
            ];
            if !conv.strides.is_empty() {
                settings.push(("strides", integers(&conv.strides)?));
            }
            table(settings)
        }
        Layer::MaxPool(window) | Layer::AvgPool(window) => {
            let mut settings = vec![("window", integers(&window.window)?), ("padding", padding_name(window.padding))];
            if !window.strides.is_empty() {
                settings.push(("strides", integers(&window.strides)?));
            }
            table(settings)
        }
        Layer::Reshape(shape) => integers(shape)?,
        Layer::Parallel(parallel) => {
            let branches = parallel.branches.iter().enumerate();
            let branches =
                branches.map(|(k, branch)| write_network(&format!("{location}.parallel.branches[{k}]"), branch));
            let join = match parallel.join {
                Join::Concat => "concat",
                Join::Sum => "sum",
            };
            table([("branches", Value::Array(branches.collect::<Result<_>>()?)), ("join", join.into())])
        }
    };
    Ok(table([(layer.name(), settings)]))
}

fn table<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_string(), value)).collect::<Table>())
}

fn integer(location: &str, n: usize) -> Result<Value> {
    i64::try_from(n).map(Value::Integer).or_else(|_| refuse(location, format!("{n} is too large to be written")))
}

fn write_sizes(location: &str, sizes: &[usize]) -> Result<Value> {
    Ok(Value::Array(sizes.iter().map(|&n| integer(location, n)).collect::<Result<_>>()?))
}

fn padding_name(padding: Padding) -> Value {
    match padding {
        Padding::Same => "same",
        Padding::Valid => "valid",
        Padding::Circular => "circular",
    }
    .into()
}

fn write_initialiser(initialiser: &Initialiser) -> Value {
    match initialiser {
        Initialiser::GlorotNormal => "glorot_normal".into(),
        Initialiser::GlorotUniform => "glorot_uniform".into(),
        Initialiser::HeNormal => "he_normal".into(),
        Initialiser::LecunNormal => "lecun_normal".into(),
        Initialiser::Normal(deviation) => table([("normal", (*deviation).into())]),
        Initialiser::Constant(value) => table([("constant", (*value).into())]),
        Initialiser::Values(values) => table([("values", values.to_vec().into())]),
    }
}

#[cfg(test)]
mod tests;
