//! Simulations that failed, left out by `invalid = "drop"`: the run is that of files without them.

use ndarray::{ArrayD, Axis};
use serde_json::{Value, json};

use super::data::{EXACT, Folder, NUMERICAL, names};
use super::{imnn, prints, refuses};

fn with_drop(text: &str) -> String {
    text.replacen("[simulations]\n", "[simulations]\ninvalid = \"drop\"\n", 1)
}

/// Row 3 failed at the fiducial, row 20 in a derivative; and what is left, by hand, under other names.
fn fail(folder: &Folder, derivative: &str) {
    let (mut f, mut d) = (folder.read("fiducial.npy"), folder.read(derivative));
    let rows = |rows: &[usize], array: &ArrayD<f64>| array.select(Axis(0), rows);
    let with: Vec<usize> = (0..60).filter(|row| ![3, 20].contains(row)).collect();
    let without = [&[20][..], &(60..80).collect::<Vec<_>>()].concat();
    folder.write("left_f.npy", &rows(&[&with[..], &without].concat(), &f));
    folder.write("left_d.npy", &rows(&with, &d));
    f[[3, 2].as_slice()] = f64::NAN;
    *d.index_axis_mut(Axis(0), 20).iter_mut().nth(7).expect("a value") = f64::NEG_INFINITY;
    folder.write("fiducial.npy", &f);
    folder.write(derivative, &d);
}

/// The same weights, history and statistics.
#[track_caller]
fn same(folder: &Folder, one: &str, other: &str) {
    let files = names(&folder.path(one));
    assert_eq!(files, names(&folder.path(other)));
    for name in files.iter().filter(|name| [".safetensors", ".npz"].iter().any(|end| name.ends_with(end))) {
        let bytes = |run: &str| std::fs::read(folder.path(run).join(name)).expect("a file");
        assert!(bytes(one) == bytes(other), "{name}");
    }
}

#[test]
fn what_is_left_trains_to_the_bits_of_files_without_what_failed() {
    for (run, derivative) in [(EXACT, "exact.npy"), (NUMERICAL, "numerical.npy")] {
        let folder = Folder::new();
        fail(&folder, derivative);
        let by_hand = run.replace("fiducial.npy", "left_f.npy").replace(derivative, "left_d.npy");
        prints(&["fit", &folder.run_file(&by_hand), "--out", &folder.text("by_hand"), "--quiet"]);
        let drop = with_drop(run);
        let text = prints(&["fit", &folder.run_file(&drop), "--out", &folder.text("dropped"), "--quiet"]);
        same(&folder, "by_hand", "dropped");
        let said =
            "training: 1 of 80 simulations left out: row 3; 2 of 60 simulations with derivatives left out: rows 3, 20";
        if run == EXACT {
            assert!(text.contains(said) && text.contains("1 derivative of sigma2"), "{text}");
        }
        let report: Value =
            serde_json::from_slice(&std::fs::read(folder.path("dropped/report.json")).expect("a report"))
                .expect("JSON");
        assert_eq!(report["left_out"]["training"]["fiducial"]["failed"], json!([3]));
        assert_eq!(report["left_out"]["training"]["derivative"]["failed"], json!([3, 20]));
        let streamed = drop.replacen("[simulations]\n", "[simulations]\nload = \"stream\"\ncache = \"1 kB\"\n", 1);
        prints(&["fit", &folder.run_file(&streamed), "--out", &folder.text("streamed"), "--quiet"]);
        same(&folder, "by_hand", "streamed");
        let off = drop.replacen("[simulations]\n", "[simulations]\ncheck = \"off\"\n", 1);
        let text = prints(&["fit", &folder.run_file(&off), "--out", &folder.text("off"), "--json"]);
        assert!(text.contains("\"left_out\":{\"training\":{"), "{text}");
        // The resolved run file says it too, and makes the same run.
        let resolved = folder.text("dropped/run.toml");
        assert!(std::fs::read_to_string(&resolved).expect("text").contains("invalid = \"drop\""));
        prints(&["fit", &resolved, "--out", &folder.text("again"), "--quiet"]);
        same(&folder, "by_hand", "again");
        // More than there are.
        let more = drop.replace("n_s = 70\n", "").replacen("[simulations]\n", "[simulations]\nn_s = 80\n", 1);
        let message = refuses(&["fit", &folder.run_file(&more), "--out", &folder.text("more")]);
        assert!(
            message.contains("n_s = 80, but 79 simulations of") && message.contains("lower n_s to 79"),
            "{message}"
        );
        // Without the word for it they are refused, and it is named.
        let message = refuses(&["fit", &folder.run_file(run), "--out", &folder.text("refused")]);
        assert!(message.contains("invalid = \"drop\" in [simulations]"), "{message}");
    }
}

