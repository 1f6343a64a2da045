//! `imnn fit`: what it prints and saves.

use imnn::fit::{Description, History};
use ndarray::Axis;
use serde_json::Value;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{imnn, prints, refuses};

const SAVED: [&str; 13] = [
    "best.safetensors",
    "final.safetensors",
    "history.npz",
    "information.npz",
    "manifest.json",
    "model.toml",
    "optimiser.safetensors",
    "plot.png",
    "report.json",
    "run.toml",
    "statistics.npz",
    "typical.npz",
    "weights.safetensors",
];

/// A run with an optimiser of its own, which is judged iteration by iteration.
const ADAM: &str = "[optimiser]\nadam = { learning_rate = 1e-3 }\n[fit]";

#[test]
fn a_run_is_saved_whole_and_told() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(NUMERICAL), folder.text("out"));
    let text = prints(&["fit", &run, "--out", &out, "--quiet", "--expected", "18"]);
    assert!(text.starts_with("Fisher information, validation simulations\nF "), "{text}");
    for part in [
        "\nmu  ",
        "\nsigma2  ",
        "parameter  fiducial  one-sigma error\n",
        "\n  expected               2.89037  (det F 18.0000)\n",
        "\n  ln det F, training     ",
        "\n  ln det F, validation   ",
        "\niterations               8\n",
        "\nstopped because          max_iterations was reached\n",
        "\nlast layer began         by the read-out of ",
        "\nread-out after training  ",
        &format!("\nsaved in                 {out}\n"),
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(folder.names("out"), SAVED);
    assert!(!folder.names(".").iter().any(|name| name.starts_with('.')), "nothing is left beside it");
    let description = Description::load(&out).expect("a run");
    assert_eq!((description.precision.as_str(), &description.input_shape[..]), ("f32", &[6, 1][..]));
    assert_eq!(description.parameters, ["mu", "sigma2"]);
    let history = History::load(folder.path("out/history.npz")).expect("a history");
    assert_eq!((history.len(), history.validation.expect("validation").len()), (8, 8));
}

#[test]
fn machines_read_the_same_as_is_saved() {
    let folder = Folder::new();
    let text = EXACT.replace("[fit]", ADAM);
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let text = prints(&["fit", &run, "--out", &out, "--json"]);
    let printed: Value = serde_json::from_str(&text).expect("JSON");
    let saved = folder.read("out/statistics.npz:F").into_raw_vec_and_offset().0;
    let numbers = printed["F"].as_array().expect("rows").iter().flat_map(|row| row.as_array().expect("numbers"));
    assert_eq!(numbers.map(|number| number.as_f64().expect("a number")).collect::<Vec<_>>(), saved);
    assert_eq!((&printed["iterations"], &printed["stop"]), (&8.into(), &"max_iterations".into()));
    assert_eq!((&printed["measured_on"], &printed["last_layer"]), (&"training simulations".into(), &"read-out".into()));
    let cautions = printed["cautions"].as_array().expect("a list");
    assert!(cautions[0].as_str().is_some_and(|text| text.contains("F is too large")), "{printed}");
    let kept = std::fs::read_to_string(folder.path("out/report.json")).expect("the report");
    assert_eq!(kept, text);
    assert_eq!(printed["lndetF_validation"], Value::Null);
    let share = printed["reading_share"].as_f64().expect("a share");
    assert!(share > 0.0 && share <= 1.0, "{share}");
    let history = History::load(folder.path("out/history.npz")).expect("a history");
    let best = history.best_iteration.expect("a best iteration");
    assert_eq!(printed["best_iteration"], best);
    let at_best = printed["lndetF_training"].as_f64().expect("a number");
    assert_eq!(at_best, history.training.det_f[best].ln());
    // The weights of the best iteration are those whose det F was measured there.
    assert!((at_best - printed["lndetF"].as_f64().expect("a number")).abs() < 1e-9);
}

#[test]
fn progress_is_on_standard_error_unless_quiet() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(EXACT), folder.text("out"));
    let output = imnn(&["fit", &run, "--out", &out]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).expect("text"),
        "training on 80 simulations (60 with derivatives) of shape 6 for mu, sigma2; 47 weights in f64, 1 thread; Ctrl-C \
         ends training and saves the run\n"
    );
}

