//! Networks beside summaries that were given: a function of the data, or files.

use std::path::PathBuf;

use imnn::data::{GivenSummaries, PowerSpectrum, arrays};
use imnn::sim::Key;
use ndarray::{Array, ArrayD};
use serde_json::Value;

use super::{prints, refuses};

/// Fields on a ring of 16 pixels with two amplitudes of noise, and their power spectra.
struct Files(tempfile::TempDir);

const SHAPE: [usize; 2] = [16, 1];

/// White noise of variance A beside that on a scale of two pixels with variance B.
fn field(seed: usize, [a, b]: [f64; 2]) -> Vec<f64> {
    let mut noise = vec![0.0; 32];
    Key::new(seed as u64).fill_normal(&mut noise);
    (0..16).map(|k| a.sqrt() * noise[k] + b.sqrt() * (noise[16 + k] + noise[16 + (k + 1) % 16])).collect()
}

fn spectrum(data: &[f64]) -> Vec<f64> {
    let power = PowerSpectrum::of(&SHAPE).expect("a field");
    let mut summaries = vec![0.0; power.n_given(&SHAPE).expect("a field")];
    power.summarise(data, &SHAPE, &mut summaries);
    summaries
}

impl Files {
    /// Sets for training and validation, with spectra in files of their own.
    fn new() -> Self {
        let files = Files(tempfile::tempdir().expect("a folder"));
        for (set, first) in [("t", 0), ("v", 10_000)] {
            let (n_s, n_d) = (300, 200);
            let fiducial: Vec<Vec<f64>> = (0..n_s).map(|k| field(first + k, [1.0, 1.0])).collect();
            let steps = [[0.9, 1.0], [1.0, 0.9], [1.1, 1.0], [1.0, 1.1]];
            let sides: Vec<Vec<f64>> = (0..n_d).flat_map(|k| steps.map(|theta| field(first + k, theta))).collect();
            files.write(&format!("{set}_fid.npy"), &fiducial, &[n_s, 16, 1]);
            files.write(&format!("{set}_der.npy"), &sides, &[n_d, 2, 2, 16, 1]);
            let of = |fields: &[Vec<f64>]| fields.iter().map(|field| spectrum(field)).collect::<Vec<_>>();
            files.write(&format!("{set}_pk.npy"), &of(&fiducial), &[n_s, 8]);
            files.write(&format!("{set}_dpk.npy"), &of(&sides), &[n_d, 2, 2, 8]);
        }
        files.write("target.npy", &[field(77, [1.3, 0.8])], &[16, 1]);
        files.write("target_pk.npy", &[spectrum(&field(77, [1.3, 0.8]))], &[8]);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    fn write(&self, name: &str, rows: &[Vec<f64>], shape: &[usize]) {
        let array: ArrayD<f64> = Array::from_shape_vec(shape, rows.concat()).expect("as many");
        arrays::write_npy(self.path(name), array.view()).expect("written");
    }

    /// A run file with this behind `[simulations]`.
    fn run(&self, name: &str, rest: &str) -> String {
        let text = format!(
            "theta_fid = [1.0, 1.0]\nparameters = [\"A\", \"B\"]\n\n[simulations]\nkind = \"numerical\"\n\
             fiducial = \"t_fid.npy\"\nderivative = \"t_der.npy\"\ndelta_theta = [0.2, 0.2]\n\n\
             [simulations.validation]\nfiducial = \"v_fid.npy\"\nderivative = \"v_der.npy\"\n{rest}\n\
             [fit]\nmax_iterations = 20\n[device]\nthreads = 1\n"
        );
        std::fs::write(self.path(name), text).expect("written");
        self.text(name)
    }

    /// Trains; what `--json` prints.
    fn trained(&self, run: &str, out: &str) -> Value {
        let text = prints(&["fit", run, "--out", &self.text(out), "--json", "--quiet"]);
        serde_json::from_str(&text).expect("JSON")
    }
}

const OF_FILES: &str = "\n[summaries]\ngiven = { fiducial = \"t_pk.npy\", derivative = \"t_dpk.npy\" }\n\
                        [summaries.validation]\nfiducial = \"v_pk.npy\"\nderivative = \"v_dpk.npy\"\n";
const FUNCTION: &str = "\n[summaries]\ngiven = \"power_spectrum\"\n";

#[test]
fn a_function_and_files_of_it_give_one_network_and_one_estimate() {
    let files = Files::new();
    let told = [("function", FUNCTION), ("files", OF_FILES)]
        .map(|(name, rest)| files.trained(&files.run(&format!("{name}.toml"), rest), name));
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for told in &told {
        let shares = &told["shares"];
        for part in ["given", "network", "both", "added"] {
            assert!(shares[part]["value"].is_f64() && number(&shares[part]["error"]) > 0.0, "{shares}");
        }
        let added = number(&shares["both"]["value"]) - number(&shares["given"]["value"]);
        assert!((added - number(&shares["added"]["value"])).abs() < 1e-12, "{shares}");
    }
    // Files hold the spectra in double precision, the function makes them of data in single precision.
    let [function, of_files] = told.map(|told| number(&told["shares"]["given"]["value"]));
    assert!((function - of_files).abs() < 1e-3, "{function} {of_files}");

    let estimates = |run: &str, more: &[&str]| -> Vec<f64> {
        let run = files.text(run);
        let target = files.text("target.npy");
        let arguments = [&["estimate", &run, &target, "--json"], more].concat();
        let told: Value = serde_json::from_str(&prints(&arguments)).expect("JSON");
        told["estimates"][0].as_array().expect("numbers").iter().map(number).collect()
    };
    let by_function = estimates("function", &[]);
    let given = files.text("target_pk.npy");
    let by_hand = estimates("function", &["--given", &given]);
    let of_files = estimates("files", &["--given", &given]);
    for (other, tolerance) in [(&by_hand, 1e-5), (&of_files, 0.05)] {
        for (a, b) in by_function.iter().zip(other) {
            assert!((a - b).abs() < tolerance, "{by_function:?} {other:?}");
        }
    }
    let said = refuses(&["estimate", &files.text("files"), &files.text("target.npy")]);
    assert!(said.contains("8 given summaries of the data") && said.contains("--given t.npy"), "{said}");
    let (run, target) = (files.text("files"), files.text("target.npy"));
    let said = refuses(&["estimate", &run, &target, "--given", &target]);
    assert!(said.contains("the given summaries") && said.contains("(1, 8)"), "{said}");
    let summaries = prints(&["summarise", &run, &target, "--given", &given, "--json"]);
    assert!(summaries.contains("\"x\""), "{summaries}");

    // The resolved run file is a run file of the same run.
    let again = files.trained(&files.text("function/run.toml"), "again");
    assert_eq!(number(&again["shares"]["both"]["value"]), function_both(&files));
}

fn function_both(files: &Files) -> f64 {
    let text = std::fs::read_to_string(files.path("function/report.json")).expect("there");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    told["shares"]["both"]["value"].as_f64().expect("a number")
}

#[test]
fn what_does_not_belong_is_refused_in_words() {
    let files = Files::new();
    let said = |name: &str, rest: &str| refuses(&["fit", &files.run(name, rest), "--out", &files.text("out")]);
    let one = "\n[summaries]\ngiven = { fiducial = \"t_pk.npy\", derivative = \"t_dpk.npy\" }\n";
    let text = said("a.toml", one);
    assert!(text.contains("write [summaries.validation]"), "{text}");
    let text = said("b.toml", &OF_FILES.replace("v_dpk", "missing"));
    assert!(text.contains("missing.npy"), "{text}");
    let text = said("c.toml", &FUNCTION.replace("power_spectrum", "power"));
    assert!(text.contains("power_spectrum"), "{text}");
    let text = said("d.toml", &format!("{FUNCTION}[summaries.validation]\nfiducial = \"v_pk.npy\"\n"));
    assert!(text.contains("take [summaries.validation] away"), "{text}");
    let swapped = OF_FILES.replace("t_dpk", "x").replace("v_dpk", "t_dpk").replace("\"x", "\"v_dpk");
    std::fs::remove_file(files.path("v_pk.npy")).expect("there");
    files.write("v_pk.npy", &vec![vec![0.0; 8]; 299], &[299, 8]);
    let text = said("e.toml", &swapped);
    assert!(text.contains("299 rows of given summaries, but 300 of the simulations"), "{text}");
    let network = format!("{FUNCTION}[network]\nlayers = [\"flatten\", {{ dense = 2 }}, \"tanh\"]\n");
    let text = said("f.toml", &network);
    assert!(text.contains("ends in a dense layer, which sees both"), "{text}");
    let flat = files.run("g.toml", FUNCTION).replace("g.toml", "h.toml");
    let text = std::fs::read_to_string(files.path("g.toml")).expect("there");
    std::fs::write(&flat, text.replace("delta_theta", "input_shape = [16]\ndelta_theta")).expect("written");
    let text = refuses(&["fit", &flat, "--out", &files.text("out")]);
    assert!(text.contains("not of data of shape (16,)"), "{text}");
}

#[test]
fn fisher_tells_what_summaries_add_to_others() {
    let files = Files::new();
    let half = |name: &str, range: std::ops::Range<usize>| {
        let array = arrays::read::<f64>(&files.text(name).as_str().into()).expect("there");
        let axis = array.ndim() - 1;
        let part = array.slice_axis(ndarray::Axis(axis), ndarray::Slice::from(range)).to_owned();
        let out = format!("half_{}_{name}", part.shape()[axis]);
        arrays::write_npy(files.path(&out), part.view()).expect("written");
        files.text(&out)
    };
    let (t, dt) = (half("v_pk.npy", 0..3), half("v_dpk.npy", 0..3));
    let (x, dx) = (half("v_pk.npy", 3..8), half("v_dpk.npy", 3..8));
    let arguments = ["fisher", "--summaries", &x, "--below-above", &dx, "--delta-theta", "0.2,0.2"];
    let told = |more: &[&str]| -> Value {
        serde_json::from_str(&prints(&[&arguments[..], more, &["--json"]].concat())).expect("JSON")
    };
    let told = told(&["--given", &t, "--given-derivatives", &dt]);
    let [raw, both, given] = ["raw", "both_raw", "given_raw"].map(|name| &told["added"][name]);
    for p in 0..2 {
        let number = |of: &Value| of[p][p].as_f64().expect("a number");
        let sum = number(given) + number(raw);
        assert!((sum - number(both)).abs() < 1e-9 * sum, "{told}");
    }
    let text = prints(&[&arguments[..], &["--given", &t, "--given-derivatives", &dt]].concat());
    assert!(text.contains("The 3 given summaries alone") && text.contains("V S^-1 V^T"), "{text}");
    let said = refuses(&[&arguments[..], &["--given", &t, "--given-derivatives", &dt, "--invalid", "drop"]].concat());
    assert!(said.contains("rows of all four arrays belong together"), "{said}");
}
