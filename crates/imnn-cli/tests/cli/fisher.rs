//! `imnn fisher` against all reference numbers, and its answers to wrong files.

use imnn::data::{ArrayPath, arrays};
use ndarray::{Array, ArrayD, Dimension, array};
use serde_json::Value;

use super::{golden, prints, refuses};

fn read(file: &str, key: &str) -> ArrayD<f64> {
    arrays::read(&ArrayPath::with_key(file, key)).expect("the file has this array")
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        _ => vec![value.as_f64().expect("a number")],
    }
}

/// Compares at the tolerance of the reference: relative to the largest entry.
#[track_caller]
fn close(found: &[f64], expected: &ArrayD<f64>, tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * largest, "{what}: {found:e} for {expected:e}");
    }
}

#[test]
fn every_reference_is_met() {
    let manifest = std::fs::read_to_string(golden("manifest.json")).expect("the manifest");
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    let cases: Vec<_> =
        manifest.as_object().expect("a table").iter().filter(|(_, case)| case["kind"] == "stats").collect();
    assert_eq!(cases.len(), 13);
    let folder = tempfile::tempdir().expect("a folder");
    let gradients = folder.path().join("gradients.npz");
    let gradients = gradients.to_str().expect("text");
    for (name, case) in cases {
        let file = golden(name);
        let file = file.to_str().expect("text");
        let numerical = case["keys"].get("x_mp").is_some();
        let key = |key: &str| format!("{file}:{key}");
        let scalar = |key: &str| read(file, key).first().copied().expect("a number").to_string();
        let (x, lambda, epsilon) = (key("x"), scalar("lambda"), scalar("epsilon"));
        let mut arguments = vec!["fisher", "--summaries", &x, "--json", "--gradients", gradients];
        arguments.extend(["--lambda", &lambda, "--epsilon", &epsilon]);
        let (dx, x_mp, delta) = (key("dx"), key("x_mp"), key("delta_theta"));
        arguments.extend(match numerical {
            false => vec!["--derivatives", &dx],
            true => vec!["--below-above", &x_mp, "--delta-theta", &delta],
        });
        let printed: Value = serde_json::from_str(&prints(&arguments)).expect("JSON");
        if numerical {
            // The widths as numbers are the same.
            let widths = read(file, "delta_theta").iter().map(f64::to_string).collect::<Vec<_>>().join(",");
            arguments.pop();
            arguments.push(&widths);
            assert_eq!(serde_json::from_str::<Value>(&prints(&arguments)).expect("JSON"), printed, "{name}");
        }
        // Upstream's own rounding, ten times over, or 1e-9: what the manifest of the references asks for.
        let tolerance = |key: &str| (10.0 * case["relative_rounding_error"][key].as_f64().unwrap_or(0.0)).max(1e-9);
        for key in [
            "F",
            "invF",
            "C",
            "invC",
            "mu",
            "dmu_dtheta",
            "lambda2",
            "r",
            "alpha",
            "loss",
            "lndetF",
            "detF",
            "detC",
            "detinvC",
        ] {
            close(&flat(&printed[key]), &read(file, key), tolerance(key), &format!("{name} {key}"));
        }
        for key in ["dloss_dx", if numerical { "dloss_dx_mp" } else { "dloss_ddx" }] {
            let (found, expected) = (read(gradients, key), read(file, key));
            assert_eq!(found.shape(), expected.shape(), "{name} {key}");
            close(found.as_slice().expect("row-major"), &expected, tolerance(key), &format!("{name} {key}"));
        }
        assert_eq!(arrays::keys(gradients).expect("an archive").len(), 2);
        for key in ["n_s", "n_d", "n_summaries", "n_params"] {
            assert_eq!(flat(&printed[key]), read(file, key).into_raw_vec_and_offset().0, "{name} {key}");
        }
    }
}

