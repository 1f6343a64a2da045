//! `imnn data check`: sound sets pass, and faults made on purpose are found.

use ndarray::{ArrayD, Axis};
use serde_json::Value;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{imnn, prints};

/// Runs the check on arrays; returns the exit code and what it prints.
fn check(folder: &Folder, fiducial: &str, derivative: &str, more: &[&str]) -> (Option<i32>, String) {
    let (f, d) = (folder.text(fiducial), folder.text(derivative));
    let output = imnn(&[&["data", "check", "--fiducial", &f, "--derivative", &d], more].concat());
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    (output.status.code(), text)
}

/// Exchanges rows of simulations above the fiducial with the next ones.
fn shifted(array: &ArrayD<f64>) -> ArrayD<f64> {
    let mut shifted = array.clone();
    let n = array.len_of(Axis(0));
    for row in 0..n {
        let from = array.index_axis(Axis(0), (row + 1) % n).index_axis(Axis(0), 1).index_axis(Axis(0), 1).to_owned();
        shifted.index_axis_mut(Axis(0), row).index_axis_mut(Axis(0), 1).index_axis_mut(Axis(0), 1).assign(&from);
    }
    shifted
}

#[test]
fn sound_sets_pass() {
    let folder = Folder::new();
    for run in [EXACT, NUMERICAL] {
        let text = prints(&["data", "check", &folder.run_file(run)]);
        assert!(text.contains("no errors"), "{text}");
    }
    let (code, text) = check(&folder, "fiducial.npy", "numerical.npy", &["--delta-theta", "0.1,0.2", "--json"]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &report["errors"]), (Some(0), &0.into()), "{text}");
    let parameters = report["sets"][0]["parameters"].as_array().expect("parameters");
    assert!(parameters.iter().all(|of| of["below_above"]["correlation"].as_f64().expect("a number") > 0.9), "{text}");
}

#[test]
fn other_seeds_are_found_with_their_parameter() {
    let folder = Folder::new();
    folder.write("shifted.npy", &shifted(&folder.read("numerical.npy")));
    let (code, text) = check(&folder, "fiducial.npy", "shifted.npy", &["--delta-theta", "0.1,0.2"]);
    assert_eq!(code, Some(1));
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains("below/above of parameter 1"), "{text}");
    assert!(errors[0].contains("not seed-matched") || errors[0].contains("different orders"), "{text}");
}

#[test]
fn axes_that_shapes_cannot_tell_are_found() {
    let folder = Folder::new();
    let exchanged = folder.read("numerical.npy").permuted_axes(vec![0, 2, 1, 3]).as_standard_layout().to_owned();
    folder.write("exchanged.npy", &exchanged);
    let (code, text) = check(&folder, "fiducial.npy", "exchanged.npy", &["--delta-theta", "0.1,0.2"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("look exchanged"), "{text}");
}

#[test]
fn a_parameter_that_changes_nothing_is_found() {
    let folder = Folder::new();
    let mut same = folder.read("numerical.npy");
    let below = same.index_axis(Axis(1), 0).to_owned();
    same.index_axis_mut(Axis(1), 1).index_axis_mut(Axis(1), 0).assign(&below.index_axis(Axis(1), 0));
    folder.write("same.npy", &same);
    let (code, text) = check(&folder, "fiducial.npy", "same.npy", &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("below and above of parameter 0 are the same in all"), "{text}");
}

#[test]
fn values_that_are_not_finite_and_simulations_there_twice_are_found() {
    let folder = Folder::new();
    let mut fiducial = folder.read("fiducial.npy");
    fiducial[[3, 2].as_slice()] = f64::NAN;
    let row = fiducial.index_axis(Axis(0), 5).to_owned();
    fiducial.index_axis_mut(Axis(0), 70).assign(&row);
    folder.write("bad.npy", &fiducial);
    let (code, text) = check(&folder, "bad.npy", "exact.npy", &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("bad.npy[3, 2] is NaN: 1 value is not finite, in 1 row"), "{text}");
    assert!(text.contains("bad.npy[5]") && text.contains("bad.npy[70] are the same simulation"), "{text}");
    let validation =
        ["--validation-fiducial", &folder.text("fiducial.npy"), "--validation-derivative", &folder.text("exact.npy")];
    let (_, text) = check(&folder, "fiducial.npy", "exact.npy", &validation);
    assert!(text.contains("80 are of those for validation in training too"), "{text}");
}

#[test]
fn hostile_files_are_errors_of_the_report() {
    let folder = Folder::new();
    let bytes = std::fs::read(folder.path("fiducial.npy")).expect("the file");
    std::fs::write(folder.path("cut.npy"), &bytes[..bytes.len() - 9]).expect("written");
    let (code, _) = check(&folder, "cut.npy", "exact.npy", &["--kind", "exact"]);
    assert_eq!(code, Some(1));
    let (code, text) = check(&folder, "fiducial.npy", "fiducial.npy", &["--kind", "numerical", "--delta-theta", "1"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("expected (n_d, 2, n_params, 6)"), "{text}");
}
