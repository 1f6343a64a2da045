//! Sets as they are made, and extended.

use std::path::Path;
use std::process::{Command, Stdio};

use ndarray::Axis;
use serde_json::Value;

use super::{Place, SIMS, contains, imnn, names, prints, start, text};

#[test]
fn seeds_are_matched_and_the_set_is_trained_on() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 40\nn_d = 30"));
    let printed = place.makes("set", &["--collect"]);
    contains(
        &printed,
        &[
            "          done  failed  missing\nfiducial    40       0        0\nslope_m     30       0        0\n",
            "in this run: 100 done, 0 failed\ncomplete: 40 simulations, 30 of them with partners below and above\n",
            "put together: ",
            "train on it: imnn fit ",
        ],
    );
    assert_eq!(
        names(&place.path("set")),
        ["derivative.npy", "fiducial", "fiducial.npy", "run.toml", "simulate.toml", "slope_m", "slope_p"]
    );
    let calls = place.calls();
    assert!(calls.len() == 100 && calls.values().all(|&n| n == 1), "{calls:?}");
    assert!(calls.contains_key("49 1.0") && calls.contains_key("39 0.75") && calls.contains_key("10 1.25"));

    // The same noise below, at and above the fiducial.
    let (fiducial, derivative) = (place.array("set/fiducial.npy"), place.array("set/derivative.npy"));
    assert_eq!((fiducial.shape(), derivative.shape()), (&[40, 10][..], &[30, 2, 1, 10][..]));
    for (row, seed) in (10..50).enumerate() {
        let single = |vector: &str| place.array(&format!("set/{vector}/{seed}.npy"));
        assert_eq!(fiducial.index_axis(Axis(0), row), single("fiducial"));
        if row >= 30 {
            continue;
        }
        for (side, vector, step) in [(0, "slope_m", -0.25), (1, "slope_p", 0.25)] {
            assert_eq!(
                derivative.index_axis(Axis(0), row).index_axis(Axis(0), side).index_axis(Axis(0), 0),
                single(vector)
            );
            for (t, (at, beside)) in single("fiducial").iter().zip(&single(vector)).enumerate() {
                assert!((beside - at - step * (t + 1) as f64).abs() < 1e-12);
            }
        }
    }

    let run = place.text("set/run.toml");
    let file = std::fs::read_to_string(&run).expect("a run file").replace("iterations = 1000", "iterations = 30");
    std::fs::write(&run, file).expect("written");
    let printed = prints(&["fit", &run, "--out", &place.text("run"), "--quiet", "--json"]);
    let statistics: Value = serde_json::from_str(&printed).expect("JSON");
    assert!(statistics.is_object(), "{printed}");
    let estimate = prints(&["estimate", &place.text("run"), &place.text("set/fiducial/10.npy")]);
    assert!(estimate.contains("slope"), "{estimate}");

    // Nothing is left to be done, and the file that was changed is left alone.
    let printed = place.makes("set", &[]);
    contains(&printed, &["in this run: 0 done, 0 failed\n", "run.toml was there already and is left as it is"]);
    assert_eq!(place.calls(), calls);
}

#[test]
fn more_seeds_extend_a_set() {
    let place = Place::new(SIMS);
    place.makes("set", &[]);
    let before = place.simulations("set");
    assert_eq!(before.len(), 6 + 4 + 4);
    place.write("sims.toml", &SIMS.replace("n_s = 6\nn_d = 4", "n_s = 8\nn_d = 5"));
    contains(&place.makes("set", &[]), &["in this run: 4 done", "complete: 8 simulations, 5 of them"]);
    let after = place.simulations("set");
    assert_eq!(after.len(), 8 + 5 + 5);
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    assert!(place.calls().values().all(|&n| n == 1));
}

