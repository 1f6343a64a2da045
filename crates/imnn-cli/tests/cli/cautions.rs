//! Data that a trained network should not be asked about.

use ndarray::{ArrayD, Axis, Slice};
use serde_json::Value;

use super::data::{EXACT, Folder};
use super::{prints, refuses};

/// A run, and some of its simulations as observations.
fn trained() -> (Folder, ArrayD<f64>) {
    let folder = Folder::new();
    prints(&["fit", &folder.run_file(EXACT), "--out", &folder.text("out"), "--quiet"]);
    let some = folder.read("fiducial.npy").slice_axis(Axis(0), Slice::from(..4)).to_owned();
    (folder, some)
}

fn json(folder: &Folder, command: &str) -> Value {
    serde_json::from_str(&prints(&[command, &folder.text("out"), &folder.text("data.npy"), "--json"])).expect("JSON")
}

#[test]
fn one_that_is_not_finite_does_not_stop_the_others() {
    let (folder, mut data) = trained();
    folder.write("data.npy", &data);
    let (good, summaries) = (json(&folder, "estimate"), json(&folder, "summarise"));
    assert_eq!((&good["cautions"], &summaries["cautions"]), (&Value::Array(vec![]), &Value::Array(vec![])));

    data[[1, 3].as_slice()] = f64::NAN;
    folder.write("data.npy", &data);
    for (command, key, good) in [("estimate", "estimates", &good), ("summarise", "x", &summaries)] {
        let found = json(&folder, command);
        for set in [0, 2, 3] {
            assert_eq!(found[key][set], good[key][set], "{command} {set}");
        }
        assert_eq!(found[key][1], Value::Array(vec![Value::Null, Value::Null]), "{command}");
        let caution = &found["cautions"][0];
        assert_eq!(caution["data_set"], 1);
        let what = caution["what"].as_str().expect("text");
        assert!(what.starts_with("NaN at [1, 3], and 1 of its 6 values are not finite"), "{what}");
    }
    let printed = prints(&["estimate", &folder.text("out"), &folder.text("data.npy")]);
    assert!(printed.contains("\ncaution: data set 1: NaN at [1, 3]"), "{printed}");

    // Where there is nothing else to say, that is an error.
    data.fill(f64::INFINITY);
    folder.write("data.npy", &data);
    let message = refuses(&["estimate", &folder.text("out"), &folder.text("data.npy")]);
    assert!(message.contains("data.npy") && message.contains("inf"), "{message}");
}

#[test]
fn what_is_unlike_the_simulations_is_said_to_be() {
    let (folder, mut data) = trained();
    data.index_axis_mut(Axis(0), 2).mapv_inplace(|value| 10.0 * value + 50.0);
    folder.write("data.npy", &data);
    for command in ["estimate", "summarise"] {
        let found = json(&folder, command);
        let what = |k: usize| found["cautions"][k]["what"].as_str().unwrap_or_default();
        assert_eq!(found["cautions"][0]["data_set"], 2, "{found}");
        assert!(
            what(0).starts_with("unlike the simulations, its ") && what(0).contains("times their range away"),
            "{found}"
        );
    }
}

#[test]
fn an_estimate_far_from_the_fiducial_is_said_to_be() {
    let (folder, mut data) = (Folder::new(), trained().1);
    // Without activations summaries go on as the data do.
    let run = folder.run_file(&EXACT.replace("{ dense = 5 }, \"tanh\", { dense = 2 }", "{ dense = 2 }"));
    prints(&["fit", &run, "--out", &folder.text("out"), "--quiet"]);
    data.index_axis_mut(Axis(0), 3).mapv_inplace(|value| value + 1000.0);
    folder.write("data.npy", &data);
    let found = json(&folder, "estimate");
    let what = |k: usize| found["cautions"][k]["what"].as_str().unwrap_or_default();
    assert!(what(0).starts_with("unlike the simulations"), "{found}");
    assert!(what(1).contains("standard errors from the fiducial") && what(1).contains("theta_fid = ["), "{found}");
}

#[test]
fn runs_without_typical_simulations_are_read() {
    let (folder, data) = trained();
    folder.write("data.npy", &data);
    let manifest = std::fs::read_to_string(folder.path("out/manifest.json")).expect("there");
    let mut manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let files = manifest["files"].as_object_mut().expect("files");
    assert!(files.remove("typical.npz").is_some());
    std::fs::write(folder.path("out/manifest.json"), manifest.to_string()).expect("written");
    std::fs::remove_file(folder.path("out/typical.npz")).expect("there");
    assert_eq!(json(&folder, "estimate")["cautions"], Value::Array(vec![]));
}
