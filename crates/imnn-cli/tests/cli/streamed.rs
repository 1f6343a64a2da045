//! Simulations streamed from files: the same bits as in memory, from one file or many.

use imnn::data::arrays::{self, write_npz};
use ndarray::{Axis, Slice};
use serde_json::Value;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{imnn, prints, refuses};

/// What a run gives, of which every bit has to be the same.
#[track_caller]
fn fitted(folder: &Folder, text: &str, out: &str) -> Vec<Vec<u8>> {
    prints(&["fit", &folder.run_file(text), "--out", &folder.text(out), "--quiet"]);
    ["history.npz", "weights.safetensors", "optimiser.safetensors", "statistics.npz"]
        .map(|name| std::fs::read(folder.path(&format!("{out}/{name}"))).expect("saved"))
        .to_vec()
}

#[test]
fn exact_derivatives_give_the_same_bits_however_they_are_loaded() {
    let folder = Folder::new();
    let expected = fitted(&folder, EXACT, "memory");
    let with = |lines: &str| EXACT.replace("[network]", &format!("{lines}\n[network]"));
    for (k, lines) in [
        "load = \"memory\"",
        "load = \"stream\"",
        "load = \"stream\"\nprefetch = \"always\"",
        "load = \"stream\"\nprefetch = \"never\"\ncache = 1000",
        "load = \"stream\"\ncache = \"1 MB\"",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(fitted(&folder, &with(lines), &format!("run{k}")), expected, "{lines}");
    }
    // So little memory that nothing is kept between the passes: everything is read twice in an iteration.
    let little = with("load = \"stream\"\nprefetch = \"always\"").replace("threads = 1", "threads = 2\nmemory = 1000");
    assert_eq!(fitted(&folder, &little, "little"), expected);
}

