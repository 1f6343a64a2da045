//! Files of simulations are looked at before training, and what is doubtful stands with the result.

use ndarray::{ArrayD, Axis, concatenate};
use serde_json::Value;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{prints, refuses};

const OFF: (&str, &str) = ("[simulations]\n", "[simulations]\ncheck = \"off\"\n");

/// Refused before training with these words; trained with `check = "off"`.
#[track_caller]
fn refused(folder: &Folder, text: &str, parts: &[&str]) {
    let message = refuses(&["fit", &folder.run_file(text), "--out", &folder.text("out"), "--quiet"]);
    for part in
        parts.iter().chain(&["cannot be used for training", "imnn data check", "check = \"off\" in [simulations]"])
    {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    assert!(!folder.path("out").exists(), "something is left");
    let run = folder.run_file(&text.replacen(OFF.0, OFF.1, 1));
    prints(&["fit", &run, "--out", &folder.text("off"), "--quiet", "--force"]);
}

#[test]
fn what_cannot_be_trained_on_is_refused() {
    let folder = Folder::new();
    let good = folder.read("numerical.npy");

    // Above has other seeds than below.
    let [below, above] = [0, 1].map(|side| good.index_axis(Axis(1), side).to_owned().insert_axis(Axis(1)));
    let above = above.select(Axis(0), &(0..60).map(|row| (row * 7 + 3) % 60).collect::<Vec<_>>());
    folder.write("numerical.npy", &concatenate![Axis(1), below, above]);
    refused(&folder, NUMERICAL, &["below/above of parameter 0"]);

    // The axes of below/above and of the parameters.
    let mut exchanged = good.clone();
    exchanged.swap_axes(1, 2);
    folder.write("numerical.npy", &exchanged.as_standard_layout().to_owned());
    refused(&folder, NUMERICAL, &["look exchanged", "np.swapaxes(x, 1, 2)"]);
    folder.write("numerical.npy", &good);

    // Validation by what is trained on.
    let validation = "[simulations.validation]\nfiducial = \"fiducial.npy\"\nderivative = \"exact.npy\"\n[network]";
    let leak = EXACT.replace("[network]", validation);
    refused(&folder, &leak, &["are the same simulation: 80 are of those for validation", "blind to overfitting"]);

    // A simulator that ignores its seed and its parameters.
    folder.write("fiducial.npy", &ArrayD::ones(vec![80, 6]));
    let message = refuses(&["fit", &folder.run_file(EXACT), "--out", &folder.text("out"), "--quiet"]);
    assert!(message.contains("all 80 training simulations looked at are the same"), "{message}");
}

#[test]
fn doubts_and_cautions_stand_with_the_result() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(EXACT), folder.text("out"));
    let printed = prints(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(printed.contains("\ncaution: these simulations trained the network: F is too large"), "{printed}");
    assert!(printed.contains("\ncaution: F is worth nothing for sigma2: its raw value"), "{printed}");
    // A simulation that is there twice.
    for name in ["fiducial.npy", "exact.npy"] {
        let mut array = folder.read(name);
        let first = array.index_axis(Axis(0), 0).to_owned();
        array.index_axis_mut(Axis(0), 1).assign(&first);
        folder.write(name, &array);
    }
    let printed: Value =
        serde_json::from_str(&prints(&["fit", &run, "--out", &folder.text("twice"), "--json"])).expect("JSON");
    let kept: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("twice/report.json")).expect("there")).expect("JSON");
    assert_eq!(printed, kept);
    let first = printed["cautions"][0].as_str().expect("a caution");
    assert!(first.contains("fiducial.npy[0] and ") && first.contains("are the same simulation"), "{first}");
    // Ten simulations, and more information than there is.
    let few = EXACT.replace("[simulations]\n", "[simulations]\nn_s = 10\nn_d = 10\n");
    let arguments = ["fit", &folder.run_file(&few), "--out", &folder.text("few"), "--quiet", "--expected", "0.001"];
    let printed = prints(&arguments);
    for part in ["above what is expected", "the raw F is 1.50 times too large on average"] {
        assert!(printed.contains(part), "{part:?} is not in {printed}");
    }
}

#[test]
fn the_word_for_it_is_checked() {
    let folder = Folder::new();
    let wrong = |from: &str, to: &str| {
        refuses(&["fit", &folder.run_file(&EXACT.replacen(from, to, 1)), "--out", &folder.text("out")])
    };
    let message = wrong("[simulations]", "[simulations]\ncheck = \"offf\"");
    assert!(message.contains("simulations.check") && message.contains("did you mean \"off\"?"), "{message}");
    let message = wrong("seed = 3", "check = \"off\"");
    assert!(message.contains("this key belongs to the simulations: write it below [simulations]"), "{message}");
}