/// A saved run file makes the same run again, from anywhere and on any number of threads.
#[test]
fn a_saved_run_can_be_run_again() {
    for text in [EXACT, NUMERICAL] {
        let folder = Folder::new();
        let (run, out, again) = (folder.run_file(text), folder.text("out"), folder.text("deep/again"));
        prints(&["fit", &run, "--out", &out, "--quiet"]);
        let saved = folder.text("out/run.toml");
        let text = std::fs::read_to_string(&saved).expect("a run file");
        let threads = text.replace("threads = 1", "threads = 4").replace("threads = 2", "threads = 1");
        assert_ne!(text, threads);
        std::fs::write(&saved, threads).expect("written");
        prints(&["fit", &saved, "--out", &again, "--quiet"]);
        let bytes = |run: &str, name: &str| std::fs::read(folder.path(&format!("{run}/{name}"))).expect(name);
        for name in SAVED.iter().filter(|name| !["run.toml", "manifest.json", "plot.png", "report.json"].contains(name))
        {
            assert_eq!(bytes("out", name), bytes("deep/again", name), "{name}");
        }
    }
}

#[test]
fn training_goes_on_from_given_weights() {
    let folder = Folder::new();
    let (run, first) = (folder.run_file(EXACT), folder.text("first"));
    prints(&["fit", &run, "--out", &first, "--quiet"]);
    let text = EXACT.replace("[network]", "[network]\ninitial = \"first/final.safetensors\"");
    let (run, second) = (folder.run_file(&text), folder.text("second"));
    // The same folder may be replaced, though the weights are in it.
    prints(&["fit", &run, "--out", &second, "--quiet"]);
    prints(&["fit", &run, "--out", &first, "--quiet", "--force"]);
    let bytes = |name: &str| std::fs::read(folder.path(name)).expect(name);
    assert_eq!(bytes("first/weights.safetensors"), bytes("second/weights.safetensors"));
    // By now those weights are gone: the run keeps what it started from.
    let (saved, third) = (folder.text("second/run.toml"), folder.text("third"));
    prints(&["fit", &saved, "--out", &third, "--quiet"]);
    assert_eq!(bytes("second/history.npz"), bytes("third/history.npz"));
    let det_f = |run: &str| History::load(folder.path(run).join("history.npz")).expect("a history").training.det_f[7];
    assert_eq!(det_f("first"), det_f("third"));
}

#[test]
fn only_runs_are_replaced_and_only_by_force() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(EXACT), folder.text("out"));
    prints(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(refuses(&["fit", &run, "--out", &out, "--quiet"]).contains("out exists already"));
    prints(&["fit", &run, "--out", &out, "--quiet", "--force"]);
    let data = folder.text(".");
    let message = refuses(&["fit", &run, "--out", &data, "--quiet", "--force"]);
    assert!(message.contains("\"") && message.contains("which `imnn fit` does not write"), "{message}");
    assert!(folder.path("fiducial.npy").exists());
}

#[test]
fn more_summaries_than_parameters_are_allowed() {
    let folder = Folder::new();
    let text = EXACT.replace("{ dense = 2 }]", "{ dense = 3 }]\nn_summaries = 3");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let printed: Value = serde_json::from_str(&prints(&["fit", &run, "--out", &out, "--json"])).expect("JSON");
    assert_eq!(printed["n_summaries"], 3);
}

/// What there is of a run that cannot go on is saved, and the program says so and fails; before, it has gone back three times.
/// Below and above in two arrays, with an axis of the parameters, from the run file and from that in the folder of the run.
#[test]
fn two_arrays_train_to_the_bits_of_one() {
    let folder = Folder::new();
    prints(&["fit", &folder.run_file(NUMERICAL), "--out", &folder.text("one"), "--quiet"]);
    for (name, array) in [("", folder.read("numerical.npy")), ("v", folder.read("validation.npz:numerical"))] {
        for (side, letter) in ["m", "p"].into_iter().enumerate() {
            folder.write(&format!("{name}{letter}.npy"), &array.index_axis(Axis(1), side).to_owned());
        }
    }
    let two = NUMERICAL
        .replace("derivative = \"numerical.npy\"", "below = \"m.npy\"\nabove = \"p.npy\"")
        .replace("derivative = \"validation.npz:numerical\"", "below = \"vm.npy\"\nabove = [\"vp.npy\"]");
    prints(&["fit", &folder.run_file(&two), "--out", &folder.text("two"), "--quiet"]);
    prints(&["fit", &folder.text("two/run.toml"), "--out", &folder.text("again"), "--quiet"]);
    for name in ["weights.safetensors", "history.npz", "statistics.npz"] {
        let bytes = |run: &str| std::fs::read(folder.path(&format!("{run}/{name}"))).expect(name);
        assert!(bytes("one") == bytes("two") && bytes("two") == bytes("again"), "{name}");
    }
    let three = two.replace("below = \"m.npy\"", "below = [\"m.npy\", \"m.npy\", \"m.npy\"]");
    let message = refuses(&["fit", &folder.run_file(&three), "--out", &folder.text("three")]);
    assert!(message.contains("3 arrays for the 2 values of theta_fid; give one for each, or one"), "{message}");
}

