//! Processes that are killed at any moment: nothing that was whole is lost, and the run goes on to the same bits.
//!
//! `IMNN_KILLS` is the number of kills of each kind of run; `IMNN_KILLS=50` is what docs/reliability.md reports.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use imnn::device::Cpu;
use imnn::fit::Compressor;
use ndarray::ArrayD;

use super::data::{EXACT, Folder, NUMERICAL};
use super::{imnn, prints};

/// Simulated as it trains, in rounds, with a checkpoint every so many iterations.
const SIMULATED: &str = r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 100
[network]
layers = [{ dense = 16 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 1200
round = 300
tolerance = 0.0
[checkpoints]
iterations = 30
[device]
threads = 2
"#;

/// Seen another way each time, with noise, on several devices' worth of simulations at once.
const FIELD: &str = r#"theta_fid = [1.0, 0.5]
[simulations]
kind = "simulator"
simulator = "power_law_field"
n = 8
n_s = 60
[network]
layers = [{ conv = { filters = 4, kernel = [3, 3], padding = "circular" } }, "gelu", "global_avg_pool", { dense = 2 }]
[optimiser]
adam = { learning_rate = 3e-3 }
[fit]
max_iterations = 90
patience = 90
[checkpoints]
iterations = 4
[device]
threads = 2
"#;

/// The kinds of run; whether there is a run before that is replaced.
fn kinds() -> Vec<(&'static str, String, bool)> {
    let often = |text: &str, iterations: usize| {
        text.replace("max_iterations = 8", &format!("max_iterations = {iterations}\npatience = {iterations}"))
            + "[checkpoints]\niterations = 5\n"
    };
    vec![
        ("on the fly", SIMULATED.to_owned(), false),
        ("streamed from files", often(&EXACT.replace("[network]", "load = \"stream\"\n[network]"), 400), false),
        ("a field, over a run that is there", FIELD.to_owned(), true),
        ("below and above, validated, over a run that is there", often(NUMERICAL, 200), true),
    ]
}

/// The bits of all numbers of a run.
fn bits(folder: &Folder, out: &str) -> Vec<Vec<u8>> {
    let names = ["weights", "final", "best", "optimiser"].map(|name| format!("{name}.safetensors"));
    let names = names.into_iter().chain(["history.npz", "statistics.npz"].map(str::to_owned));
    names.map(|name| fs::read(folder.path(&format!("{out}/{name}"))).expect("a file of the run")).collect()
}

/// A number from 0 to 1 that looks random, the same every time.
fn share(k: usize) -> f64 {
    (k as f64 * 0.618_033_988_749_894_9).fract()
}

fn kills() -> usize {
    std::env::var("IMNN_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

fn start(arguments: &[&str]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imnn"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

#[test]
fn runs_that_were_killed_go_on_to_the_same_bits() {
    for (kind, text, replaces) in kinds() {
        let folder = Folder::new();
        let run = folder.run_file(&text);
        let begun = Instant::now();
        prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
        let (took, expected) = (begun.elapsed(), bits(&folder, "whole"));
        let before = folder.text("before.toml");
        fs::write(&before, text.replace("theta_fid", "seed = 9\ntheta_fid").replace("seed = 3\n", ""))
            .expect("written");
        prints(&["fit", &before, "--out", &folder.text("old"), "--quiet"]);
        let old = bits(&folder, "old");
        let mut interrupted = 0;
        for k in 0..kills() {
            let name = format!("run{k}");
            let out = folder.text(&name);
            if replaces {
                prints(&["fit", &before, "--out", &out, "--quiet"]);
            }
            let arguments = ["fit", &run, "--out", &out, "--quiet", "--force"];
            let arguments = &arguments[..if replaces { 6 } else { 5 }];
            for again in 0..2 {
                let mut child = start(arguments);
                std::thread::sleep(took.mul_f64(1.1 * share(2 * k + again)));
                child.kill().expect("killed");
                interrupted += usize::from(!child.wait().expect("it ends").success());
                // What is read is the old run or the new one, and never a part of either.
                match Compressor::<f64>::load(&out, Cpu::new(1).expect("a device")) {
                    Ok(_) => {
                        let there = bits(&folder, &name);
                        assert!(there == expected || replaces && there == old, "{kind}, kill {k}: a torn run was read");
                    }
                    Err(error) => assert!(!replaces, "{kind}, kill {k}: the run that was there is lost: {error}"),
                }
            }
            if folder.path(&format!("{name}/manifest.json")).exists() && bits(&folder, &name) == expected {
                continue;
            }
            prints(arguments);
            assert!(bits(&folder, &name) == expected, "{kind}, kill {k}: other bits");
            let names = folder.names(&name);
            assert!(
                !names.iter().any(|name| name.starts_with("checkpoint") || name == "lock" || name == "unfinished"),
                "{names:?}"
            );
        }
        println!("{kind}: {interrupted} of {} were still running when they were killed", 2 * kills());
    }
}

/// All files of a folder with their bytes, or the file itself; but for hidden ones.
fn tree(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    if path.is_file() {
        all.insert(String::new(), fs::read(path).expect("read"));
    } else if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("an entry");
            let name = name.to_string_lossy();
            if !name.starts_with('.') {
                let within = |rest: &str| if rest.is_empty() { name.to_string() } else { format!("{name}/{rest}") };
                all.extend(tree(&entry).into_iter().map(|(rest, bytes)| (within(&rest), bytes)));
            }
        }
    }
    all
}

/// Kills the command at any moment and gives it again, each time in a new folder `place`, which `prepare` fills. What there is
/// after a kill is what was there before or what is to be there, or it is refused by `imnn data inspect inspected`.
fn kill_and_repeat(folder: &Folder, arguments: &[&str], inspected: &str, prepare: &dyn Fn()) {
    let place = folder.path("place");
    let begin = || {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).expect("created");
        prepare();
        tree(&place)
    };
    let old = begin();
    let begun = Instant::now();
    prints(arguments);
    let (took, expected) = (begun.elapsed(), tree(&place));
    let mut interrupted = 0;
    for k in 0..kills() {
        begin();
        let mut child = start(arguments);
        std::thread::sleep(took.mul_f64(1.1 * share(k)));
        child.kill().expect("killed");
        interrupted += usize::from(!child.wait().expect("it ends").success());
        let found = tree(&place);
        if found != expected {
            if found != old {
                let output = imnn(&["data", "inspect", inspected]);
                assert!(!output.status.success(), "{arguments:?}, kill {k}: a torn set is read: {:?}", found.keys());
            }
            prints(arguments);
        }
        assert!(tree(&place) == expected, "{arguments:?}, kill {k}: other bytes");
    }
    println!("{arguments:?}: {interrupted} of {} were still running when they were killed", kills());
}

#[test]
fn files_are_whole_or_not_there() {
    let folder = Folder::new();
    folder.write("large.npy", &ArrayD::from_shape_fn(vec![200, 10_000], |index| (index[0] * index[1] % 101) as f64));
    let large = folder.text("large.npy");
    for target in ["x.npy", "x.npz:x", "x.h5:x", "rows/{seed}.npy", "x_*.tfrecords"] {
        let target = folder.text(&format!("place/{target}"));
        kill_and_repeat(&folder, &["data", "convert", &large, &target, "--dtype", "f32"], &target, &|| ());
    }
    let (derivative, out) = (folder.text("derivative.npy"), folder.text("place/parts"));
    folder.write("derivative.npy", &ArrayD::from_elem(vec![200, 10_000, 1], 1.0));
    let inspected = folder.text("place/parts/train/fiducial.npy");
    let split = ["data", "split", "--fiducial", &large, "--derivative", &derivative, "--out", &out, "--force"];
    kill_and_repeat(&folder, &split[..8], &inspected, &|| ());
    let (fiducial, exact) = (folder.text("fiducial.npy"), folder.text("exact.npy"));
    kill_and_repeat(&folder, &split, &inspected, &|| {
        prints(&["data", "split", "--fiducial", &fiducial, "--derivative", &exact, "--out", &out]);
    });
}

#[test]
fn sets_of_simulations_are_completed() {
    let folder = Folder::new();
    let line = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/external/line.sh");
    fs::copy(line, folder.path("line.sh")).expect("copied");
    let sims = folder.text("sims.toml");
    let text = "theta_fid = [1.0]\nparameters = [\"slope\"]\ndelta_theta = [0.5]\nn_s = 12\nn_d = 12\njobs = 3\n\
                command = [\"sh\", \"line.sh\", \"{seed}\", \"{theta}\", \"{out}\"]\n";
    fs::write(&sims, text).expect("written");
    let whole = folder.text("whole");
    let begun = Instant::now();
    prints(&["simulate", &sims, "--out", &whole, "--quiet"]);
    let (took, expected) = (begun.elapsed(), tree(&folder.path("whole")));
    for k in 0..kills() {
        let out = folder.text(&format!("set{k}"));
        let mut child = start(&["simulate", &sims, "--out", &out, "--quiet"]);
        std::thread::sleep(took.mul_f64(1.1 * share(k)));
        child.kill().expect("killed");
        child.wait().expect("it ends");
        for (name, bytes) in tree(Path::new(&out)).iter().filter(|(name, _)| name.ends_with(".npy")) {
            assert!(expected.get(name) == Some(bytes), "kill {k}: {name} is torn");
        }
        prints(&["simulate", &sims, "--out", &out, "--quiet"]);
        assert!(tree(Path::new(&out)) == expected, "kill {k}: another set");
    }
}
