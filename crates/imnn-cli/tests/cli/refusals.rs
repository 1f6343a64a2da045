//! What `imnn fit` answers to mistakes: every message names the file, what was found and what was expected.

use imnn::device::CudaReport;
use ndarray::{ArrayD, Axis, Slice};

use super::data::{EXACT, Folder, NUMERICAL};
use super::{imnn, prints, refuses};

/// Fits `text` with `from` replaced by `to`; the message must have these parts, and nothing may be left behind.
#[track_caller]
fn check(folder: &Folder, text: &str, (from, to): (&str, &str), parts: &[&str]) {
    assert!(text.contains(from), "{from:?} is not in the run file");
    let (run, out) = (folder.run_file(&text.replacen(from, to, 1)), folder.text("out"));
    let message = refuses(&["fit", &run, "--out", &out, "--quiet"]);
    for part in [&["error: "], parts].concat() {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!message.contains("panicked"), "{message}");
    assert!(!folder.names(".").iter().any(|name| name == "out" || name.starts_with('.')), "something is left behind");
}

#[test]
fn missing_files_are_named() {
    let folder = Folder::new();
    check(&folder, EXACT, ("fiducial.npy", "fudicial.npy"), &["fudicial.npy: no such file"]);
    check(&folder, NUMERICAL, ("validation.npz:fid", "validation.npz:vid"), &["has no array `viducial`", "numerical"]);
    let message = refuses(&["fit", &folder.text("no.toml"), "--out", &folder.text("out")]);
    assert!(message.contains("cannot read the run file") && message.contains("no.toml"), "{message}");
}

#[test]
fn truncated_files_are_named() {
    let folder = Folder::new();
    let bytes = std::fs::read(folder.path("fiducial.npy")).expect("the file");
    std::fs::write(folder.path("fiducial.npy"), &bytes[..bytes.len() - 5]).expect("written");
    check(&folder, EXACT, ("", ""), &["fiducial.npy: truncated: (80, 6) of ", "need 3840 bytes, 3835 are there"]);
    std::fs::write(folder.path("fiducial.npy"), &bytes[..20]).expect("written");
    check(&folder, EXACT, ("", ""), &["fiducial.npy: "]);
}

#[test]
fn wrong_shapes_are_named() {
    let folder = Folder::new();
    check(&folder, EXACT, ("exact.npy", "fiducial.npy"), &["has shape (80, 6), expected (n_d, 6, n_params)"]);
    check(&folder, EXACT, ("exact.npy", "numerical.npy"), &["has shape (60, 2, 2, 6), expected (n_d, 6, n_params)"]);
    check(&folder, NUMERICAL, ("numerical.npy", "exact.npy"), &["exact.npy", "expected (n_d, 2, n_params, 6)"]);
    check(&folder, NUMERICAL, ("input_shape = [6, 1]", "input_shape = [5]"), &["fiducial.npy", "(6,)", "(5,)"]);
    folder.write("flat.npy", &ArrayD::zeros(vec![80]));
    check(&folder, EXACT, ("fiducial.npy", "flat.npy"), &["flat.npy has shape (80,), expected (n_s, *input)"]);
    let wide = ArrayD::zeros(vec![20, 7]);
    folder.write("wide.npy", &wide);
    folder.write("wide_derivative.npy", &ArrayD::zeros(vec![20, 7, 2]));
    let validation = "derivative = \"exact.npy\"\ncheck = \"off\"\n[simulations.validation]\nfiducial = \"wide.npy\"\nderivative = \
                      \"wide_derivative.npy\"\n";
    check(
        &folder,
        EXACT,
        ("derivative = \"exact.npy\"\n", validation),
        &["run.toml: shape of a simulation of the validation set: [7] where [6], as in the training set,"],
    );
    check(
        &folder,
        EXACT,
        ("[simulations]", "[simulations]\nn_s = 81"),
        &["n_s = 81, but ", "fiducial.npy has 80 rows"],
    );
}