#[test]
fn shards_together_are_the_whole() {
    let place = Place::new(&SIMS.replace("n_s = 6\nn_d = 4", "n_s = 11\nn_d = 7"));
    place.makes("whole", &[]);
    std::fs::remove_file(place.path("calls")).expect("there");
    // All at once, the second of them twice.
    let running: Vec<_> = ["1/3", "2/3", "3/3", "2/3"]
        .iter()
        .map(|s| start(&place.arguments("set", &["--shard", s, "--quiet"])))
        .collect();
    for child in running {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    assert_eq!(place.simulations("set"), place.simulations("whole"));
    let file = |set: &str, name: &str| std::fs::read(place.path(set).join(name)).expect("a file");
    for name in ["run.toml", "simulate.toml"] {
        assert_eq!(file("set", name), file("whole", name), "{name}");
    }
    assert_eq!(names(&place.path("set")), ["fiducial", "run.toml", "simulate.toml", "slope_m", "slope_p"]);
    assert!(place.calls().iter().all(|(call, &n)| n == 1 || ["11", "14", "17", "20"].contains(&&call[..2])));

    // A part does what is its own and says what is missing.
    contains(
        &place.makes("part", &["--shard", "3/3"]),
        &["fiducial     3       0        8\nslope_m      2       0        5\n", "in this run: 7 done, 0 failed\n"],
    );
    assert!(!place.path("part/run.toml").exists());
    assert!(place.simulations("part").keys().all(|name| ["12", "15", "18"].iter().any(|seed| name.contains(seed))));
    let output = imnn(&["simulate", &place.text("sims.toml"), "--out", &place.text("x"), "--shard", "4/3"]);
    assert_eq!(output.status.code(), Some(2));
    contains(&text(&output.stderr), &["\"4/3\" is not a valid shard"]);
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let place = Place::new(SIMS);
    std::fs::copy(place.path("sim.sh"), place.path("it's \"a\" sim;.sh")).expect("copied");
    let command = r#"["sh", "-c", "printf '%s\n' \"$@\" >> seen; sh \"$1\" \"${{2#s=}}\" \"$4\" \"$6\"", "sh",
        "it's \"a\" sim;.sh", "s={seed}", "{theta[slope]},{theta[0]}", "{theta}", "$(touch evil) `touch evil` * ' \\", "{out}"]"#;
    place.write("sims.toml", &SIMS.replace(r#"["sh", "sim.sh", "{seed}", "{theta}", "{out}"]"#, command));
    let out = "a 'strange' \"set\" $HOME {x}.npz:y";
    place.makes(out, &["--jobs", "1"]);
    assert_eq!(place.simulations(out).len(), 14);
    let seen = std::fs::read_to_string(place.path("seen")).expect("seen");
    contains(&seen, &["it's \"a\" sim;.sh\ns=10\n1.0,1.0\n1.0\n$(touch evil) `touch evil` * ' \\\n/"]);
    assert!(!place.path("evil").exists());
    let run = place.path(out).join("run.toml");
    let text = std::fs::read_to_string(&run).expect("a run file").replace("iterations = 1000", "iterations = 3");
    std::fs::write(&run, text).expect("written");
    prints(&["fit", run.to_str().expect("text"), "--out", &place.text("run"), "--quiet"]);
}

/// Whether there is a Python with numpy to run the example with.
fn python() -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then_some(python)
}

#[test]
fn the_examples_run() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/external");
    let folder = tempfile::tempdir().expect("a folder");
    for name in names(&examples) {
        std::fs::copy(examples.join(&name), folder.path().join(&name)).expect("copied");
    }
    let mut sets = vec![("line.toml", "[10]")];
    match python() {
        Some(python) => {
            let path = folder.path().join("mean_variance.toml");
            let file = std::fs::read_to_string(&path).expect("an example");
            assert!(file.contains("\"python3\""));
            std::fs::write(&path, file.replace("\"python3\"", &format!("{python:?}"))).expect("written");
            sets.push(("mean_variance.toml", "[10]"));
        }
        None => eprintln!("no Python with numpy: its example is not run"),
    }
    for (name, shape) in sets {
        let path = folder.path().join(name);
        // Few of them: this is about their being right, not about information.
        let file = std::fs::read_to_string(&path).expect("an example");
        let few = file.lines().map(|line| if line.starts_with("n_s = ") { "n_s = 4" } else { line });
        std::fs::write(&path, few.collect::<Vec<_>>().join("\n")).expect("written");
        let out = folder.path().join(format!("{name}.set"));
        let arguments = ["simulate", path.to_str().expect("text"), "--out", out.to_str().expect("text"), "--json"];
        let report: Value = serde_json::from_str(&prints(&arguments)).expect("JSON");
        assert_eq!((&report["complete"], report["shape"].to_string()), (&true.into(), shape.into()));
    }
}
