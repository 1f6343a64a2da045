//! `imnn plot` on histories as `imnn fit` writes them.

use imnn::data::arrays;
use ndarray::Array1;
use serde_json::Value;

use super::{prints, refuses};

/// Writes the history of a run of `n` iterations.
fn history(path: &std::path::Path, n: usize, validation: bool) {
    let rise = Array1::from_shape_fn(n, |i| 50.0 * (1.0 - (-(i as f64) / 20.0).exp())).into_dyn();
    let mut keys = vec!["detF", "detC", "detinvC", "lambda2", "r"];
    if validation {
        keys.extend(["val_detF", "val_detC", "val_detinvC", "val_lambda2", "val_r"]);
    }
    let arrays: Vec<_> = keys.into_iter().map(|key| (key, rise.view().into())).collect();
    arrays::write_npz(path, &arrays).expect("written");
}

#[test]
fn a_run_is_plotted() {
    let folder = tempfile::tempdir().expect("a folder");
    history(&folder.path().join("history.npz"), 80, true);
    let run = folder.path().to_str().expect("text");
    assert!(prints(&["plot", run]).ends_with("plot.png: 80 iterations\n"));
    let bytes = std::fs::read(folder.path().join("plot.png")).expect("the plot");
    assert!(bytes.starts_with(b"\x89PNG"));

    let svg = folder.path().join("other.svg");
    let out = svg.to_str().expect("text");
    let text = prints(&[
        "plot",
        &format!("{run}/history.npz"),
        "--out",
        out,
        "--expected",
        "50",
        "--title",
        "A & B",
        "--json",
    ]);
    let printed: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&printed["iterations"], &printed["best_iteration"]), (&80.into(), &79.into()));
    let svg = std::fs::read_to_string(svg).expect("the plot");
    for label in ["A &amp; B", "expected, 50", "validation"] {
        assert!(svg.contains(label), "{label}");
    }
}

#[test]
fn what_is_no_history_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().to_str().expect("text");
    assert!(
        refuses(&["plot", run]).contains("history.npz: no training history; give the folder that `imnn fit` wrote")
    );
    history(&folder.path().join("history.npz"), 5, false);
    assert!(refuses(&["plot", run, "--out", "plot.gif"]).contains("plot.gif: plots cannot be written as .gif"));
    history(&folder.path().join("history.npz"), 0, false);
    assert!(refuses(&["plot", run]).contains("the history has no iterations"));
    std::fs::write(folder.path().join("history.npz"), "nothing").expect("written");
    assert!(refuses(&["plot", run]).contains("history.npz"));
}
