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
    /// The version of imnn that wrote it; absent in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imnn: Option<String>,
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

/// What any version writes.
#[derive(Deserialize)]
struct Written {
    format: u32,
    imnn: Option<String>,
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
        let Written { format, imnn } = toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))?;
        if format != FORMAT {
            let by = imnn.map_or_else(|| "another version of imnn".to_owned(), |version| format!("imnn {version}"));
            let (own, message) = (env!("CARGO_PKG_VERSION"), "use that version, or a newer one, to read it");
            return Err(refuse(
                &path,
                format!(
                    "written by {by} in format {format}; this is imnn {own}, which reads format {FORMAT}: {message}"
                ),
            ));
        }
        toml::from_str(&text).map_err(|error| refuse(&path, error.to_string()))
    }
}
