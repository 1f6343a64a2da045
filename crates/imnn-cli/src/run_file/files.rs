//! The keys of `[simulations]` and `[simulations.validation]` that name files and say how they are loaded.

use std::path::Path;

use imnn::data::{ArrayPath, DerivativeFiles, Load, Loading, Prefetch};
use imnn::io::config::Bytes;
use imnn::io::{ConfigError, Section};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Files of simulations.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilePaths {
    /// `(n_s, *input)`
    pub fiducial: ArrayPath,
    /// How they change with the parameters.
    pub derivative: DerivativeFiles,
    /// How they are loaded.
    pub loading: Loading,
}

/// The keys that files take, beside those of their kind.
pub(super) const KEYS: [&str; 5] = ["fiducial", "derivative", "load", "cache", "prefetch"];
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

/// As the keys of a run file.
impl Serialize for FilePaths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = |paths: &[ArrayPath]| paths.iter().map(ArrayPath::to_string).collect::<Vec<_>>();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fiducial", &self.fiducial.to_string())?;
        match &self.derivative {
            DerivativeFiles::Array(derivative) => map.serialize_entry("derivative", &derivative.to_string())?,
            DerivativeFiles::Sides { below, above } => {
                map.serialize_entry("below", &texts(below))?;
                map.serialize_entry("above", &texts(above))?;
            }
        }
        map.serialize_entry("load", word(self.loading.load, &LOADS))?;
        if self.loading.cache > 0 {
            map.serialize_entry("cache", &self.loading.cache)?;
        }
        map.serialize_entry("prefetch", word(self.loading.prefetch, &PREFETCHES))?;
        map.end()
    }
}

/// The word of a run file for a meaning.
fn word<T: PartialEq>(meaning: T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, of)| *of == meaning).map_or("", |(word, _)| word)
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
    let mut files = FilePaths { fiducial, derivative, loading: read_loading(section)? };
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
        let sides = if numerical { "; or below = [...] and above = [...], an array for each parameter" } else { "" };
        let advice = format!("write the path of an array {shape}, as derivative = \"derivative.npy\"{sides}");
        return Ok(DerivativeFiles::Array(section.required("derivative", &advice)?));
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
    Ok(DerivativeFiles::Sides { below: side("below", "above")?, above: side("above", "below")? })
}

pub(super) fn read_load(section: &Section<'_>) -> Result<Load, ConfigError> {
    Ok(section.choice("load", &LOADS)?.unwrap_or_default())
}

pub(super) fn as_load<S: Serializer>(load: &Load, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*load, &LOADS))
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
