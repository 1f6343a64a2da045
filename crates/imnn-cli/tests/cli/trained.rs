//! `imnn estimate`, `imnn summarise`, `imnn fisher` and `imnn plot` on a trained run agree with each other.

use imnn::data::arrays;
use ndarray::{Array1, Array2, ArrayD, Axis, Ix2, Slice};
use serde_json::Value;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{prints, refuses};

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&prints(&[arguments, &["--json"]].concat())).expect("JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        _ => vec![value.as_f64().expect("a number")],
    }
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * largest, "{found:e} for {expected:e}");
    }
}

/// A folder in which `text` was trained into `out`.
fn trained(text: &str) -> (Folder, String) {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(text), folder.text("out"));
    prints(&["fit", &run, "--out", &out, "--quiet"]);
    (folder, out)
}

#[track_caller]
fn same_as_saved(folder: &Folder, fisher: &Value) {
    for key in ["F", "invF", "C", "invC", "mu", "dmu_dtheta"] {
        let saved = folder.read(&format!("out/statistics.npz:{key}"));
        close(&numbers(&fisher[key]), &saved.into_raw_vec_and_offset().0, 1e-12);
    }
}

#[test]
fn summaries_with_exact_derivatives_have_the_saved_information() {
    let (folder, out) = trained(EXACT);
    let (data, derivative, x) = (folder.text("fiducial.npy"), folder.text("exact.npy"), folder.text("x.npz"));
    let text = prints(&["summarise", &out, &data, "--derivative", &derivative, "--out", &x]);
    assert_eq!(text, format!("{x}: x [80, 2], dx [60, 2, 2]\n"));
    let (x, dx) = (format!("{x}:x"), format!("{x}:dx"));
    same_as_saved(&folder, &json(&["fisher", "--summaries", &x, "--derivatives", &dx]));
    let printed = json(&["summarise", &out, &data, "--derivative", &derivative]);
    for key in ["x", "dx"] {
        let written = folder.read(&format!("x.npz:{key}"));
        close(&numbers(&printed[key]), &written.into_raw_vec_and_offset().0, 1e-15);
    }
    let text = prints(&["summarise", &out, &data, "--derivative", &derivative]);
    let head: Vec<&str> = text.lines().next().expect("a line").split_whitespace().collect();
    assert_eq!(head, ["row", "x_0", "x_1"]);
    assert!(text.contains("dx_0/d mu") && text.contains("dx_1/d sigma2"), "{text}");
}

#[test]
fn summaries_below_and_above_have_the_saved_information() {
    let (folder, out) = trained(NUMERICAL);
    let (x, mp, widths) = (folder.text("x.npz"), folder.text("mp.npz"), folder.text("widths.npy"));
    let data = |key: &str| format!("{}:{key}", folder.text("validation.npz"));
    prints(&["summarise", &out, &data("fiducial"), "--out", &x]);
    let text = prints(&["summarise", &out, &data("numerical"), "--out", &mp]);
    assert_eq!(text, format!("{mp}: x [60, 2, 2, 2]\n"));
    folder.write("widths.npy", &ArrayD::from_shape_vec(vec![2], vec![0.1, 0.2]).expect("two"));
    same_as_saved(&folder, &json(&["fisher", "--summaries", &x, "--below-above", &mp, "--delta-theta", &widths]));
    // Rows of the table are named by all indices in front.
    let text = prints(&["summarise", &out, &data("numerical")]);
    assert!(text.lines().nth(4).expect("a row").starts_with("0 1 1 "), "{text}");
}

