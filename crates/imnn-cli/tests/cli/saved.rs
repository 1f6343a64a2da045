//! Saved runs of every version: they are read for as long as there is imnn.

use std::fs;
use std::path::{Path, PathBuf};

use imnn::fit::{Description, History};
use ndarray::Array2;
use serde_json::Value;

use super::data::Folder;
use super::{prints, refuses};

fn saved(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/saved").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copied");
        }
    }
}

/// Three data sets of so many numbers from -2 to 2.
fn data(folder: &Folder, n: usize) -> String {
    let data = Array2::from_shape_fn((3, n), |(i, j)| -2.0 + 4.0 * (i * n + j) as f64 / (3 * n - 1) as f64);
    folder.write("data.npy", &data.into_dyn());
    folder.text("data.npy")
}

/// What each gave when it was written.
#[test]
fn runs_of_every_version_estimate_what_they_did() {
    let folder = Folder::new();
    for (name, format, n, n_iterations, expected) in [
        (
            "format-1-f32",
            1,
            10,
            30,
            [-1.1389558801, 2.8808192330, 0.3536037955, -17.2743648085, 1.3139228864, 23.7353603668],
        ),
        (
            "format-1-f64",
            1,
            6,
            40,
            [-1.6448566889, 1.7769834659, -0.1646677962, -0.1327494987, 0.8542133910, 0.5109078340],
        ),
        (
            "format-2-f32",
            2,
            10,
            30,
            [-1.1389558801, 2.8808192330, 0.3536037955, -17.2743648085, 1.3139228864, 23.7353603668],
        ),
    ] {
        let run = saved(name);
        assert_eq!(Description::load(&run).expect("a run").format, format);
        let history = History::load(run.join("history.npz")).expect("a history");
        assert_eq!((history.len(), history.training.log_det_f.len()), (n_iterations, n_iterations));
        let logarithm = history.training.log_det_f[3] - history.training.det_f[3].ln();
        assert!(logarithm.abs() < 1e-12, "{logarithm}");
        let printed = prints(&["estimate", run.to_str().expect("text"), &data(&folder, n), "--json"]);
        let printed: Value = serde_json::from_str(&printed).expect("JSON");
        let found =
            printed["estimates"].as_array().expect("rows").iter().flat_map(|row| row.as_array().expect("numbers"));
        for (found, expected) in found.map(|number| number.as_f64().expect("a number")).zip(expected) {
            // In single precision on another processor.
            assert!((found - expected).abs() <= 1e-4 * expected.abs(), "{name}: {found} for {expected}");
        }
    }
}

#[test]
fn a_checkpoint_of_before_goes_on() {
    let folder = Folder::new();
    let name = "format-2-interrupted";
    copy(&saved(name), &folder.path(name));
    let run = folder.text(name);
    let message = refuses(&["estimate", &run, &data(&folder, 6)]);
    assert!(message.contains(&format!("`imnn fit --resume {run}` goes on")), "{message}");
    prints(&["fit", "--resume", &run, "--quiet"]);
    prints(&["estimate", &run, &data(&folder, 6)]);
    assert_eq!(History::load(folder.path(&format!("{name}/history.npz"))).expect("a history").len(), 1500);
}

/// What no checksum of its own protects is protected by the manifest.
#[test]
fn changed_files_of_a_run_are_not_read() {
    let folder = Folder::new();
    let (run, data) = (folder.text("run"), data(&folder, 10));
    for name in ["weights.safetensors", "statistics.npz", "model.toml"] {
        copy(&saved("format-2-f32"), &folder.path("run"));
        let path = folder.path("run").join(name);
        let mut bytes = fs::read(&path).expect("a file");
        // A sign of a weight, a digit of a number: nothing that a reader would notice by itself.
        let at = if name == "model.toml" {
            bytes.iter().position(|b| *b == b'0').expect("a digit")
        } else {
            bytes.len() - 1
        };
        bytes[at] ^= if name == "model.toml" { 1 } else { 0x80 };
        fs::write(&path, bytes).expect("written");
        let message = refuses(&["estimate", &run, &data]);
        assert!(message.contains(name) && message.contains("is not the file that was saved here"), "{message}");
    }
    copy(&saved("format-2-f32"), &folder.path("run"));
    fs::remove_file(folder.path("run/manifest.json")).expect("removed");
    let message = refuses(&["estimate", &run, &data]);
    assert!(message.contains("manifest.json: this file is missing"), "{message}");
}
