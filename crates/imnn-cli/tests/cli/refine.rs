//! The fiducial moved to the estimate of a target.

use ndarray::Array1;
use serde_json::Value;

use super::data::{EXACT, Folder};
use super::{prints, refuses};

const RUN: &str = r#"theta_fid = [0.0, 1.0]
parameters = ["mu", "sigma2"]
seed = 2
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 20
n_s = 300
n_d = 150
[network]
layers = [{ dense = 16 }, "gelu", { dense = 16 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 30
[device]
threads = 1
"#;

/// Twenty numbers of mean 1 and variance 2.
fn target() -> Array1<f64> {
    Array1::from_shape_fn(20, |k| 1.0 + f64::sqrt(2.0) * if k % 2 == 0 { 1.0 } else { -1.0 })
}

#[test]
fn the_estimate_arrives_and_its_rounds_are_kept() {
    let folder = Folder::new();
    folder.write("target.npy", &target().into_dyn());
    let (run, out, data) = (folder.run_file(RUN), folder.text("rounds"), folder.text("target.npy"));
    let arguments = ["fit", &run, "--out", &out, "--refine", &data, "--quiet"];
    let printed = prints(&arguments);
    assert!(printed.contains("the estimate has arrived"), "{printed}");
    let kept = std::fs::read_to_string(folder.path("rounds/refinement.json")).expect("there");
    let value: Value = serde_json::from_str(&kept).expect("JSON");
    let rounds = value["rounds"].as_array().expect("rounds");
    assert!((2..=6).contains(&rounds.len()) && value["arrived"] == true, "{value}");
    let last = &rounds[rounds.len() - 1];
    let number = |value: &Value| value.as_f64().expect("a number");
    // Of these numbers the maximum of the likelihood is at 1 and 2, with errors 0.32 and 0.63.
    // A small network comes within its error of that.
    for (a, exact) in [1.0, 2.0].into_iter().enumerate() {
        assert!((number(&last["estimate"][a]) - exact).abs() < number(&last["errors"][a]), "{last}");
    }
    assert!(folder.path("rounds/refinement.png").exists());
    // Each round is a run of its own.
    let of_last = folder.text(&format!("rounds/round-{}", rounds.len()));
    assert!(prints(&["estimate", &of_last, &data]).contains("mu"));

    // What is there is not done again; what was lost is, to the same bits.
    let before = std::fs::metadata(folder.path("rounds/round-1/weights.safetensors"))
        .expect("there")
        .modified()
        .expect("a time");
    std::fs::remove_dir_all(&of_last).expect("removed");
    prints(&arguments);
    let after = std::fs::metadata(folder.path("rounds/round-1/weights.safetensors"))
        .expect("there")
        .modified()
        .expect("a time");
    assert_eq!(before, after);
    assert_eq!(std::fs::read_to_string(folder.path("rounds/refinement.json")).expect("there"), kept);

    // Another run file is not mixed with these rounds.
    let other = folder.run_file(&RUN.replace("theta_fid = [0.0, 1.0]", "theta_fid = [0.2, 1.0]"));
    let message = refuses(&["fit", &other, "--out", &out, "--refine", &data, "--quiet"]);
    assert!(message.contains("round-1 was trained at [0.0, 1.0]") && message.contains("--force"), "{message}");
}

#[test]
fn what_cannot_be_refined_is_said() {
    let folder = Folder::new();
    folder.write("target.npy", &target().into_dyn());
    let data = folder.text("target.npy");
    let message = refuses(&["fit", &folder.run_file(EXACT), "--out", &folder.text("out"), "--refine", &data]);
    assert!(message.contains("files have simulations at one fiducial only"), "{message}");
    assert!(!folder.path("out").exists());
    prints(&["fit", &folder.run_file(RUN), "--out", &folder.text("one"), "--quiet"]);
    let message = refuses(&["fit", &folder.run_file(RUN), "--out", &folder.text("one"), "--refine", &data]);
    assert!(message.contains("this folder has one run"), "{message}");
    let message = refuses(&[
        "fit",
        &folder.run_file(RUN),
        "--out",
        &folder.text("new"),
        "--refine",
        &folder.text("fiducial.npy"),
        "--quiet",
    ]);
    assert!(message.contains("fiducial.npy"), "{message}");
}