#[test]
fn tables_are_for_people() {
    let file = golden("stats_3s2p.npz");
    let (x, dx) = (format!("{}:x", file.display()), format!("{}:dx", file.display()));
    let text = prints(&["fisher", "--summaries", &x, "--derivatives", &dx]);
    assert!(
        text.starts_with(
            "40 simulations, 40 with derivatives; 3 summaries, 2 parameters\n\nFisher information without bias, with errors\nF "
        ),
        "{text}"
    );
    let mut rest = text.as_str();
    for title in [
        "parameter 0  ",
        "- ln det F and the errors of forecasts are not known: the noise of the derivatives changes F by 50",
        "What F is worth\n- ",
        "F with fewer rows, ",
        "  1/2 of the derivatives, 20 rows  ",
        "  1/4 of the simulations, 10 rows  ",
        "The numbers as they are",
        "det F ",
        "raw F: ",
        "raw F^-1: covariance",
        "raw standard errors",
        "C: covariance",
        "mu: mean",
        "dmu/dtheta",
    ] {
        let found = rest.find(&format!("\n{title}"));
        assert!(found.is_some(), "{title}\n{text}");
        rest = &rest[found.unwrap_or(0)..];
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains("alpha is negative") && text.ends_with('\n') && !text.ends_with("\n\n"));
    let text = prints(&["fisher", "--summaries", &x, "--derivatives", &dx, "--lambda", "100"]);
    assert!(text.contains("note: alpha is negative"), "{text}");
}

#[test]
fn wrong_files_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let write = |name: &str, array: ArrayD<f64>| arrays::write_npy(path(name), array.view()).expect("written");
    let x = Array::from_shape_fn((20, 2), |(i, a)| ((7 * i + 3 * a * i * i) % 11) as f64);
    let dx = Array::from_shape_fn((20, 2, 2), |(_, a, p)| if a == p { 1.0 } else { 0.5 });
    write("x.npy", x.clone().into_dyn());
    write("dx.npy", dx.clone().into_dyn());
    write("flat.npy", x.column(0).to_owned().into_dyn());
    write("three.npy", Array::ones((20, 2, 3)).into_dyn());
    write(
        "mp.npy",
        Array::from_shape_fn((20, 2, 2, 2), |(_, s, p, a)| if s == 1 && a == p { 1.0 } else { 0.0 }).into_dyn(),
    );
    write("zero.npy", array![0.1, 0.0].into_dyn());
    let mut bad = x.clone();
    bad[[3, 1]] = f64::NAN;
    write("bad.npy", bad.into_dyn());
    let (good, derivatives) = (path("x.npy"), path("dx.npy"));
    prints(&["fisher", "--summaries", &good, "--derivatives", &derivatives]);

    let check = |arguments: &[&str], parts: &[&str]| {
        let message = refuses(&[&["fisher"], arguments].concat());
        for part in [&["error: "], parts].concat() {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    check(&["--summaries", &path("missing.npy"), "--derivatives", &derivatives], &["missing.npy", "no such file"]);
    check(
        &["--summaries", &path("flat.npy"), "--derivatives", &derivatives],
        &["flat.npy has shape [20], expected 2 axes, n_s, n_summaries", "x[:, None]"],
    );
    check(&["--summaries", &path("bad.npy"), "--derivatives", &derivatives], &["bad.npy", "NaN", "row 3"]);
    check(
        &["--summaries", &good, "--derivatives", &path("three.npy")],
        &["three.npy", "n_params = 3", "n_summaries = 2"],
    );
    check(
        &["--summaries", &good, "--below-above", &path("mp.npy"), "--delta-theta", &path("zero.npy")],
        &["zero.npy", "delta_theta[1] = 0"],
    );
    check(&["--summaries", &good, "--derivatives", &derivatives, "--lambda", "0.1"], &["--lambda 0.1 --epsilon 0.1"]);
    let nowhere = path("no/g.npz");
    check(&["--summaries", &good, "--derivatives", &derivatives, "--gradients", &nowhere], &["no/g.npz", "write"]);
}

/// What the inverse of a covariance of few simulations is worth is said beside it.
#[test]
fn few_simulations_are_said_to_be_few() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (x, dx) = (file("x.npy"), file("dx.npy"));
    arrays::write_npy(&dx, ArrayD::from_elem(vec![5, 3, 1], 1.0).view()).expect("written");
    for (n_s, hartlap, says, verdict) in [
        (41, Value::from(0.9), "the raw F is 1.11 times too large on average", "few_simulations"),
        (5, Value::Null, "F is worth nothing: the inverse of the covariance of 3 summaries has no mean", "no_mean"),
    ] {
        let numbers = Array::from_shape_fn((n_s, 3), |(i, k)| ((i * (7 + 4 * k)) % 11 + i * i % (k + 3)) as f64);
        arrays::write_npy(&x, numbers.into_dyn().view()).expect("written");
        let arguments = ["fisher", "--summaries", &x, "--derivatives", &dx];
        let text = prints(&arguments);
        assert!(text.contains(says), "{text}");
        let json: Value = serde_json::from_str(&prints(&[&arguments[..], &["--json"]].concat())).expect("JSON");
        assert_eq!(json["hartlap"], hartlap);
        let estimate = &json["estimate"];
        assert_eq!(estimate["verdicts"][0]["name"], verdict, "{estimate}");
        match hartlap.as_f64() {
            Some(factor) => {
                close(&flat(&estimate["F"]), &(read_value(&json["F"]) * factor), 1e-12, "F");
                assert!(text.contains("\nln det F ") && text.contains("\nparameter    one-sigma error\n"), "{text}");
                assert!(estimate["unknown"].is_null() && estimate["lndetF"]["error"].as_f64() > Some(0.1));
            }
            None => {
                assert!(estimate["F"].is_null() && estimate["lndetF"].is_null() && estimate["errors"].is_null());
                assert!(estimate["unknown"].as_str().is_some_and(|reason| reason.contains("it has with 6")));
            }
        }
    }
}

