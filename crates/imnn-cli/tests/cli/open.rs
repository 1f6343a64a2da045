//! `imnn data inspect` on folders as people have them: the lines that it prints train to the bits of the same numbers in npy.

use std::fs::File;
use std::path::Path;

use imnn::data::arrays;
use imnn::hdf5::{Options, Writer};
use ndarray::{ArrayD, Axis};
use serde_json::Value;

use super::data::Folder;
use super::{imnn, prints, refuses};

/// What follows the lines that are printed.
const REST: &str = r#"
[network]
precision = "f64"
layers = [{ dense = 5 }, "tanh", { dense = 2 }]
[fit]
max_iterations = 8
[device]
threads = 1
"#;

/// Simulations at the fiducial, and below and above in each parameter, by the names of their folders; row i has seed i.
fn parts(folder: &Folder) -> Vec<(&'static str, ArrayD<f64>)> {
    let (fiducial, numerical) = (folder.read("fiducial.npy"), folder.read("numerical.npy"));
    let side =
        |side: usize, parameter: usize| numerical.index_axis(Axis(1), side).index_axis(Axis(1), parameter).to_owned();
    vec![
        ("fiducial", fiducial),
        ("mu_m", side(0, 0)),
        ("mu_p", side(1, 0)),
        ("sigma2_m", side(0, 1)),
        ("sigma2_p", side(1, 1)),
    ]
}

