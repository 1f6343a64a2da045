//! The TOML file that describes a training run.
//!
//! ```toml
//! seed = 0
//! theta_fid = [0.0, 1.0]
//! parameters = ["mu", "sigma2"]        # names, for tables and plots
//!
//! [simulations]
//! kind = "simulator"                   # or "exact", "numerical": from files
//! simulator = "mean_variance"
//! n_s = 1000
//!
//! [network]                            # from here on all can be left out
//! layers = [{ dense = 128 }, "gelu", { dense = 2 }]
//!
//! [optimiser]
//! adam = { learning_rate = 1e-3 }
//!
//! [fit]
//! max_iterations = 1000
//! ```
//!
//! Every key that is there is checked before anything is done: an unknown one is refused with the line it is on and the
//! key that was probably meant. [`RunFile`] holds the values with all defaults filled in and paths resolved; written with
//! [`RunFile::to_toml`], it is a run file again.

mod augment;
mod files;
mod given;
mod noise;
mod settings;
mod simulate;
mod simulations;
mod sources;

use std::path::Path;

use imnn::fit::FitSettings;
use imnn::io::{ConfigError, Document, FileError};
use imnn::models::OptimiserConfig;
use serde::Serialize;

pub use files::FilePaths;
pub use given::{Function, GivenBy, Summaries};
pub use noise::{Noise, ValidationNoise};
pub use settings::{Checkpoints, Device, DeviceKind, NetworkSettings, Precision};
pub use simulate::SimulateFile;
pub use simulations::{Check, Kind, Simulations, SimulatorDerivative, Validation};
pub use sources::{AnySource, Sources};

/// Everything a run file says.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RunFile {
    /// Seed of the run's key; 0 by default.
    pub seed: u64,
    /// The fiducial parameters.
    pub theta_fid: Vec<f64>,
    /// Names of the parameters; `theta_0`, `theta_1`, ... by default.
    pub parameters: Vec<String>,
    /// `[simulations]`: what to train on.
    pub simulations: Simulations,
    /// `[summaries]`: summaries that one has already, to which the network adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summaries: Option<Summaries>,
    /// `[network]`.
    pub network: NetworkSettings,
    /// `[optimiser]`; without it training is in rounds, with Adam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimiser: Option<OptimiserConfig>,
    /// `[fit]`.
    pub fit: FitSettings,
    /// `[checkpoints]`.
    pub checkpoints: Checkpoints,
    /// `[device]`.
    pub device: Device,
}

impl RunFile {
    /// Reads a run file; paths in it are taken from the folder it is in.
    ///
    /// # Errors
    /// A file that cannot be read, that is not TOML, or in which a key is unknown, missing or has an invalid value.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(FileError::of("read the run file", path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of a run file; `path` is its name in messages, and paths are taken from the folder of `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let document = Document::parse(text, path)?;
        let root = document.root();
        if root.has("validation") {
            return Err(root.invalid("validation", "this table belongs to the simulations: [simulations.validation]"));
        }
        if root.has("check") {
            return Err(root.invalid("check", "this key belongs to the simulations: write it below [simulations]"));
        }
        root.only(&[
            "seed",
            "theta_fid",
            "parameters",
            "simulations",
            "summaries",
            "network",
            "optimiser",
            "fit",
            "checkpoints",
            "device",
        ])?;

        let theta_fid: Vec<f64> =
            root.required("theta_fid", "write the fiducial parameters, as theta_fid = [0.0, 1.0]")?;
        if theta_fid.is_empty() {
            return Err(root.invalid("theta_fid", "there must be at least one parameter"));
        }
        let names = |n| (0..n).map(|i| format!("theta_{i}")).collect();
        let parameters: Vec<String> = root.optional("parameters")?.unwrap_or_else(|| names(theta_fid.len()));
        if parameters.len() != theta_fid.len() {
            let reason = format!("{} names for the {} values of theta_fid", parameters.len(), theta_fid.len());
            return Err(root.invalid("parameters", reason));
        }
        let simulations = root.section("simulations")?.ok_or_else(|| {
            root.missing(
                "simulations",
                "write a table [simulations] with kind = \"exact\", \"numerical\" or \"simulator\"",
            )
        })?;
        let seed = root.or("seed", 0)?;
        if i64::try_from(seed).is_err() {
            return Err(root.invalid("seed", format!("{seed} is too large, at most {}", i64::MAX)));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        let simulations = simulations::read(&simulations, &theta_fid, base)?;
        let summaries = root.section("summaries")?;
        let summaries =
            summaries.map(|section| given::read(&section, &simulations, theta_fid.len(), base)).transpose()?;
        Ok(Self {
            seed,
            simulations,
            summaries,
            network: settings::read_network(root.section("network")?.as_ref(), base)?,
            optimiser: root.item("optimiser").map(|item| OptimiserConfig::read(&item)).transpose()?,
            fit: settings::read_fit(root.section("fit")?.as_ref())?,
            checkpoints: settings::read_checkpoints(root.section("checkpoints")?.as_ref())?,
            device: settings::read_device(root.section("device")?.as_ref())?,
            theta_fid,
            parameters,
        })
    }

    /// The same run with the paths of its arrays seen from the folder `base`, so that it can be kept anywhere.
    #[must_use]
    pub fn resolve(mut self, base: impl AsRef<Path>) -> Self {
        let base = base.as_ref();
        if let Some(initial) = &mut self.network.initial {
            *initial = base.join(&*initial);
        }
        self.simulations.resolve(base);
        self.summaries.iter_mut().for_each(|summaries| summaries.resolve(base));
        self
    }

    /// The resolved run file: all defaults written out, paths as they were resolved.
    ///
    /// # Errors
    /// A seed beyond the integers of TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

#[cfg(test)]
mod tests;