#[test]
fn validation_simulations_are_left_out_too() {
    let folder = Folder::new();
    let validation = "[simulations.validation]\nfiducial = \"fiducial.npy\"\nderivative = \"exact.npy\"\n[network]";
    let run =
        EXACT.replace("[network]", validation).replacen("fiducial = \"fiducial.npy\"", "fiducial = \"other_f.npy\"", 1);
    let run = run.replacen("exact.npy", "other_d.npy", 1);
    for (from, to) in [("fiducial.npy", "other_f.npy"), ("exact.npy", "other_d.npy")] {
        folder.write(to, &(folder.read(from) + 0.125));
    }
    fail(&folder, "exact.npy");
    let text = prints(&["fit", &folder.run_file(&with_drop(&run)), "--out", &folder.text("out"), "--quiet"]);
    assert!(
        text.contains("validation: 1 of 80 simulations left out: row 3") && !text.contains("training: 1 of"),
        "{text}"
    );
    // Or by themselves.
    let own = run.replace("[simulations.validation]\n", "[simulations.validation]\ninvalid = \"drop\"\n");
    prints(&["fit", &folder.run_file(&own), "--out", &folder.text("own"), "--quiet"]);
    let message = refuses(&[
        "fit",
        &folder.run_file(&with_drop(&own.replace("\"drop\"", "\"refuse\""))),
        "--out",
        &folder.text("no"),
    ]);
    assert!(message.contains("exact.npy[20, 3, 1] is -inf"), "{message}");
    let message = refuses(&[
        "fit",
        &folder.run_file(&run.replacen("[simulations]", "[simulations]\ninvalid = \"drp\"", 1)),
        "--out",
        &folder.text("no"),
    ]);
    assert!(message.contains("did you mean \"drop\"?"), "{message}");
}

#[test]
fn all_that_read_sets_can_leave_them_out() {
    let folder = Folder::new();
    fail(&folder, "numerical.npy");
    let (f, d) = (folder.text("fiducial.npy"), folder.text("numerical.npy"));
    let arrays = ["--fiducial", &f, "--derivative", &d, "--delta-theta", "0.1,0.2"];
    assert_eq!(imnn(&[&["data", "check"], &arrays[..]].concat()).status.code(), Some(1));
    let text = prints(&[&["data", "check", "--invalid", "drop"], &arrays[..]].concat());
    assert!(
        text.contains("note: training: 1 of 80 simulations left out: row 3") && text.contains("no errors"),
        "{text}"
    );
    let parts = folder.text("parts");
    let text = prints(&[&["data", "split", "--invalid", "drop", "--out", &parts], &arrays[..]].concat());
    assert!(text.starts_with("# left out: 1 of 80") && text.contains("# training: 63 simulations, 46 with"), "{text}");
    let all = folder.read("parts/train/fiducial.npy");
    assert!(all.iter().all(|value| value.is_finite()));
}

#[test]
fn failures_that_depend_on_a_parameter_are_said() {
    let folder = Folder::new();
    let mut d = folder.read("numerical.npy");
    for row in 0..12 {
        d[[5 * row, 1, 0, 2].as_slice()] = f64::NAN;
    }
    folder.write("numerical.npy", &d);
    let run = folder.run_file(&with_drop(NUMERICAL));
    for (name, text) in [
        ("on", with_drop(NUMERICAL)),
        ("off", with_drop(NUMERICAL).replacen("[simulations]", "[simulations]\ncheck = \"off\"", 1)),
    ] {
        let out = folder.text(name);
        let said = prints(&["fit", &folder.run_file(&text), "--out", &out, "--quiet"]);
        let caution = said.lines().find(|line| line.contains("failures depend on the parameter")).expect("a caution");
        assert!(caution.starts_with("caution: ") && caution.contains("12 of 60, 0 of 70"), "{said}");
    }
    let text = prints(&["data", "check", &run]);
    assert!(text.contains("simulations above the fiducial in parameter 0 fail more often than at it"), "{text}");
}

#[test]
fn summaries_that_are_not_finite_are_left_out_of_f() {
    let folder = Folder::new();
    let (f, d) = (folder.text("fiducial.npy"), folder.text("exact.npy"));
    let fisher = |f: &str, d: &str, more: &[&str]| {
        imnn(&[&["fisher", "--summaries", f, "--derivatives", d, "--json"], more].concat())
    };
    fail(&folder, "exact.npy");
    assert_eq!(fisher(&f, &d, &[]).status.code(), Some(1));
    let dropped = fisher(&f, &d, &["--invalid", "drop"]);
    let by_hand = fisher(&folder.text("left_f.npy"), &folder.text("left_d.npy"), &[]);
    let [dropped, by_hand]: [Value; 2] =
        [dropped, by_hand].map(|output| serde_json::from_slice(&output.stdout).expect("JSON"));
    assert_eq!(dropped["F"], by_hand["F"]);
    assert_eq!(dropped["left_out"]["derivative"]["failed"], json!([3, 20]));
}
