//! The keys of `[simulations]` and `[simulations.validation]` that name files and say how they are loaded.

use std::path::Path;

use imnn::data::{ArrayPath, DerivativeFiles, Prefetch};
use serde::{Serialize, Serializer};

use super::reader::Section;
use super::settings::read_bytes;
use super::{RunFileError, as_text};

/// Files of simulations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilePaths {
    /// `(n_s, *input)`
    #[serde(serialize_with = "as_text")]
    pub fiducial: ArrayPath,
    /// How they change with the parameters.
    #[serde(flatten)]
    pub derivative: DerivativePaths,
    /// How they are loaded.
    #[serde(flatten)]
    pub loading: Loading,
}

/// Files of derivatives.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum DerivativePaths {
    /// In one array: exact `(n_d, *input, n_params)`, numerical `(n_d, 2, n_params, *input)`.
    Array {
        /// The array.
        #[serde(serialize_with = "as_text")]
        derivative: ArrayPath,
    },
    /// Simulations below and above the fiducial, an array `(n_d, *input)` of each for each parameter.
    Sides {
        /// Below.
        #[serde(serialize_with = "as_texts")]
        below: Vec<ArrayPath>,
        /// Above.
        #[serde(serialize_with = "as_texts")]
        above: Vec<ArrayPath>,
    },
}

/// How files are loaded.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Loading {
    /// Into memory or not; chosen by their size by default.
    pub load: Load,
    /// Where they are streamed: the bytes of simulations to keep in memory all the same, in the file as `"1 GiB"`; none by
    /// default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<u64>,
    /// Where they are streamed: whether they are read in advance; where reading is slow by default.
    #[serde(serialize_with = "as_name")]
    pub prefetch: Prefetch,
}

/// Where simulations are while a network is trained on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// In memory where they fit what `[device] memory` allows, or half of the machine's memory where that is not said; in
    /// their files otherwise.
    #[default]
    Auto,
    /// In memory.
    Memory,
    /// In their files, to be read a few rows at a time.
    Stream,
}

/// The keys that files take, beside those of their kind.
pub(super) const KEYS: [&str; 5] = ["fiducial", "derivative", "load", "cache", "prefetch"];
/// Those that numerical derivatives take in addition.
pub(super) const SIDES: [&str; 2] = ["below", "above"];

impl FilePaths {
    pub(super) fn resolve(&mut self, base: &Path) {
        self.fiducial = self.fiducial.resolve(base);
        let resolve = |paths: &mut Vec<ArrayPath>| paths.iter_mut().for_each(|path| *path = path.resolve(base));
        match &mut self.derivative {
            DerivativePaths::Array { derivative } => *derivative = derivative.resolve(base),
            DerivativePaths::Sides { below, above } => {
                resolve(below);
                resolve(above);
            }
        }
    }
}

impl From<&DerivativePaths> for DerivativeFiles {
    fn from(paths: &DerivativePaths) -> Self {
        match paths {
            DerivativePaths::Array { derivative } => Self::Array(derivative.clone()),
            DerivativePaths::Sides { below, above } => Self::Sides { below: below.clone(), above: above.clone() },
        }
    }
}

/// Reads the paths of simulations with derivatives of this shape; below and above are for numerical ones.
pub(super) fn read(
    section: &Section<'_>,
    base: &Path,
    shape: &str,
    n_params: usize,
    numerical: bool,
) -> Result<FilePaths, RunFileError> {
    let fiducial: ArrayPath = section
        .required("fiducial", "write the path of the simulations, (n_s, *input), as fiducial = \"fiducial.npy\"")?;
    let mut files = FilePaths {
        fiducial,
        derivative: read_derivative(section, shape, n_params, numerical)?,
        loading: read_loading(section)?,
    };
    files.resolve(base);
    Ok(files)
}

fn read_derivative(
    section: &Section<'_>,
    shape: &str,
    n_params: usize,
    numerical: bool,
) -> Result<DerivativePaths, RunFileError> {
    if !numerical || !(section.has("below") || section.has("above")) {
        let sides = if numerical { "; or below = [...] and above = [...], an array for each parameter" } else { "" };
        let advice = format!("write the path of an array {shape}, as derivative = \"derivative.npy\"{sides}");
        return Ok(DerivativePaths::Array { derivative: section.required("derivative", &advice)? });
    }
    if section.has("derivative") {
        let key = if section.has("below") { "below" } else { "above" };
        return Err(section.invalid(key, "derivative is given too; give that, or below and above"));
    }
    let side = |key: &'static str, other: &str| {
        let paths: Vec<ArrayPath> = section.required(key, &format!("{other} needs it, an array for each parameter"))?;
        if paths.len() != n_params {
            return Err(section.invalid(key, format!("{} arrays for the {n_params} values of theta_fid", paths.len())));
        }
        Ok(paths)
    };
    Ok(DerivativePaths::Sides { below: side("below", "above")?, above: side("above", "below")? })
}

fn read_loading(section: &Section<'_>) -> Result<Loading, RunFileError> {
    let name = section.or("load", "auto".to_owned())?;
    let load = match name.as_str() {
        "auto" => Load::Auto,
        "memory" => Load::Memory,
        "stream" => Load::Stream,
        _ => return Err(section.unknown_name("load", &name, &["auto", "memory", "stream"])),
    };
    let name = section.or("prefetch", "auto".to_owned())?;
    let prefetch = match name.as_str() {
        "auto" => Prefetch::Auto,
        "always" => Prefetch::Always,
        "never" => Prefetch::Never,
        _ => return Err(section.unknown_name("prefetch", &name, &["auto", "always", "never"])),
    };
    let cache = if section.has("cache") { Some(read_bytes(section, "cache")?) } else { None };
    if load == Load::Memory {
        for key in ["cache", "prefetch"] {
            if section.has(key) {
                return Err(section.invalid(key, "belongs to load = \"stream\"; load = \"memory\" keeps everything"));
            }
        }
    }
    Ok(Loading { load, cache, prefetch })
}

fn as_texts<S: Serializer>(paths: &[ArrayPath], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(ArrayPath::to_string))
}

fn as_name<S: Serializer>(prefetch: &Prefetch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match prefetch {
        Prefetch::Auto => "auto",
        Prefetch::Always => "always",
        Prefetch::Never => "never",
    })
}
