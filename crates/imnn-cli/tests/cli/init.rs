//! A run file for the arrays that there are.

use imnn::data::arrays;
use imnn::sim::Key;
use ndarray::ArrayD;

use super::{prints, refuses};

/// Smooth fields on a ring of 32 pixels at an amplitude, with the same noise for the same seed.
fn fields(n: usize, amplitude: f64) -> ArrayD<f64> {
    let mut noise = vec![0.0; n * 32];
    Key::new(8).fill_normal(&mut noise);
    let value = |row: usize, k: usize| noise[row * 32 + k % 32];
    ArrayD::from_shape_fn(vec![n, 32], |at| amplitude * (value(at[0], at[1]) + value(at[0], at[1] + 1)))
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        let write = |name: &str, array: ArrayD<f64>| {
            arrays::write_npy(folder.0.path().join(name), array.view()).expect("written");
        };
        write("fiducial.npy", fields(200, 1.0));
        write("A_m.npy", fields(120, 0.95));
        write("A_p.npy", fields(120, 1.05));
        folder
    }

    fn text(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("text").to_owned()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).expect("there")
    }
}

#[test]
fn what_is_written_trains() {
    let folder = Folder::new();
    let (data, out) = (folder.text(""), folder.text("run.toml"));
    let arguments = ["init", &data, "--out", &out, "--theta-fid", "1", "--delta-theta", "0.1"];
    let printed = prints(&arguments);
    for part in [
        "200 simulations of shape (32,), 120 of them with derivatives with respect to A",
        "a fifth of the simulations",
        "- network: standardise, { conv = { filters = 64, kernel = [9], ",
        "\n  imnn fit ",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    let text = folder.read("run.toml");
    for line in
        ["theta_fid = [1.0]", "validation = 0.2", "input_shape = [32, 1]", "augment = { shift = true, flip = true }"]
    {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(refuses(&arguments).contains("run.toml exists already"));
    // With few iterations, as it is.
    let quick = text
        + "[fit]\nmax_iterations = 3\n[network]\nlayers = [{ conv = { filters = 2, kernel = [3], padding = \"circular\" } }, \"gelu\", \"global_avg_pool\", { dense = 1 }]\n";
    std::fs::write(&out, quick).expect("written");
    let trained = prints(&["fit", &out, "--out", &folder.text("run"), "--quiet"]);
    assert!(trained.starts_with("Fisher information, validation simulations"), "{trained}");
}

#[test]
fn what_only_its_owner_knows_is_left_to_be_filled_in() {
    let folder = Folder::new();
    let (data, out) = (folder.text(""), folder.text("run.toml"));
    let printed = prints(&["init", &data, "--out", &out]);
    assert!(printed.contains("fill in theta_fid") && folder.read("run.toml").contains("theta_fid = []"), "{printed}");
    let with = |more: &[&str]| refuses(&[&["init", &data, "--out", &out, "--force"], more].concat());
    assert!(with(&["--theta-fid", "1,2"]).contains("--theta-fid: 2 numbers for 1 parameter"));
    assert!(with(&["--parameters", "a,b"]).contains("--parameters: 2 names for 1 parameters (A)"));
    assert!(with(&["--set", "7"]).contains("--set 7: there are 1 sets"));
    // One array alone is no set.
    let message = refuses(&["init", &folder.text("fiducial.npy"), "--out", &folder.text("none.toml")]);
    assert!(message.contains("imnn data inspect"), "{message}");
    assert!(!folder.0.path().join("none.toml").exists());
}

#[test]
fn a_program_gets_a_file_of_its_own() {
    let folder = Folder::new();
    let out = folder.text("sims.toml");
    let program = "python3 sim.py --how good";
    let arguments = ["init", "--simulator", program, "--theta-fid", "-1,2", "--delta-theta", "0.1,0.2", "--out", &out];
    let printed = prints(&arguments);
    assert!(printed.contains("python3 sim.py --how good --seed={seed} --theta={theta} --out={out}"), "{printed}");
    let plan = prints(&["simulate", &out, "--out", &folder.text("sims"), "--dry-run"]);
    assert!(plan.contains("theta_0_m") && plan.contains("1000"), "{plan}");
}
