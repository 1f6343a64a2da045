//! Small simulations in files, and run files for them.

use std::path::{Path, PathBuf};

use imnn::data::{arrays, simulate_exact, simulate_numerical};
use imnn::sim::{GaussianMeanVariance, Key};
use ndarray::ArrayD;
use tempfile::TempDir;

const SIMULATOR: GaussianMeanVariance = GaussianMeanVariance { n_data: 6 };
const THETA_FID: [f64; 2] = [0.0, 1.0];

/// Mean and variance of six draws, from files with exact derivatives, without validation, in double precision.
pub const EXACT: &str = r#"seed = 3
theta_fid = [0.0, 1.0]
parameters = ["mu", "sigma2"]
[simulations]
kind = "exact"
fiducial = "fiducial.npy"
derivative = "exact.npy"
[network]
precision = "f64"
layers = [{ dense = 5 }, "tanh", { dense = 2 }]
[fit]
max_iterations = 8
[device]
threads = 1
"#;

/// The same from simulations below and above, with validation and an axis of channels that the files lack, in single
/// precision.
pub const NUMERICAL: &str = r#"theta_fid = [0.0, 1.0]
parameters = ["mu", "sigma2"]
[simulations]
kind = "numerical"
fiducial = "fiducial.npy"
derivative = "numerical.npy"
delta_theta = [0.1, 0.2]
n_s = 70
input_shape = [6, 1]
[simulations.validation]
fiducial = "validation.npz:fiducial"
derivative = "validation.npz:numerical"
[network]
layers = [{ conv = { filters = 3, kernel = [3], padding = "circular" } }, "gelu", "flatten", { dense = 2 }]
[optimiser]
adam = { learning_rate = 1e-2 }
[fit]
max_iterations = 8
[device]
threads = 2
memory = "1 MiB"
n_per_device = 10
"#;

/// A folder of simulations.
pub struct Folder(TempDir);

impl Folder {
    /// 80 simulations, 60 of them with derivatives of both kinds, and as many for validation.
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (seed, validates) in [(1, false), (2, true)] {
            let key = Key::new(seed);
            let exact = simulate_exact::<f64, _>(&SIMULATOR, &THETA_FID, 80, 60, key).expect("simulated");
            let numerical =
                simulate_numerical::<f64, _>(&SIMULATOR, &THETA_FID, &[0.1, 0.2], 80, 60, key).expect("simulated");
            let (fiducial, numerical) = (exact.fiducial(), numerical.derivative());
            if validates {
                let arrays = [("fiducial", fiducial.into()), ("numerical", numerical.view().into())];
                arrays::write_npz(folder.path("validation.npz"), &arrays).expect("written");
            } else {
                folder.write("fiducial.npy", &fiducial.to_owned());
                folder.write("exact.npy", &exact.derivative());
                folder.write("numerical.npy", &numerical);
            }
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as an argument.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    pub fn write(&self, name: &str, array: &ArrayD<f64>) {
        arrays::write_npy(self.path(name), array.view()).expect("written");
    }

    pub fn read(&self, name: &str) -> ArrayD<f64> {
        arrays::read(&self.path(name).into()).expect("an array")
    }

    /// Writes a run file and returns its path.
    pub fn run_file(&self, text: &str) -> String {
        std::fs::write(self.path("run.toml"), text).expect("written");
        self.text("run.toml")
    }

    /// What there is, sorted.
    pub fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