#[test]
fn numerical_derivatives_come_from_a_file_for_each_seed() {
    let folder = Folder::new();
    let expected = fitted(&folder, NUMERICAL, "memory");
    // As large simulation suites are laid out, the validation set in other seeds of the same folders.
    let arrays = [
        ("fiducial", folder.read("fiducial.npy"), folder.read("numerical.npy")),
        ("validation", folder.read("validation.npz:fiducial"), folder.read("validation.npz:numerical")),
    ];
    for (name, fiducial, numerical) in &arrays {
        for side in ["fid", "mu_m", "mu_p", "s_m", "s_p"] {
            std::fs::create_dir_all(folder.path(&format!("{name}/{side}"))).expect("a folder");
        }
        for (seed, map) in fiducial.outer_iter().enumerate() {
            folder.write(&format!("{name}/fid/{seed}.npy"), &map.to_owned());
        }
        for (seed, sides) in numerical.outer_iter().enumerate() {
            for (k, side) in ["mu_m", "s_m", "mu_p", "s_p"].iter().enumerate() {
                let map = sides.index_axis(Axis(0), k / 2).index_axis(Axis(0), k % 2).to_owned();
                let file = folder.path(&format!("{name}/{side}/{seed:04}.npz"));
                write_npz(file, &[("map", map.view().into())]).expect("written");
            }
        }
    }
    let keys = |name: &str| {
        format!(
            "fiducial = \"{name}/fid/{{seed}}.npy\"\n\
             below = [\"{name}/mu_m/{{seed:04}}.npz:map\", \"{name}/s_m/{{seed:04}}.npz:map\"]\n\
             above = [\"{name}/mu_p/{{seed}}.npz\", \"{name}/s_p/{{seed}}.npz\"]\n"
        )
    };
    let text =
        NUMERICAL.replace("fiducial = \"fiducial.npy\"\nderivative = \"numerical.npy\"\n", &keys("fiducial")).replace(
            "fiducial = \"validation.npz:fiducial\"\nderivative = \"validation.npz:numerical\"\n",
            &keys("validation"),
        );
    assert_eq!(fitted(&folder, &text, "auto"), expected);
    // `auto` streams what is larger than the memory allowed; and the resolved run file says the same again.
    let text = text.replace("memory = \"1 MiB\"", "memory = \"10 kB\"");
    assert_eq!(fitted(&folder, &text, "stream"), expected);
    let again = folder.text("again");
    prints(&["fit", &folder.text("stream/run.toml"), "--out", &again, "--quiet"]);
    assert_eq!(std::fs::read(folder.path("again/history.npz")).expect("saved"), expected[0]);

    std::fs::remove_file(folder.path("fiducial/s_p/0007.npz")).expect("there");
    let message = refuses(&["fit", &folder.run_file(&text), "--out", &folder.text("out"), "--quiet"]);
    for part in ["seed 7 is in ", "mu_m/{seed:04}.npz:map and not in ", "s_p/{seed}.npz; ", "set n_d = 59 to use"] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn what_was_read_is_told() {
    let folder = Folder::new();
    // Reading in advance may read what nobody asks for.
    let run = folder.run_file(&EXACT.replace("[network]", "load = \"stream\"\nprefetch = \"never\"\n[network]"));
    let output = imnn(&["fit", &run, "--out", &folder.text("out")]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert!(text(&output.stderr).contains("for mu, sigma2, streamed from files; "), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\nread from files   0.000 GB\n"), "{}", text(&output.stdout));
    let printed = prints(&["fit", &run, "--out", &folder.text("json"), "--json"]);
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    // Eight iterations, the read-out and the statistics read 80 x 6 values and 60 x 12 of derivatives each, forward.
    let bytes = printed["read_bytes"].as_u64().expect("a number");
    assert_eq!(bytes % ((80 * 6 + 60 * 12) * 8), 0, "{bytes}");
    assert!(bytes >= 8 * (80 * 6 + 60 * 12) * 8, "{bytes}");
    let run = folder.run_file(EXACT);
    let printed = prints(&["fit", &run, "--out", &folder.text("held"), "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&printed).expect("JSON")["read_bytes"], Value::Null);
}

#[test]
fn faults_of_streamed_files_are_named() {
    let folder = Folder::new();
    let fails = |text: &str, parts: &[&str]| {
        let message = refuses(&["fit", &folder.run_file(text), "--out", &folder.text("out"), "--quiet"]);
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        assert!(
            !folder.names(".").iter().any(|name| name == "out" || name.starts_with('.')),
            "something is left behind"
        );
    };
    let stream = EXACT.replace("[network]", "load = \"stream\"\n[network]");
    let mut wrong = folder.read("fiducial.npy");
    wrong[[77, 4].as_slice()] = f64::NAN;
    folder.write("wrong.npy", &wrong);
    fails(&stream.replace("\"fiducial.npy\"", "\"wrong.npy\""), &["wrong.npy[77, 4] is NaN: 1 value is not finite"]);
    let unseen = stream.replace("[simulations]\n", "[simulations]\ncheck = \"off\"\n");
    fails(&unseen.replace("\"fiducial.npy\"", "\"wrong.npy\""), &["wrong.npy[77, 4] is NaN: 1 of ", "in rows "]);
    folder.write("short.npy", &folder.read("exact.npy").slice_axis(Axis(0), Slice::from(..9)).to_owned());
    fails(&stream.replace("\"exact.npy\"", "\"short.npy\"\nn_d = 10"), &["n_d = 10, but ", "short.npy has 9 rows"]);
    fails(&stream.replace("load", "n_s = 81\nload"), &["n_s = 81, but ", "fiducial.npy has 80 rows"]);
    fails(
        &stream
            .replace("load = \"stream\"", "load = \"stream\"\ncache = \"2 kB\"")
            .replace("threads = 1", "threads = 1\nmemory = \"1 kB\""),
        &["streaming keeps ", " bytes in memory, and [device] memory allows 1000 in all; lower cache"],
    );
    let three = stream.replace("parameters = [\"mu\", \"sigma2\"]\n", "").replace("[0.0, 1.0]", "[0.0, 1.0, 2.0]");
    fails(&three, &["exact.npy has 2 parameters, theta_fid has 3 parameters"]);
    // A compressed array is held in memory, where it has to fit; the archive was written by numpy.
    let numpy = concat!(env!("CARGO_MANIFEST_DIR"), "/../imnn-data/tests/numpy/deflated.npz");
    std::fs::copy(numpy, folder.path("deflated.npz")).expect("copied");
    let deflated = stream.replace("\"fiducial.npy\"", "\"deflated.npz:x\"").replace("threads = 1", "memory = 100");
    fails(&deflated, &["deflated.npz:x: is compressed, so it cannot be read a few rows at a time", "192 bytes where"]);
    let shape =
        arrays::read::<f32>(&folder.path("deflated.npz").to_str().map(|p| format!("{p}:x")).expect("text").into());
    assert_eq!(shape.expect("an array").shape(), [2, 3, 4]);
}