#[test]
fn a_run_that_breaks_off_is_saved() {
    let folder = Folder::new();
    let text = EXACT.replace("[fit]", "[optimiser]\nsgd = { learning_rate = 1e300 }\n[fit]");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let message = refuses(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(message.contains("\nerror: training stopped at iteration 4: "), "{message}");
    assert_eq!(message.matches("; going back to the best weights so far, with ").count(), 3, "{message}");
    assert!(message.contains("the covariance matrix C is not finite"), "{message}");
    assert!(message.contains(&format!("\nsaved in {out}: history, plot and weights up to there")), "{message}");
    let without: Vec<_> = SAVED.into_iter().filter(|name| *name != "report.json").collect();
    assert_eq!(folder.names("out"), without);
    assert_eq!(History::load(folder.path("out/history.npz")).expect("a history").len(), 4);
    prints(&["estimate", &out, &folder.text("fiducial.npy")]);
}

#[test]
fn a_run_that_cannot_begin_leaves_nothing() {
    let folder = Folder::new();
    // Both summaries are always 0, so that their covariance has no inverse.
    let text = EXACT.replace("{ dense = 2 }", "{ dense = { features = 2, weight = \"zeros\" } }");
    let text = text.replace("[fit]", "[fit]\nread_out = false");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let message = refuses(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(message.contains("run.toml: training stopped at iteration 0: "), "{message}");
    assert!(!folder.path("out").exists());
    assert!(!folder.names(".").iter().any(|name| name.starts_with('.')), "nothing is left beside it");
}

/// Data alone: everything else is as by default.
const DATA_ALONE: &str = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"simulator\"\nsimulator = \"mean_variance\"\n\
                          n_data = 4\nn_s = 200\n[device]\nthreads = 2\n";

#[test]
fn without_iterations_the_read_out_alone_is_saved() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(&format!("{DATA_ALONE}[fit]\nmax_iterations = 0\n")), folder.text("out"));
    let text = prints(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(text.contains("\niterations        0\n") && text.contains("by the read-out of "), "{text}");
    let names = folder.names("out");
    assert!(names.contains(&"weights.safetensors".to_owned()) && !names.contains(&"plot.png".to_owned()), "{names:?}");
    folder.write("data.npy", &ndarray::ArrayD::from_elem(vec![3, 4], 0.5));
    let told = prints(&["estimate", &out, &folder.text("data.npy")]);
    assert!(told.contains("theta_1"), "{told}");
    // What was chosen stands in the run file, which gives the same run again.
    let (saved, again) = (folder.text("out/run.toml"), folder.text("again"));
    let run_toml = std::fs::read_to_string(&saved).expect("a run file");
    assert!(run_toml.contains("standardise") && run_toml.contains("n_d = 200"), "{run_toml}");
    prints(&["fit", &saved, "--out", &again, "--quiet"]);
    let bytes = |name: &str| std::fs::read(folder.path(name)).expect(name);
    assert_eq!(bytes("out/weights.safetensors"), bytes("again/weights.safetensors"));
}

#[test]
fn a_second_network_tells_what_is_missing_at_least() {
    let folder = Folder::new();
    let run = folder.run_file(&format!("{DATA_ALONE}[fit]\nmax_iterations = 20\n"));
    let text = prints(&["fit", &run, "--out", &folder.text("out"), "--gap", "--json"]);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let [missing, error] = [0, 1].map(|k| json["missing_at_least"][k].as_f64().expect("a number"));
    // Networks of random features lack something, and not all.
    assert!(0.0 < error && error < missing && missing < 0.5, "{missing} +- {error}");
}
