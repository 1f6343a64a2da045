//! Noise from a bank: the same bits however it is loaded and on any number of threads, kept in the resolved run file.

use imnn::data::arrays::write_npz;
use imnn::sim::Key;
use ndarray::{ArrayD, IxDyn};

use super::data::{EXACT, Folder, NUMERICAL};
use super::{prints, refuses};

const NOISE: &str = "[simulations.noise]\nbank = \"noise.npy\"\nscale = 0.5\n";

/// The simulations with a bank of 40 samples, in one file, in an archive and in a file for each.
fn with_bank() -> Folder {
    let folder = Folder::new();
    let mut values = vec![0.0; 40 * 6];
    Key::new(5).fill_normal(&mut values);
    let bank = ArrayD::from_shape_vec(IxDyn(&[40, 6]), values).expect("40 samples");
    folder.write("noise.npy", &bank);
    write_npz(folder.path("noise.npz"), &[("b", bank.view().into())]).expect("written");
    for (k, sample) in bank.outer_iter().enumerate() {
        folder.write(&format!("noise{k}.npy"), &sample.to_owned());
    }
    folder
}

/// What a run gives, of which every bit has to be the same.
#[track_caller]
fn fitted(folder: &Folder, text: &str, out: &str) -> Vec<Vec<u8>> {
    prints(&["fit", &folder.run_file(text), "--out", &folder.text(out), "--quiet"]);
    results(folder, out)
}

fn results(folder: &Folder, out: &str) -> Vec<Vec<u8>> {
    ["history.npz", "weights.safetensors", "statistics.npz"]
        .map(|name| std::fs::read(folder.path(&format!("{out}/{name}"))).expect("saved"))
        .to_vec()
}

#[test]
fn noise_is_the_same_however_it_is_loaded_and_on_any_number_of_threads() {
    let folder = with_bank();
    for (name, plain) in [("exact", EXACT), ("numerical", NUMERICAL)] {
        let text = plain.replace("[network]", &format!("{NOISE}[network]"));
        let without = fitted(&folder, plain, &format!("{name}_without"));
        let expected = fitted(&folder, &text, &format!("{name}_memory"));
        assert!(without.iter().zip(&expected).all(|(a, b)| a != b));
        for (k, (from, to)) in [
            ("scale = 0.5", "scale = 0.5\nload = \"stream\""),
            ("scale = 0.5", "scale = 0.5\nload = \"memory\""),
            ("\"noise.npy\"", "\"noise.npz:b\"\nload = \"stream\""),
            ("\"noise.npy\"", "\"noise{seed}.npy\""),
            ("\"noise.npy\"", "\"noise{seed}.npy\"\nload = \"stream\""),
            ("[simulations.noise]", "load = \"stream\"\n[simulations.noise]"),
            ("threads = ", "memory = 1000\nthreads = 4 #"),
            ("threads = ", "threads = 1 #"),
            ("threads = ", "threads = 2 #"),
        ]
        .into_iter()
        .enumerate()
        {
            if plain.contains("[simulations.validation]")
                && (from == "[simulations.noise]" || to.contains("memory = 1"))
            {
                continue;
            }
            let text = text.replacen(from, to, 1);
            assert_eq!(fitted(&folder, &text, &format!("{name}{k}")), expected, "{to}");
        }
    }
}

