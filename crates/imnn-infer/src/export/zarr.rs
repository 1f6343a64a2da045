//! The schema of ArviZ as a Zarr store, format 3: plain JSON, and numbers as raw little-endian bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use imnn_io::Partial;
use ndarray::ArrayView1;
use serde_json::{Map, Value, json};

use crate::check;
use crate::error::{InferError, Result};
use crate::posterior::Posterior;

/// What a store holds beside the samples.
#[derive(Clone, Debug, Default)]
pub struct ZarrOptions<'a> {
    /// The observed summaries, `(q)`.
    pub observed: Option<ArrayView1<'a, f64>>,
    /// Draws of the prior.
    pub prior: Option<&'a Posterior>,
    /// The attribute `created_at`, as ISO 8601; by default there is none, so that the same posterior gives the same
    /// bytes.
    pub created_at: Option<String>,
}

/// An array of the store: dimensions, shape, type, bytes.
struct Array {
    dimensions: Vec<String>,
    shape: Vec<usize>,
    kind: &'static str,
    bytes: Vec<u8>,
}

/// Writes a posterior as a folder that xarray and ArviZ open, whole or not at all; a store that is there is replaced.
///
/// Groups are `posterior` (a variable for each parameter, dimensions `chain` and `draw`), `sample_stats` with `lp`, the
/// log density where it is known, and `weight` where samples are weighted (ArviZ takes no notice of weights: resample
/// before), `observed_data` with `summary`, and `prior`.
///
/// # Errors
/// Names that cannot be names of folders, observed summaries that are not finite, a folder that cannot be written.
pub fn zarr(posterior: &Posterior, path: impl AsRef<Path>, options: &ZarrOptions<'_>) -> Result<()> {
    let mut store: BTreeMap<String, BTreeMap<String, Array>> = BTreeMap::new();
    store.insert("posterior".into(), variables(posterior)?);
    let mut stats = coordinates(posterior);
    if let Some(ln_density) = posterior.ln_density() {
        stats.insert("lp".into(), draws(posterior, ln_density));
    }
    if !posterior.is_unweighted() {
        stats.insert("weight".into(), draws(posterior, posterior.weights().view()));
    }
    if stats.len() > 2 {
        store.insert("sample_stats".into(), stats);
    }
    if let Some(observed) = options.observed {
        check::finite("observed", &observed)?;
        let dimension = "summary_dim".to_owned();
        let index = numbers(&dimension, observed.len());
        let summary = Array {
            dimensions: vec![dimension.clone()],
            shape: vec![observed.len()],
            kind: "float64",
            bytes: observed.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        store.insert("observed_data".into(), BTreeMap::from([(dimension, index), ("summary".into(), summary)]));
    }
    if let Some(prior) = options.prior {
        store.insert("prior".into(), variables(prior)?);
    }
    // A folder that is there is replaced if it is a store, and never if it is something else.
    let is_store = path.as_ref().join("zarr.json").is_file();
    let partial = Partial::folder(path.as_ref(), is_store)?;
    write(&store, partial.path(), options).map_err(imnn_io::FileError::of("write", path.as_ref()))?;
    partial.finish()?;
    Ok(())
}

fn variables(posterior: &Posterior) -> Result<BTreeMap<String, Array>> {
    let mut all = coordinates(posterior);
    for (name, column) in posterior.names().iter().zip(posterior.samples().columns()) {
        let reserved = ["chain", "draw", "zarr.json", "c", ".", ".."].contains(&name.as_str());
        if name.is_empty() || reserved || name.contains(['/', '\\', '\0']) {
            let reason = "it becomes the name of a folder beside `chain` and `draw`; rename it";
            return Err(InferError::Name { name: name.clone(), format: "Zarr", reason });
        }
        all.insert(name.clone(), draws(posterior, column));
    }
    Ok(all)
}

fn coordinates(posterior: &Posterior) -> BTreeMap<String, Array> {
    let chains = posterior.n_chains();
    let draws = posterior.n_samples() / chains;
    [("chain", chains), ("draw", draws)].map(|(name, n)| (name.to_owned(), numbers(name, n))).into()
}

/// 0, 1, ... along a dimension of its own name.
fn numbers(name: &str, n: usize) -> Array {
    let bytes = (0..n as i64).flat_map(i64::to_le_bytes).collect();
    Array { dimensions: vec![name.to_owned()], shape: vec![n], kind: "int64", bytes }
}

/// A number for each draw of each chain.
fn draws(posterior: &Posterior, values: ArrayView1<'_, f64>) -> Array {
    let chains = posterior.n_chains();
    Array {
        dimensions: vec!["chain".into(), "draw".into()],
        shape: vec![chains, posterior.n_samples() / chains],
        kind: "float64",
        bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn write(
    store: &BTreeMap<String, BTreeMap<String, Array>>,
    root: &Path,
    options: &ZarrOptions<'_>,
) -> std::io::Result<()> {
    let mut entries = Map::new();
    for (group, arrays) in store {
        let mut attributes = json!({
            "inference_library": "imnn",
            "inference_library_version": env!("CARGO_PKG_VERSION"),
            "creation_library": "imnn",
            "creation_library_version": env!("CARGO_PKG_VERSION"),
            "creation_library_language": "Rust",
        });
        if let Some(created_at) = &options.created_at {
            attributes["created_at"] = json!(created_at);
        }
        if group != "observed_data" {
            attributes["sample_dims"] = json!(["chain", "draw"]);
        }
        let about = json!({ "zarr_format": 3, "node_type": "group", "attributes": attributes });
        fs::create_dir_all(root.join(group))?;
        fs::write(root.join(group).join("zarr.json"), about.to_string())?;
        entries.insert(group.clone(), about);
        for (name, array) in arrays {
            let about = described(array);
            // One chunk, at c/0/0.
            let chunk = array.shape.iter().fold(root.join(group).join(name).join("c"), |path, _| path.join("0"));
            if let Some(folder) = chunk.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&chunk, &array.bytes)?;
            fs::write(root.join(group).join(name).join("zarr.json"), about.to_string())?;
            entries.insert(format!("{group}/{name}"), about);
        }
    }
    let all = json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {},
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": Value::Object(entries) },
    });
    fs::write(root.join("zarr.json"), all.to_string())
}

fn described(array: &Array) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": array.shape,
        "data_type": array.kind,
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": array.shape } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "/" } },
        "fill_value": if array.kind == "int64" { json!(0) } else { json!(0.0) },
        "codecs": [{ "name": "bytes", "configuration": { "endian": "little" } }],
        "attributes": {},
        "dimension_names": array.dimensions,
    })
}