#[test]
fn numbers_of_parameters_must_agree() {
    let folder = Folder::new();
    let three = EXACT.replace("parameters = [\"mu\", \"sigma2\"]\n", "");
    check(
        &folder,
        &three,
        ("[0.0, 1.0]", "[0.0, 1.0, 2.0]"),
        &["exact.npy has 2 parameters, theta_fid has 3 parameters"],
    );
    check(&folder, EXACT, ("\"mu\", ", ""), &["line 3: parameters: ", "1 names for the 2 values of theta_fid"]);
    check(&folder, NUMERICAL, ("[0.1, 0.2]", "[0.1]"), &["delta_theta has 1 parameter, theta_fid has 2 parameters"]);
}

#[test]
fn values_that_are_not_finite_are_named() {
    let folder = Folder::new();
    for (name, value, text) in [("fiducial.npy", f64::NAN, "NaN"), ("exact.npy", f64::NEG_INFINITY, "-inf")] {
        let good = folder.read(name);
        let mut bad = good.clone();
        *bad.iter_mut().nth(100).expect("values") = value;
        folder.write(name, &bad);
        let index: &[usize] = if name == "fiducial.npy" { &[16, 4] } else { &[8, 2, 0] };
        check(&folder, EXACT, ("", ""), &[&format!("{name}{index:?} is {text}"), "remove or replace it"]);
        folder.write(name, &good);
    }
}

#[test]
fn steps_must_be_positive() {
    let folder = Folder::new();
    for width in ["0.0", "-0.2"] {
        let shown = width.trim_end_matches(".0");
        check(
            &folder,
            NUMERICAL,
            ("[0.1, 0.2]", &format!("[0.1, {width}]")),
            &["line 7: simulations.delta_theta", &format!("delta_theta[1] = {shown}: "), "theta_above - theta_below"],
        );
    }
    check(
        &folder,
        NUMERICAL,
        ("delta_theta = [0.1, 0.2]", "theta_below = [0.1, 0.9]\ntheta_above = [-0.1, 1.1]"),
        &["simulations.theta_above", "theta_above[0] = -0.1 must be larger than theta_below[0] = 0.1", "swapped"],
    );
}

#[test]
fn covariances_need_enough_simulations() {
    let folder = Folder::new();
    let few = folder.read("fiducial.npy").slice_axis(Axis(0), Slice::from(..2)).to_owned();
    folder.write("few.npy", &few);
    let derivative = folder.read("exact.npy").slice_axis(Axis(0), Slice::from(..2)).to_owned();
    folder.write("few_derivative.npy", &derivative);
    let text = EXACT.replace("fiducial.npy", "few.npy").replace("exact.npy", "few_derivative.npy");
    check(&folder, &text, ("", ""), &["2 simulations give no covariance of 2 summaries; at least 4 are needed"]);
    let text = text.replace("[simulations]", "[simulations]\ncheck = \"off\"");
    check(
        &folder,
        &text,
        ("", ""),
        &["run.toml: the training set has n_s = 2 simulations", "2 summaries", "at least 3"],
    );
    check(&folder, EXACT, ("[simulations]", "[simulations]\nn_s = 1"), &["simulations.n_s: 1 is too few"]);
}

#[test]
fn unknown_names_are_answered_with_the_likely_one() {
    let folder = Folder::new();
    check(&folder, EXACT, ("\"tanh\"", "\"tahn\""), &["run.toml line 10", "layers[1]", "did you mean \"tanh\"?"]);
    check(&folder, EXACT, ("{ dense = 5 }", "{ dens = 5 }"), &["line 10", "layers[0]", "did you mean \"dense\"?"]);
    check(&folder, EXACT, ("max_iterations", "max_iteration"), &["line 12: fit: ", "did you mean \"max_iterations\"?"]);
    check(&folder, EXACT, ("precision", "precission"), &["line 9: network: ", "did you mean \"precision\"?"]);
    check(&folder, EXACT, ("\"exact\"", "\"exakt\""), &["simulations.kind: ", "did you mean \"exact\"?"]);
}