#[test]
fn estimates_follow_from_summaries_and_statistics() {
    for text in [EXACT, NUMERICAL] {
        let (folder, out) = trained(text);
        let (data, truth) = (folder.text("fiducial.npy"), folder.text("truth.npy"));
        let n = 80;
        let truths = Array2::from_shape_fn((n, 2), |(i, a)| a as f64 + 0.01 * (i % 7) as f64);
        folder.write("truth.npy", &truths.clone().into_dyn());
        let file = folder.text("estimates.npz");
        let printed = json(&["estimate", &out, &data, "--truth", &truth, "--out", &file]);

        let of = |key: &str| folder.read(&format!("out/statistics.npz:{key}"));
        let matrix = |key: &str| of(key).into_dimensionality::<Ix2>().expect("a matrix");
        let x = numbers(&json(&["summarise", &out, &data])["x"]);
        let x = Array2::from_shape_vec((n, 2), x).expect("summaries") - of("mu").into_shape_with_order(2).expect("mu");
        let score = x.dot(&matrix("invC")).dot(&matrix("dmu_dtheta"));
        let expected: Array2<f64> = score.dot(&matrix("invF")) + Array1::from(vec![0.0, 1.0]);
        let flat = |array: &Array2<f64>| array.iter().copied().collect::<Vec<_>>();
        close(&numbers(&printed["estimates"]), &flat(&expected), 1e-10);
        let errors = matrix("invF").diag().mapv(f64::sqrt);
        close(&numbers(&printed["errors"]), &errors.to_vec(), 1e-12);
        let pulls = (&expected - &truths) / &errors;
        close(&numbers(&printed["pulls"]), &flat(&pulls), 1e-10);
        close(&numbers(&printed["pull_mean"]), &pulls.mean_axis(Axis(0)).expect("rows").to_vec(), 1e-8);
        let rms = pulls.mapv(|pull| pull * pull).mean_axis(Axis(0)).expect("rows").mapv(f64::sqrt);
        close(&numbers(&printed["pull_rms"]), &rms.to_vec(), 1e-10);
        for key in ["estimates", "errors", "covariance", "truth", "pulls"] {
            let written = folder.read(&format!("estimates.npz:{key}"));
            close(&numbers(&printed[key]), &written.into_raw_vec_and_offset().0, 1e-15);
        }

        let text = prints(&["estimate", &out, &data, "--truth", &truth]);
        let is_caution = |line: &&str| line.starts_with("caution of the run: ");
        let lines: Vec<&str> = text.lines().filter(|line| !is_caution(line)).collect();
        assert_eq!(lines.len(), n + 5, "{text}");
        let head: Vec<&str> = lines[0].split_whitespace().collect();
        assert_eq!(head, ["data", "set", "mu", "+-", "truth", "pull", "sigma2", "+-", "truth", "pull"]);
        assert!(lines[n + 1].starts_with("mean ") && lines[n + 2].starts_with("rms "), "{text}");
        assert_eq!(lines[n + 4], "pull: (estimate - truth) / error");
        let text = prints(&["estimate", &out, &data]);
        assert!(text.lines().any(|line| is_caution(&line)), "{text}");
        assert_eq!(text.lines().filter(|line| !is_caution(line)).count(), n + 1);
    }
}

#[test]
fn one_data_set_needs_no_axis_of_simulations() {
    let (folder, out) = trained(NUMERICAL);
    let all = folder.read("fiducial.npy");
    folder.write("one.npy", &all.index_axis(Axis(0), 3).to_owned());
    folder.write("channel.npy", &all.clone().insert_axis(Axis(2)));
    folder.write("truth.npy", &ArrayD::from_shape_vec(vec![2], vec![0.0, 1.0]).expect("two"));
    let estimates = |name: &str| numbers(&json(&["estimate", &out, &folder.text(name)])["estimates"]);
    let all = estimates("fiducial.npy");
    assert_eq!(estimates("one.npy"), all[6..8]);
    assert_eq!(estimates("channel.npy"), all);
    prints(&["estimate", &out, &folder.text("one.npy"), "--truth", &folder.text("truth.npy")]);
}

