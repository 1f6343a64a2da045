//! Saved runs: everything needed to go on training, and to compress data and estimate parameters.
//!
//! | file | what |
//! |---|---|
//! | `model.toml` | network, input shape, precision, fiducial, names of the parameters, key |
//! | `weights.safetensors` | the weights that the statistics belong to |
//! | `final.safetensors`, `best.safetensors` | weights after the last update, and those with the largest det F |
//! | `optimiser.safetensors` | the optimiser's moments after the last update |
//! | `history.npz` | `detF detC detinvC lambda2 r` and `val_...`, one entry per iteration; `best_iteration` |
//! | `statistics.json`, `statistics.npz` | `F invF C invC mu dmu_dtheta` |

use crate::compressor::Compressor;
use crate::error::{FitError, Result};
use crate::folder::{RunFolder, refuse};
use crate::history::{History, Trace};
use crate::trainer::{Imnn, Measured};
use imnn_data::ArrayPath;
use imnn_data::arrays::{AnyArray, keys, read, read_vector, write_npz};
use imnn_device::Device;
use imnn_models::{Element, Model, Network, OptimiserState, Parameters};
use imnn_stats::Statistics;
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format of saved runs.
const FORMAT: u32 = 1;

/// What a saved run is about: the contents of `model.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// Version of the format.
    pub format: u32,
    /// `"f32"` or `"f64"`.
    pub precision: String,
    /// Shape of one simulation.
    pub input_shape: Vec<usize>,
    /// Fiducial parameter values.
    pub theta_fid: Vec<f64>,
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// Key of the run, in hexadecimal.
    pub key: String,
    /// The network; absent if it has layers of the user's own, which cannot be written down.
    #[serde(rename = "layers", default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

/// Where training stood.
pub(crate) struct Standing<E> {
    pub(crate) parameters: Parameters<E>,
    pub(crate) state: OptimiserState<E>,
    pub(crate) best: Option<Parameters<E>>,
    pub(crate) history: History,
}

impl<E: Element> Imnn<E> {
    /// Writes the run into a new folder, which appears whole or not at all.
    ///
    /// # Errors
    /// If the folder is there already, or cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        let folder = RunFolder::create(folder.as_ref(), false)?;
        self.save_into(&folder)?;
        folder.finish()
    }

    /// Writes the run's files into a folder that is being made, beside whatever else is to be there.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save_into(&self, folder: &RunFolder) -> Result<()> {
        let folder = folder.path();
        let network = self.model().network();
        let description = Description {
            format: FORMAT,
            precision: E::NAME.into(),
            input_shape: self.model().input_shape().to_vec(),
            theta_fid: self.theta_fid().to_vec(),
            parameters: self.names().to_vec(),
            key: self.keys.root.to_string(),
            network: network.to_toml().is_ok().then(|| network.clone()),
        };
        let text = toml::to_string(&description).map_err(|error| refuse(folder, error.to_string()))?;
        write(&folder.join("model.toml"), &text)?;
        self.parameters.save(folder.join("final.safetensors"))?;
        if let Some(best) = &self.best {
            best.save(folder.join("best.safetensors"))?;
        }
        self.state.save(folder.join("optimiser.safetensors"))?;
        write_history(&self.history, &folder.join("history.npz"))?;
        if let Some(Measured { parameters, statistics }) = &self.measured {
            parameters.save(folder.join("weights.safetensors"))?;
            write_statistics(statistics, folder)?;
        }
        Ok(())
    }
}

impl Description {
    /// Reads `model.toml` of a saved run.
    ///
    /// # Errors
    /// If this is no saved run, or one of another version.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        let path = folder.as_ref().join("model.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| {
            refuse(&path, format!("{error}; give the folder of a run that was saved or that `imnn fit` wrote"))
        })?;
        let description: Description = toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))?;
        if description.format != FORMAT {
            let message = format!("format {} is not known here, only {FORMAT}", description.format);
            return Err(refuse(&path, message));
        }
        Ok(description)
    }
}

impl<E: Element> Compressor<E> {
    /// Reads the trained network of a saved run.
    ///
    /// # Errors
    /// If a file is missing or broken, or the network has layers of the user's own: then use
    /// [`Compressor::load_with_network`].
    pub fn load(folder: impl AsRef<Path>, device: impl Device<E>) -> Result<Self> {
        let folder = folder.as_ref();
        let network = Description::load(folder)?.network.ok_or_else(|| {
            let message = "the network has layers of the user's own: give it with `load_with_network`";
            refuse(&folder.join("model.toml"), message)
        })?;
        Compressor::load_with_network(folder, network, device)
    }

    /// Reads the weights and statistics of a saved run for a network that is given.
    ///
    /// # Errors
    /// If a file is missing or broken, or the weights are not those of the network.
    pub fn load_with_network(folder: impl AsRef<Path>, network: Network, device: impl Device<E>) -> Result<Self> {
        let folder = folder.as_ref();
        let description = Description::load(folder)?;
        let model = Model::new(network, &description.input_shape)?;
        let parameters = Parameters::load(folder.join("weights.safetensors"), model.layout())?;
        let statistics = read_statistics(folder)?;
        let Description { theta_fid, parameters: names, .. } = description;
        Compressor::new(model, parameters, statistics, theta_fid, names, &device)
    }
}