/// Does something with each simulation of each part.
fn each(folder: &Folder, mut with: impl FnMut(&str, usize, ndarray::ArrayViewD<'_, f64>)) {
    for (name, part) in parts(folder) {
        part.axis_iter(Axis(0)).enumerate().for_each(|(seed, simulation)| with(name, seed, simulation));
    }
}

fn trained(folder: &Folder, text: &str, out: &str) -> Vec<u8> {
    let (run, out_path) = (folder.run_file(text), folder.text(out));
    prints(&["fit", &run, "--out", &out_path, "--quiet"]);
    std::fs::read(folder.path(out).join("weights.safetensors")).expect("weights")
}

/// The weights of the same numbers in npy.
fn expected(folder: &Folder) -> Vec<u8> {
    let text = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"numerical\"\nfiducial = \"fiducial.npy\"\n\
                derivative = \"numerical.npy\"\ndelta_theta = [0.1, 0.2]\n";
    trained(folder, &format!("{text}{REST}"), "expected")
}

/// The lines for a run file that are printed about a folder or file, with the numbers filled in.
#[track_caller]
fn proposed(folder: &Folder, name: &str) -> String {
    let text = prints(&["data", "inspect", &folder.text(name), "--json"]);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let sets = value.as_array().and_then(|all| all.last()).expect("sets");
    let lines = sets["run_files"][0].as_str().unwrap_or_else(|| panic!("no set in {text}"));
    let filled = lines
        .replace("theta_fid = []", "theta_fid = [0.0, 1.0]")
        .replace("delta_theta = []", "delta_theta = [0.1, 0.2]");
    // What is printed for people are the same lines.
    let shown = prints(&["data", "inspect", &folder.text(name)]);
    assert!(shown.contains(lines), "{lines}\nare not in\n{shown}");
    filled
}

#[track_caller]
fn trains_alike(folder: &Folder, name: &str, expected: &[u8]) {
    let text = proposed(folder, name);
    assert_eq!(trained(folder, &format!("{text}{REST}"), &format!("run_{name}")), expected, "{text}");
    let streamed = text.replace("kind = \"numerical\"\n", "kind = \"numerical\"\nload = \"stream\"\n");
    assert_eq!(trained(folder, &format!("{streamed}{REST}"), &format!("stream_{name}")), expected, "{streamed}");
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

#[test]
fn a_tree_of_folders_trains_to_the_same_bits() {
    let folder = Folder::new();
    let expected = expected(&folder);
    each(&folder, |part, seed, simulation| {
        let at = folder.path(&format!("tree/{part}/{seed}"));
        std::fs::create_dir_all(&at).expect("made");
        arrays::write_npy(at.join("df_m_PCS_z=0.npy"), simulation.view()).expect("written");
        arrays::write_npy(at.join("df_m_CIC_z=0.npy"), (&simulation * 2.0).view()).expect("written");
    });
    write(&folder.path("tree/README"), "about these simulations");
    write(&folder.path("tree/notes.txt"), "no table");
    let text = proposed(&folder, "tree");
    // Either field may come first; the other is told in one line.
    let text = text.replace("df_m_CIC", "df_m_PCS");
    assert_eq!(trained(&folder, &format!("{text}{REST}"), "run"), expected, "{text}");
    let shown = prints(&["data", "inspect", &folder.text("tree")]);
    for part in [
        "fiducial/{seed}/df_m_PCS_z=0.npy  80 files, float64 (6,), seeds 0 to 79\n",
        "mu_m/{seed}/df_m_CIC_z=0.npy      60 files, float64 (6,), seeds 0 to 59\n",
        "df_m_PCS_z=0.npy in place of df_m_CIC_z=0.npy, 80 simulations of shape (6,)",
        "notes.txt  line 1 is `no table`, which is no number",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn spectra_as_text_train_to_the_same_bits() {
    let folder = Folder::new();
    let expected = expected(&folder);
    each(&folder, |part, seed, simulation| {
        let lines = simulation.iter().enumerate().map(|(k, value)| format!("{:.3}\t{value:.17e}\n", 0.01 * k as f64));
        let text = format!("# k [h/Mpc]  P(k)\n{}", lines.collect::<String>());
        write(&folder.path(&format!("Pk/{part}/{seed}/Pk_m_z=0.txt")), text);
    });
    trains_alike(&folder, "Pk", &expected);
    let shown = prints(&["data", "inspect", &folder.text("Pk")]);
    assert!(shown.contains("column k [h/Mpc] the same in all files"), "{shown}");
    // A whole table, and a network that does not fit it.
    let file = folder.text("Pk/fiducial/{seed}/Pk_m_z=0.txt");
    let text = proposed(&folder, "Pk").replace(".txt:1", ".txt");
    let message = refuses(&["fit", &folder.run_file(&format!("{text}{REST}")), "--out", &folder.text("whole")]);
    assert!(message.contains(&format!("to read one, write {file}:1")), "{message}");
    // One table of all simulations.
    let rows = folder.read("fiducial.npy");
    let line = |row: ndarray::ArrayViewD<'_, f64>| {
        row.iter().map(|value| format!("{value:e}")).collect::<Vec<_>>().join(",") + "\n"
    };
    write(&folder.path("fiducial.csv"), rows.axis_iter(Axis(0)).map(line).collect::<String>());
    let text = "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"numerical\"\nfiducial = \"fiducial.csv\"\n\
                derivative = \"numerical.npy\"\ndelta_theta = [0.1, 0.2]\n";
    assert_eq!(trained(&folder, &format!("{text}{REST}"), "csv"), expected);
}

#[test]
fn a_dataset_for_each_seed_trains_to_the_same_bits() {
    let folder = Folder::new();
    let expected = expected(&folder);
    for (file, name) in [("many.h5", "{part}/{seed}"), ("groups.h5", "{part}/{seed}/field")] {
        let mut writer = Writer::new(File::create_new(folder.path(file)).expect("made"));
        each(&folder, |part, seed, simulation| {
            let name = name.replace("{part}", part).replace("{seed}", &seed.to_string());
            writer.begin::<f64>(&name, &[6], Options::default()).expect("begun");
            writer.write(&simulation.iter().copied().collect::<Vec<f64>>()).expect("written");
        });
        writer.finish().expect("finished");
        trains_alike(&folder, file, &expected);
    }
    let message = refuses(&["data", "convert", &folder.text("many.h5:fid/{seed}"), &folder.text("x.npy")]);
    assert!(message.contains("it has fiducial/{seed} (80), mu_m/{seed} (60)"), "{message}");
    prints(&["data", "convert", &folder.text("many.h5:fiducial/{seed}"), &folder.text("x.npy")]);
    assert_eq!(folder.read("x.npy"), folder.read("fiducial.npy"));
}

#[test]
fn archives_for_each_seed_and_arrays_of_sides_train_to_the_same_bits() {
    let folder = Folder::new();
    let expected = expected(&folder);
    each(&folder, |part, seed, simulation| {
        let at = folder.path(&format!("npz/{part}"));
        std::fs::create_dir_all(&at).expect("made");
        let other = ndarray::ArrayD::<f64>::zeros(vec![2, 2]);
        let both = [("data", simulation.view().into()), ("mask", other.view().into())];
        arrays::write_npz(at.join(format!("sim_{seed:05}.npz")), &both).expect("written");
    });
    trains_alike(&folder, "npz", &expected);
    std::fs::create_dir(folder.path("arrays")).expect("made");
    let numerical = folder.read("numerical.npy");
    for (side, name) in ["t_minus", "t_plus"].iter().enumerate() {
        folder.write(&format!("arrays/{name}.npy"), &numerical.index_axis(Axis(1), side).to_owned());
    }
    folder.write("arrays/fid.npy", &folder.read("fiducial.npy"));
    trains_alike(&folder, "arrays", &expected);
}

#[test]
fn what_cannot_be_read_hides_nothing() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("mixed")).expect("made");
    folder.write("mixed/fiducial.npy", &folder.read("fiducial.npy"));
    write(&folder.path("mixed/pointer.npy"), "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    write(&folder.path("mixed/page.npy"), "<!DOCTYPE html><html></html>");
    write(&folder.path("mixed/empty.h5"), "");
    write(&folder.path("mixed/maps.pkl"), b"\x80\x04}\x94.");
    write(&folder.path("mixed/ragged.csv"), "1,2\n3\n");
    for seed in [0, 1, 2, 5, 6] {
        let zeros = ArrayD::<f64>::zeros(vec![if seed == 5 { 3 } else { 4 }]);
        folder.write(&format!("mixed/s{seed}.npy"), &zeros);
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere.npy", folder.path("mixed/link.npy")).expect("linked");
    let shown = prints(&["data", "inspect", &folder.text("mixed")]);
    for part in [
        "fiducial.npy  float64 (80, 6)",
        "s{seed}.npy   5 files, float64 (4,), seeds 0 to 6, 2 missing: 3, 4; 1 of 5 compared are not alike, as ",
        "pointer.npy  is a pointer of Git LFS",
        "page.npy     is a web page",
        "empty.h5     is empty",
        "maps.pkl     is a pickle of Python: a dict",
        "ragged.csv   line 2 has 1 values where line 1 has 2",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(!cfg!(unix) || shown.contains("link.npy     a link to nowhere.npy, which is not there"), "{shown}");
    // One that was named is an error, and the others are shown.
    let output = imnn(&["data", "inspect", &folder.text("mixed/page.npy"), &folder.text("mixed/fiducial.npy")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("(80, 6)"));
    assert!(refuses(&["data", "inspect", &folder.text("mixed/page.npy")]).contains("is a web page"));
}

#[test]
fn what_the_data_have_to_do_with_a_training_that_fails_is_said() {
    let folder = Folder::new();
    let mut negative = folder.read("fiducial.npy");
    negative[[7, 2]] = -5.0;
    folder.write("negative.npy", &negative.mapv(|value| if value == -5.0 { value } else { value.abs() }));
    let run = |layers: &str, fiducial: &str| {
        let text = format!(
            "theta_fid = [0.0, 1.0]\n[simulations]\nkind = \"numerical\"\nfiducial = \"{fiducial}\"\ncheck = \"off\"\n\
             derivative = \"numerical.npy\"\ndelta_theta = [0.1, 0.2]\n[network]\nlayers = [{layers}]\n"
        );
        refuses(&["fit", &folder.run_file(&text), "--out", &folder.text("run"), "--quiet"])
    };
    let message = run("\"log1p\", { dense = 2 }", "negative.npy");
    assert!(
        message.contains("log1p of -5.00000 is not a number, and ") && message.contains("negative.npy[7, 2]"),
        "{message}"
    );
    assert!(!message.contains("line"), "{message}");
}