#[test]
fn what_does_not_fit_the_run_is_named() {
    let (folder, out) = trained(EXACT);
    let data = folder.text("fiducial.npy");
    folder.write("wide.npy", &ArrayD::zeros(vec![5, 7]));
    folder.write("three.npy", &ArrayD::zeros(vec![80, 3]));
    folder.write("deep.npy", &ArrayD::zeros(vec![80, 6, 3]));
    let mut holed = folder.read("fiducial.npy").slice_axis(Axis(0), Slice::from(..1)).to_owned();
    holed[[0, 2]] = f64::INFINITY;
    folder.write("holed.npy", &holed);
    folder.write("truthless.npy", &ArrayD::from_elem(vec![80, 2], f64::NAN));
    let path = |name: &str| folder.text(name);
    let check = |arguments: &[&str], parts: &[&str]| {
        let message = refuses(arguments);
        for part in [&["error: "], parts].concat() {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    for command in ["estimate", "summarise"] {
        check(&[command, &out, &path("missing.npy")], &["missing.npy: no such file"]);
        check(&[command, &out, &path("wide.npy")], &["wide.npy: shape of the data: [5, 7]", "[6] or [n, 6]"]);
        check(&[command, &out, &path("holed.npy")], &["holed.npy: the data[0, 2] is inf"]);
        check(&[command, &path("nowhere"), &data], &["nowhere/model.toml", "the folder of a run"]);
    }
    check(
        &["estimate", &out, &data, "--truth", &path("three.npy")],
        &["three.npy has shape [80, 3], expected [80, 2]: a row of 2 parameters", "80 data sets of", "fiducial.npy"],
    );
    check(&["estimate", &out, &data, "--truth", &path("truthless.npy")], &["truthless.npy: row 0 has NaN"]);
    check(&["estimate", &out, &data, "--out", &path("no/e.npz")], &["no/e.npz", "write"]);
    check(&["summarise", &out, &data, "--derivative", &path("deep.npy")], &["deep.npy", "3 parameters", "mu, sigma2"]);
    check(
        &["summarise", &out, &data, "--derivative", &path("wide.npy")],
        &["wide.npy", "(5, 7)", "(n_d, 6, n_params)"],
    );
    arrays::write_npz(folder.path("x.npz"), &[("a", ArrayD::<f64>::zeros(vec![2]).view().into())]).expect("written");
    check(&["estimate", &out, &format!("{}:b", path("x.npz"))], &["x.npz: has no array `b`"]);
    std::fs::remove_file(folder.path("out/weights.safetensors")).expect("removed");
    check(&["estimate", &out, &data], &["weights.safetensors: no such file", "no statistics"]);
}

#[test]
fn the_plot_of_a_run_has_its_names() {
    let (folder, out) = trained(EXACT);
    let svg = folder.text("history.svg");
    let text = prints(&["plot", &out, "--out", &svg]);
    assert_eq!(text, format!("{svg}: 8 iterations\n"));
    let svg = std::fs::read_to_string(svg).expect("the plot");
    assert!(svg.contains("out: mu, sigma2"));
}

#[test]
fn nothing_is_replaced_unasked_and_no_run_is_spoilt() {
    let (folder, out) = trained(EXACT);
    let (data, file, plot) = (folder.text("fiducial.npy"), folder.text("e.npz"), folder.text("p.svg"));
    let statistics = folder.text("out/statistics.npz");
    let before = folder.read("out/statistics.npz:F");
    for command in ["estimate", "summarise"] {
        let arguments = [command, &out, &data, "--out", &file];
        prints(&arguments);
        let whole = std::fs::read(folder.path("e.npz")).expect("the file");
        assert!(refuses(&arguments).contains("e.npz exists already; choose another name, or replace it (--force)"));
        assert_eq!(std::fs::read(folder.path("e.npz")).expect("the file"), whole);
        prints(&[&arguments[..], &["--force"]].concat());
        let message = refuses(&[command, &out, &data, "--out", &statistics, "--force"]);
        assert!(message.contains("statistics.npz: this file belongs to a saved run"), "{message}");
        let message = refuses(&[command, &out, &data, "--out", &data, "--force"]);
        assert!(message.contains("fiducial.npy: this file is being read"), "{message}");
        std::fs::remove_file(folder.path("e.npz")).expect("removed");
    }
    assert_eq!(folder.read("out/statistics.npz:F"), before);
    let arguments = ["plot", &out, "--out", &plot];
    prints(&arguments);
    assert!(refuses(&arguments).contains("p.svg exists already"));
    prints(&[&arguments[..], &["--force"]].concat());
    // The plot of the run itself is drawn anew.
    prints(&["plot", &out]);
}

/// A run folder may come from a machine with a GPU, and be used where there is none.
#[test]
fn runs_that_were_trained_on_a_gpu_are_used_on_the_cpu() {
    let (folder, out) = trained(EXACT);
    let (data, plot) = (folder.text("fiducial.npy"), folder.text("plot.svg"));
    let commands =
        [&["estimate", &out, &data][..], &["summarise", &out, &data], &["plot", &out, "--out", &plot, "--force"]];
    let before = commands.map(prints);
    // As `imnn fit` writes it for a GPU.
    let (path, on_gpu) = (folder.path("out/run.toml"), "[device]\nkind = \"cuda\"\ndevices = [0]\n");
    let text = std::fs::read_to_string(&path).expect("the settings of the run");
    let (first, rest) = text.split_once("[device]\n").expect("a device");
    let rest = rest.find("\n[").map_or("", |next| &rest[next..]);
    std::fs::write(&path, format!("{first}{on_gpu}{rest}")).expect("a file");
    assert_eq!(commands.map(prints), before);
}