impl<E: Element> Standing<E> {
    /// Where the training of a saved run stood, for a run of the same network, fiducial and precision.
    pub(crate) fn load(folder: &Path, model: &Model, theta_fid: &[f64]) -> Result<Self> {
        let saved = Description::load(folder)?;
        let network = |network: &Network| network.to_toml().map(|layers| layers.to_string()).unwrap_or_default();
        let saved_network = saved.network.as_ref().map_or_else(String::new, network);
        for (what, found, expected) in [
            ("precision", saved.precision, E::NAME.to_owned()),
            ("fiducial", format!("{:?}", saved.theta_fid), format!("{theta_fid:?}")),
            ("network", saved_network, network(model.network())),
        ] {
            if found != expected {
                return Err(FitError::Disagree {
                    what: format!("{what} of the run in {} to go on with", folder.display()),
                    found,
                    expected,
                });
            }
        }
        let best = folder.join("best.safetensors");
        Ok(Standing {
            parameters: Parameters::load(folder.join("final.safetensors"), model.layout())?,
            state: OptimiserState::load(folder.join("optimiser.safetensors"))?,
            best: best.exists().then(|| Parameters::load(&best, model.layout())).transpose()?,
            history: read_history(&folder.join("history.npz"))?,
        })
    }
}

impl History {
    /// Reads the record of a saved run, or any `history.npz`.
    ///
    /// # Errors
    /// If the file is missing or broken.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        read_history(path.as_ref())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    Ok(imnn_io::atomic::write(path, text)?)
}

fn write_history(history: &History, path: &Path) -> Result<()> {
    let traces = [("", Some(&history.training)), ("val_", history.validation.as_ref())];
    let mut columns: Vec<(String, ArrayD<f64>)> = vec![];
    for (prefix, trace) in traces {
        for (name, column) in trace.into_iter().flat_map(Trace::columns) {
            columns.push((format!("{prefix}{name}"), Array1::from(column.clone()).into_dyn()));
        }
    }
    let best = history.best_iteration.map_or(-1, |i| i as i64);
    let best = Array1::from(vec![best]).into_dyn();
    let mut arrays: Vec<(&str, AnyArray<'_>)> =
        columns.iter().map(|(name, column)| (name.as_str(), column.view().into())).collect();
    arrays.push(("best_iteration", best.view().into()));
    Ok(write_npz(path, &arrays)?)
}

fn read_history(path: &Path) -> Result<History> {
    let present = keys(path)?;
    let mut history = History::default();
    let trace = |prefix: &str| -> Result<Trace> {
        let mut trace = Trace::default();
        let names = Trace::default().columns().map(|(name, _)| name);
        for (name, column) in names.into_iter().zip(trace.columns_mut()) {
            *column = read_vector::<f64>(&ArrayPath::with_key(path, format!("{prefix}{name}")))?;
        }
        let n = trace.len();
        if trace.columns().iter().any(|(_, column)| column.len() != n) {
            return Err(refuse(path, format!("the columns {prefix}detF, {prefix}detC, ... differ in length")));
        }
        Ok(trace)
    };
    history.training = trace("")?;
    if present.iter().any(|key| key == "val_detF") {
        history.validation = Some(trace("val_")?);
    }
    if present.iter().any(|key| key == "best_iteration") {
        let best = read_vector::<f64>(&ArrayPath::with_key(path, "best_iteration"))?;
        let within = |i: &f64| *i >= 0.0 && *i < history.deciding().len() as f64;
        history.best_iteration = best.first().copied().filter(within).map(|i| i as usize);
    }
    Ok(history)
}

fn write_statistics(statistics: &Statistics, folder: &Path) -> Result<()> {
    let matrices = [
        ("F", &statistics.f),
        ("invF", &statistics.inv_f),
        ("C", &statistics.c),
        ("invC", &statistics.inv_c),
        ("dmu_dtheta", &statistics.dmu_dtheta),
    ];
    let mut json = serde_json::Map::new();
    let mut arrays: Vec<(&str, ArrayD<f64>)> = vec![];
    for (name, matrix) in matrices {
        let rows: Vec<Vec<f64>> = matrix.rows().into_iter().map(|row| row.to_vec()).collect();
        json.insert(name.into(), serde_json::json!(rows));
        arrays.push((name, matrix.clone().into_dyn()));
    }
    json.insert("mu".into(), serde_json::json!(statistics.mu.to_vec()));
    arrays.push(("mu", statistics.mu.clone().into_dyn()));
    json.insert("log_det_F".into(), serde_json::json!(statistics.log_det_f));
    json.insert("errors".into(), serde_json::json!(statistics.errors().to_vec()));
    let text = serde_json::to_string_pretty(&json).map_err(|error| refuse(folder, error.to_string()))?;
    write(&folder.join("statistics.json"), &(text + "\n"))?;
    let arrays: Vec<(&str, AnyArray<'_>)> = arrays.iter().map(|(name, array)| (*name, array.view().into())).collect();
    Ok(write_npz(folder.join("statistics.npz"), &arrays)?)
}

fn read_statistics(folder: &Path) -> Result<Statistics> {
    let path = folder.join("statistics.npz");
    let array = |key: &str| read::<f64>(&ArrayPath::with_key(&path, key));
    let shape = |key: &str| refuse(&path, format!("{key} has the wrong number of axes"));
    let matrix =
        |key: &str| -> Result<Array2<f64>> { array(key)?.into_dimensionality::<Ix2>().map_err(|_| shape(key)) };
    let mu = array("mu")?.into_dimensionality::<Ix1>().map_err(|_| shape("mu"))?;
    Ok(Statistics::from_moments(mu.view(), matrix("C")?.view(), matrix("dmu_dtheta")?.view())?)
}
