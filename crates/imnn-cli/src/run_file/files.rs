//! The keys of `[simulations]` and `[simulations.validation]` that name files and say how they are loaded.

use std::path::Path;

use imnn::data::{ArrayPath, ArrayPaths, DerivativeFiles, Invalid, Load, Loading, Prefetch};
use imnn::io::config::Bytes;
use imnn::io::{ConfigError, Section};
use serde::Serialize;

/// Files of simulations.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilePaths {
    /// `(n_s, *input)`
    pub fiducial: ArrayPath,
    /// How they change with the parameters.
    #[serde(flatten)]
    pub derivative: DerivativeFiles,
    /// How they are loaded.
    #[serde(flatten)]
    pub loading: Loading,
    /// What becomes of simulations that failed; they are refused by default.
    #[serde(skip_serializing_if = "Invalid::refuses")]
    pub invalid: Invalid,
}

/// The keys that files take, beside those of their kind.
pub(super) const KEYS: [&str; 6] = ["fiducial", "derivative", "load", "cache", "prefetch", "invalid"];
/// Those that numerical derivatives take in addition.
pub(super) const SIDES: [&str; 2] = ["below", "above"];

const LOADS: [(&str, Load); 3] = [("auto", Load::Auto), ("memory", Load::Memory), ("stream", Load::Stream)];
const PREFETCHES: [(&str, Prefetch); 3] =
    [("auto", Prefetch::Auto), ("always", Prefetch::Always), ("never", Prefetch::Never)];

impl FilePaths {
    pub(super) fn resolve(&mut self, base: &Path) {
        self.fiducial = self.fiducial.resolve(base);
        let resolve = |paths: &mut Vec<ArrayPath>| paths.iter_mut().for_each(|path| *path = path.resolve(base));
        match &mut self.derivative {
            DerivativeFiles::Array(derivative) => *derivative = derivative.resolve(base),
            DerivativeFiles::Sides { below, above } => {
                resolve(below);
                resolve(above);
            }
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
) -> Result<FilePaths, ConfigError> {
    let fiducial: ArrayPath = section
        .required("fiducial", "write the path of the simulations, (n_s, *input), as fiducial = \"fiducial.npy\"")?;
    let derivative = read_derivative(section, shape, n_params, numerical)?;
    let words = [("refuse", Invalid::Refuse), ("drop", Invalid::drop())];
    let invalid = section.choice("invalid", &words)?.unwrap_or_default();
    let mut files = FilePaths { fiducial, derivative, loading: read_loading(section)?, invalid };
    files.resolve(base);
    Ok(files)
}

fn read_derivative(
    section: &Section<'_>,
    shape: &str,
    n_params: usize,
    numerical: bool,
) -> Result<DerivativeFiles, ConfigError> {
    if !numerical || !(section.has("below") || section.has("above")) {
        let sides = "; or below and above, an array (n_d, n_params, *input) each, or lists with one for each parameter";
        let sides = if numerical { sides } else { "" };
        let advice = format!("write the path of an array {shape}, as derivative = \"derivative.npy\"{sides}");
        return Ok(DerivativeFiles::Array(section.required("derivative", &advice)?));
    }
    if section.has("derivative") {
        let key = if section.has("below") { "below" } else { "above" };
        return Err(section.invalid(key, "derivative is given too; give that, or below and above"));
    }
    let side = |key: &'static str, other: &str| {
        let advice = format!("{other} needs it, an array for each parameter, or one (n_d, n_params, *input)");
        let ArrayPaths(paths) = section.required(key, &advice)?;
        if paths.len() != n_params && paths.len() != 1 {
            let reason = format!(
                "{} arrays for the {n_params} values of theta_fid; give one for each, or one (n_d, n_params, *input) for all",
                paths.len()
            );
            return Err(section.invalid(key, reason));
        }
        Ok(paths)
    };
    Ok(DerivativeFiles::Sides { below: side("below", "above")?, above: side("above", "below")? })
}

pub(super) fn read_load(section: &Section<'_>) -> Result<Load, ConfigError> {
    Ok(section.choice("load", &LOADS)?.unwrap_or_default())
}

fn read_loading(section: &Section<'_>) -> Result<Loading, ConfigError> {
    let load = read_load(section)?;
    let prefetch = section.choice("prefetch", &PREFETCHES)?.unwrap_or_default();
    let cache = section.optional::<Bytes>("cache")?.map_or(0, |bytes| bytes.0);
    let of_streams = ["cache", "prefetch"].into_iter().find(|key| section.has(key));
    if let (Load::Memory, Some(key)) = (load, of_streams) {
        return Err(section.invalid(key, "belongs to load = \"stream\"; load = \"memory\" keeps everything"));
    }
    Ok(Loading { load, cache, prefetch })
}