/// An array of JSON as one of numbers, in one row.
fn read_value(value: &Value) -> ArrayD<f64> {
    Array::from(flat(value)).into_dyn()
}

/// Thirty summaries of forty simulations, whose derivatives are noise: nothing that is printed pretends otherwise.
#[test]
fn noise_is_not_sold_as_information() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (x, dx) = (file("x.npy"), file("dx.npy"));
    // Fractional parts of multiples of irrational numbers: as good as uniform ones here.
    let number = |i: usize, k: usize| (((i * i + 3) as f64 * (k + 2) as f64).sqrt() * 1e3).fract() - 0.5;
    let array = |shape: Vec<usize>, size: f64| {
        ArrayD::from_shape_fn(shape, |at| size * number(at[0] + 7 * at.as_array_view().last().unwrap_or(&0), at[1]))
    };
    arrays::write_npy(&x, array(vec![40, 30], 1.0).view()).expect("written");
    arrays::write_npy(&dx, array(vec![5, 30, 2], 60.0).view()).expect("written");
    let arguments = ["fisher", "--summaries", &x, "--derivatives", &dx];
    let text = prints(&arguments);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("F is worth nothing for parameter ") && words.contains("from the noise of the derivatives"));
    assert!(words.contains("ln det F and the errors of forecasts are not known: ") && !words.contains("NaN"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let json: Value = serde_json::from_str(&prints(&[&arguments[..], &["--json"]].concat())).expect("JSON");
    assert!(json["detF"].as_f64() > Some(0.0) && json["estimate"]["lndetF"].is_null());
    assert_eq!(json["estimate"]["verdicts"][0]["worthless"], true);
    // A narrow terminal has more and shorter lines.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_imnn")).args(arguments).env("COLUMNS", "60").output();
    let narrow = String::from_utf8(output.expect("it ran").stdout).expect("text");
    let longest = narrow.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(70) && narrow.lines().count() > text.lines().count(), "{narrow}");
}
