//! What a saved run is about: `model.toml`.

use crate::error::{FitError, Result, refuse};
use crate::files::SavedFiles;
use crate::fingerprint::Fingerprint;
use crate::keys::RunKeys;
use crate::parts::Parts;
use imnn_data::{Given, Source};
use imnn_models::{Element, Network};
use imnn_sim::Key;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The name of the file.
const NAME: &str = "model.toml";

/// The version of the format of saved runs.
///
/// 1: without a manifest, and without what training was on. 2: with both.
const FORMAT: u32 = 2;
/// The oldest that can be read.
const OLDEST: u32 = 1;

/// What a saved run is about: the contents of `model.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// Version of the format.
    pub format: u32,
    /// The version of imnn that wrote it; absent in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imnn: Option<String>,
    /// `"f32"` or `"f64"`.
    pub precision: String,
    /// Shape of one simulation.
    pub input_shape: Vec<usize>,
    /// Summaries that were given, which stand behind the data of a simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// Fiducial parameter values.
    pub theta_fid: Vec<f64>,
    /// Names of the parameters.
    pub parameters: Vec<String>,
    /// Key of the run, in hexadecimal.
    pub key: String,
    /// The network; absent if it has layers of the user's own, which cannot be written down.
    #[serde(rename = "layers", default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// The optimiser, as Rust shows it; absent where training is in rounds, and in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimiser: Option<String>,
    /// What training was on; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Fingerprint>,
    /// What it was validated on, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Fingerprint>,
}

/// What any version writes.
#[derive(Deserialize)]
struct Written {
    format: u32,
    imnn: Option<String>,
}

impl Description {
    /// That of an IMNN.
    pub(crate) fn of<E: Element>(parts: &Parts<E>, keys: &RunKeys) -> Result<Self> {
        let network = parts.model.network();
        // With keys that training does not use.
        let fingerprint = |source: &dyn Source<E>, key: Key| Fingerprint::of(source, key.fold_in(u64::MAX));
        Ok(Description {
            format: FORMAT,
            imnn: Some(env!("CARGO_PKG_VERSION").into()),
            precision: E::NAME.into(),
            input_shape: parts.model.input_shape().to_vec(),
            given: parts.training.spec().given.clone(),
            theta_fid: parts.theta_fid.clone(),
            parameters: parts.names.clone(),
            key: keys.root.to_string(),
            network: network.to_toml().is_ok().then(|| network.clone()),
            optimiser: parts.optimiser.as_ref().map(|optimiser| format!("{optimiser:?}")),
            training: Some(fingerprint(parts.training.as_ref(), keys.training)?),
            validation: parts.validation.as_deref().map(|source| fingerprint(source, keys.validation)).transpose()?,
        })
    }

    /// Reads `model.toml` of a saved run.
    ///
    /// # Errors
    /// If the folder holds no saved run, or one of another version.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Description::read(&SavedFiles::of(folder.as_ref())?)
    }

    pub(crate) fn read(files: &SavedFiles) -> Result<Self> {
        let path = files.path(NAME)?;
        let text = std::fs::read_to_string(&path).map_err(|error| {
            refuse(&path, format!("{error}; give the folder of a run that was saved or that `imnn fit` wrote"))
        })?;
        let Written { format, imnn } = toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))?;
        if !(OLDEST..=FORMAT).contains(&format) {
            let by = imnn.map_or_else(|| "another version of imnn".to_owned(), |version| format!("imnn {version}"));
            let (own, message) = (env!("CARGO_PKG_VERSION"), "use that version, or a newer one, to read it");
            return Err(refuse(
                &path,
                format!(
                    "written by {by} in format {format}; this is imnn {own}, which reads formats {OLDEST} to {FORMAT}: {message}"
                ),
            ));
        }
        if format > 1 && !files.has_manifest() {
            let manifest = path.with_file_name(imnn_io::manifest::NAME);
            return Err(refuse(
                &manifest,
                "this file is missing, without which nothing tells whether the run is whole",
            ));
        }
        toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let text = toml::to_string(self).map_err(|error| refuse(folder, error.to_string()))?;
        Ok(imnn_io::atomic::write(folder.join(NAME), text)?)
    }

    /// Refuses to go on with a run that is another: `expected` is what goes on.
    pub(crate) fn check(&self, expected: &Description, folder: &Path) -> Result<()> {
        let network = |of: &Description| {
            let text = of.network.as_ref().and_then(|network| network.to_toml().ok());
            text.map_or_else(String::new, |layers| layers.to_string())
        };
        let facts = |of: &Description| {
            [("precision", of.precision.clone()), ("fiducial", format!("{:?}", of.theta_fid)), ("network", network(of))]
        };
        agree(facts(self), facts(expected), folder)
    }

    /// Refuses to go on in the middle of a run that is another in anything that its bits depend on.
    pub(crate) fn check_all(&self, expected: &Description, folder: &Path) -> Result<()> {
        self.check(expected, folder)?;
        let facts = |of: &Description| {
            [
                ("key", of.key.clone()),
                ("names of the parameters", of.parameters.join(", ")),
                ("optimiser", of.optimiser.clone().unwrap_or_else(|| "that of rounds".into())),
            ]
        };
        agree(facts(self), facts(expected), folder)?;
        for (set, found, expected) in
            [("training", &self.training, &expected.training), ("validation", &self.validation, &expected.validation)]
        {
            match (found, expected) {
                (Some(found), Some(expected)) => found.check(expected, set)?,
                (None, None) => {}
                (found, expected) => {
                    let one = |is: bool| if is { "one" } else { "none" }.to_owned();
                    let what = format!("{set} set of the run to go on with");
                    let (found, expected) = (one(found.is_some()), one(expected.is_some()));
                    return Err(FitError::Disagree { what, found, expected });
                }
            }
        }
        Ok(())
    }
}

/// Refuses the first fact about the run in `folder` that is not what goes on.
fn agree<const N: usize>(
    found: [(&'static str, String); N],
    expected: [(&'static str, String); N],
    folder: &Path,
) -> Result<()> {
    let mut pairs = found.into_iter().zip(expected);
    match pairs.find(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(((what, found), (_, expected))) => {
            let what = format!("{what} of the run in {} to go on with", folder.display());
            Err(FitError::Disagree { what, found, expected })
        }
    }
}
