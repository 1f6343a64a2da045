//! What a saved run is about: `model.toml`.

use crate::error::{Result, refuse};
use imnn_models::Network;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format of saved runs.
pub(crate) const FORMAT: u32 = 1;

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

impl Description {
    /// Reads `model.toml` of a saved run.
    ///
    /// # Errors
    /// If the folder holds no saved run, or one of another version.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        let path = folder.as_ref().join("model.toml");
        let text = std::fs::read_to_string(&path).map_err(|error| {
            refuse(&path, format!("{error}; give the folder of a run that was saved or that `imnn fit` wrote"))
        })?;
        let description: Description = toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))?;
        if description.format != FORMAT {
            let message = format!(
                "format {}, where this version of imnn reads format {FORMAT}; use the version that saved the run",
                description.format
            );
            return Err(refuse(&path, message));
        }
        Ok(description)
    }
}
