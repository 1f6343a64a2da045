//! Saved runs: one file of a folder that is otherwise whole.

use super::runs::{self, Folder, Mend};
use crate::check::{is_of_modest_size, text};
use crate::scratch::root;
use crate::target::Answer;
use imnn::device::Cpu;
use imnn::fit::{Compressor, Description, FitSettings, History};
use imnn::models::Element;
use imnn::ndarray::Array2;
use std::cell::OnceCell;

thread_local! {
    static RUNS: OnceCell<Vec<Folder>> = const { OnceCell::new() };
}

/// Runs of both formats, in both precisions.
fn folders() -> Vec<Folder> {
    let saved = root().join("tests/saved");
    let new = runs::place("saved").join("run");
    let _ = std::fs::remove_dir_all(&new);
    let mut imnn = runs::builder(false).build().unwrap_or_else(|error| panic!("{error}"));
    let settings = FitSettings { max_iterations: 4, ..FitSettings::default() };
    imnn.fit(&settings).unwrap_or_else(|error| panic!("{error}"));
    imnn.save(&new).unwrap_or_else(|error| panic!("{error}"));
    let copies = [("f32", saved.join("format-1-f32")), ("f64", saved.join("format-1-f64"))];
    let copies = copies.map(|(name, from)| Folder::copy(&from, &runs::place("saved").join(name)));
    copies.into_iter().chain([Folder::of(&new)]).collect()
}

/// The bytes say which run and file, whether the manifest is put right, and what is in the file.
pub(super) fn saved_run(data: &[u8]) -> Answer {
    RUNS.with(|cell| {
        let folders = cell.get_or_init(folders);
        let Some(change) = runs::change(folders, data) else { return Err("nothing".into()) };
        change.apply(&mut |folder, file| {
            let path = folder.path.join(&file.name);
            if file.name == "history.npz" {
                let history = History::load(&path).map_err(text)?;
                let n = history.len();
                let columns = history.training.columns();
                assert!(columns.iter().all(|column| column.len() == n), "columns of different lengths");
                let best = history.max_det_f();
                return Ok(format!("history {} {}", history.validation.is_some(), best.is_some()));
            }
            let is_mended = change.mend == Mend::Manifest || !folder.has_manifest() || file.name == "manifest.json";
            let is_same = is_mended || change.contents == file.contents;
            if folder.has_manifest() && ["final", "best", "optimiser"].iter().any(|name| file.name.starts_with(name)) {
                runs::builder(false).resume(&folder.path).build().map_err(text)?;
                assert!(is_same, "{} is not what its manifest says", file.name);
                return Ok(format!("goes on with {}", file.name));
            }
            let has_tables = [&b"standardise"[..], b"conv", b"pool"]
                .iter()
                .any(|layer| change.contents.windows(layer.len()).any(|name| name == *layer));
            if file.name == "model.toml" && has_tables && !is_of_modest_size(change.contents) {
                return Description::load(&folder.path).map(|_| "described".to_owned()).map_err(text);
            }
            let precision = Description::load(&folder.path).map_err(text)?.precision;
            let answer = match precision.as_str() {
                "f64" => compressor::<f64>(folder)?,
                _ => compressor::<f32>(folder)?,
            };
            let is_read = ["model", "weights", "statistics", "typical"].iter().any(|name| file.name.starts_with(name));
            assert!(is_same || !is_read, "{} is not what its manifest says", file.name);
            Ok(format!("{answer} {}", file.name))
        })
    })
}

fn compressor<E: Element>(folder: &Folder) -> Answer {
    let cpu = Cpu::new(1).map_err(text)?;
    let compressor = Compressor::<E>::load(&folder.path, cpu).map_err(text)?;
    let statistics = compressor.statistics();
    let matrices = [&statistics.f, &statistics.inv_f, &statistics.c, &statistics.inv_c, &statistics.dmu_dtheta];
    assert!(matrices.iter().all(|matrix| matrix.iter().all(|value| value.is_finite())), "statistics are not finite");
    assert!(compressor.errors().iter().all(|error| error.is_finite()), "errors that are not finite");
    assert_eq!(compressor.names().len(), compressor.theta_fid().len(), "not a name for each parameter");
    assert!(compressor.theta_fid().iter().all(|value| value.is_finite()), "a fiducial value that is not finite");
    let len: usize = compressor.model().input_shape().iter().product();
    if len < 1 << 16 {
        let zeros = Array2::<f64>::zeros((1, len)).into_dyn();
        let _ = compressor.typical().and_then(|typical| typical.unlike(zeros.iter().copied()));
        let shape = [&[1], compressor.model().input_shape()].concat();
        let zeros = zeros.into_shape_with_order(shape).map_err(text)?;
        // Weights may be too large for any data: that is an answer too.
        let _ = compressor.estimate(zeros);
    }
    // The table that `imnn fisher` prints.
    let _ = compressor.to_string();
    Ok(format!("compressor {}", E::NAME))
}

/// Each file of each run as it is, with its manifest put right and not.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    runs::seeds_of("saved_run", &RUNS.with(|cell| cell.get_or_init(folders).clone()))
}