#[test]
fn the_network_must_end_in_the_summaries() {
    let folder = Folder::new();
    let three = ("{ dense = 2 }", "{ dense = 3 }");
    check(
        &folder,
        EXACT,
        three,
        &["run.toml: the network ends in [3]", "3 summaries, and n_summaries is 2", "dense(2)"],
    );
    let n_summaries = |n: &str| format!("[network]\nn_summaries = {n}");
    check(&folder, EXACT, ("[network]", &n_summaries("3")), &["the network ends in [2]", "n_summaries is 3"]);
    check(
        &folder,
        EXACT,
        ("[network]", &n_summaries("1")),
        &["n_summaries is 1", "at least the number of parameters, 2"],
    );
    check(&folder, EXACT, ("[network]", &n_summaries("0")), &["network.n_summaries: 0 is too few"]);
    let pool = ("{ dense = 5 }", "{ max_pool = { window = [2, 2], padding = \"valid\" } }");
    check(&folder, EXACT, pool, &["run.toml: layer layers[0] (max_pool)", "the shape that reaches it is [6]"]);
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = Folder::new();
    let (run, other) = (folder.run_file(&EXACT.replace("dense = 5", "dense = 4")), folder.text("other"));
    prints(&["fit", &run, "--out", &other, "--quiet"]);
    let initial = |path: &str| format!("[network]\ninitial = \"{path}\"");
    check(
        &folder,
        EXACT,
        ("[network]", &initial("other/final.safetensors")),
        &[
            "network.initial of ",
            "run.toml: ",
            "other/final.safetensors does not fit the network: layers/0/weight has the shape [6, 4], expected [6, 5]",
            "weights of another network",
        ],
    );
    check(&folder, EXACT, ("[network]", &initial("no.npz")), &["network.initial of ", "no.npz"]);
    check(
        &folder,
        EXACT,
        ("[network]", &initial("fiducial.npy")),
        &["line 9: network.initial: ", ".safetensors or .npz"],
    );
    check(
        &folder,
        EXACT,
        ("[network]", &initial("other/history.npz")),
        &["layers/0/weight of shape [6, 5] is missing"],
    );
}

#[test]
fn gpus_are_refused() {
    let folder = Folder::new();
    let cuda = ("threads = 1", "kind = \"cuda\"");
    let reason = match CudaReport::look() {
        report if !report.built => "no support for GPUs; build with the feature `cuda`",
        report if !report.missing.is_empty() => "no GPU can be used",
        _ => return eprintln!("SKIPPED: this machine has a GPU, so that kind = \"cuda\" is not refused"),
    };
    check(&folder, EXACT, cuda, &["run.toml: kind = \"cuda\"", reason, "write kind = \"cpu\""]);
}

#[test]
fn places_that_cannot_be_written_are_found_before_anything_is_read() {
    let folder = Folder::new();
    // That the data are missing is not found out: the place for the results comes first.
    let run = folder.run_file(&EXACT.replace("fiducial.npy", "missing.npy"));
    std::fs::write(folder.path("file"), "").expect("written");
    let message = |out: &str| refuses(&["fit", &run, "--out", out, "--quiet"]);
    assert!(message(&folder.text("file")).contains("file: this is a file; give the name of a folder"));
    let inside = message(&folder.text("file/out"));
    assert!(inside.contains("file/out: Not a directory"), "{inside}");
}

/// No one may write there, not even who may do everything.
#[cfg(target_os = "linux")]
#[test]
fn places_without_permission_are_named() {
    let folder = Folder::new();
    let message = refuses(&["fit", &folder.run_file(EXACT), "--out", "/proc/imnn", "--quiet"]);
    assert!(message.contains("cannot create /proc/imnn: "), "{message}");
    assert!(message.contains("choose another place"), "{message}");
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    for arguments in [
        &["fit"][..],
        &["fit", "run.toml"],
        &["fit", "run.toml", "--out", "run", "--expected", "-1"],
        &["estimate", "run"],
        &["trian"],
        &[],
    ] {
        assert_eq!(imnn(arguments).status.code(), Some(2), "{arguments:?}");
    }
    for arguments in
        [&["--help"][..], &["fit", "--help"], &["estimate", "--help"], &["summarise", "-h"], &["--version"]]
    {
        assert!(!prints(arguments).is_empty());
    }
}