#[test]
fn validation_has_the_noise_of_training_unless_it_is_told_otherwise() {
    let folder = with_bank();
    let noisy = NUMERICAL.replace("[network]", &format!("{NOISE}[network]"));
    let history = |text: &str, out: &str| {
        fitted(&folder, text, out);
        let array = |key: &str| folder.read(&format!("{out}/history.npz:{key}")).into_raw_vec_and_offset().0;
        (array("detF"), array("val_detF"))
    };
    // The first iteration validates the weights after one step of training, which is the same for all of these.
    let with = history(&noisy, "with");
    let own = history(
        &noisy.replace("[network]", "[simulations.validation.noise]\nbank = \"noise.npy\"\nscale = 0.5\n[network]"),
        "own",
    );
    let none = history(&noisy.replace("npz:numerical\"", "npz:numerical\"\nnoise = false"), "none");
    let louder = history(
        &noisy.replace("[network]", "[simulations.validation.noise]\nbank = \"noise.npy\"\nscale = 5\n[network]"),
        "louder",
    );
    assert_eq!(with, own);
    assert_eq!((&with.0, &with.0), (&none.0, &louder.0));
    assert!(none.1.iter().zip(&with.1).all(|(none, with)| none > with), "{none:?} {with:?}");
    assert!(with.1.iter().zip(&louder.1).all(|(with, louder)| with > louder), "{with:?} {louder:?}");
}

#[test]
fn the_resolved_run_gives_the_same_bits() {
    let folder = with_bank();
    let own = "[simulations.validation.noise]\nbank = \"noise.npz:b\"\nload = \"stream\"\n";
    let text = NUMERICAL.replace("input_shape = [6, 1]", "input_shape = [6, 1]\n[simulations.augment]\nflip = true");
    let text = text.replace("[network]", &format!("{NOISE}shift = true\n{own}[network]"));
    let expected = fitted(&folder, &text, "first");
    prints(&["fit", &folder.text("first/run.toml"), "--out", &folder.text("again"), "--quiet"]);
    assert_eq!(results(&folder, "again"), expected);
    let simulator = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"simulator\"\nsimulator = \"mean_variance\"\n\
                     n_data = 6\nn_s = 60\nn_d = 20\nderivative = { finite = [0.1, 0.1] }\n[simulations.validation]\n\
                     n_s = 40\n[network]\nlayers = [{ dense = 4 }, \"tanh\", { dense = 2 }]\n[fit]\nmax_iterations = 4\n";
    let mut all = vec![];
    for derivative in ["\"exact\"", "{ finite = [0.1, 0.1] }", "{ numerical = [0.1, 0.1] }"] {
        let text =
            simulator.replace("{ finite = [0.1, 0.1] }", derivative).replace("[network]", &format!("{NOISE}[network]"));
        let expected = fitted(&folder, &text, &format!("simulated{}", all.len()));
        let again = format!("simulated_again{}", all.len());
        prints(&[
            "fit",
            &folder.text(&format!("simulated{}/run.toml", all.len())),
            "--out",
            &folder.text(&again),
            "--quiet",
        ]);
        assert_eq!(results(&folder, &again), expected);
        assert!(!all.contains(&expected), "{derivative}");
        all.push(expected);
    }
}

#[test]
fn faults_of_the_bank_are_named() {
    let folder = with_bank();
    let fails = |noise: &str, parts: &[&str]| {
        let text = EXACT.replace("[network]", &format!("[simulations.noise]\n{noise}\n[network]"));
        let message = refuses(&["fit", &folder.run_file(&text), "--out", &folder.text("out"), "--quiet"]);
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    fails("bank = \"nois.npy\"", &["nois.npy: no such file"]);
    folder.write("short.npy", &ArrayD::zeros(IxDyn(&[7, 5])));
    fails(
        "bank = \"short.npy\"",
        &[
            "short.npy has shape (7, 5), expected (n_noise, 6): a simulation has shape (6,), and noise is added to each value",
        ],
    );
    let mut wrong = folder.read("noise.npy");
    wrong[[3, 4].as_slice()] = f64::NAN;
    folder.write("wrong.npy", &wrong);
    fails("bank = \"wrong.npy\"", &["wrong.npy[3, 4] is NaN: 1 of 240 values is not finite"]);
    fails(
        "bank = \"wrong.npy\"\nload = \"stream\"",
        &["wrong.npy[3, 4] is NaN: 1 of 6 values is not finite in rows 3..4"],
    );
    fails("bank = \"noise.npy\"\ntranspose = true", &["cannot augment simulations of shape (6,) by transpose"]);
}
