//! `imnn fit` under every MPI: the bytes of one process, and one end for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::installed::Installed;
use crate::process::{Outcome, cargo, output, run as run_command};
use crate::workspace;

/// What the numbers of a run are in.
const FILES: [&str; 6] = [
    "weights.safetensors",
    "final.safetensors",
    "best.safetensors",
    "optimiser.safetensors",
    "history.npz",
    "statistics.npz",
];

/// Runs of every kind of source.
const RUNS: [(&str, &str); 4] = [
    (
        "exact, validated",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "exact"
fiducial = "REPO/tests/golden/fit_gradient.npz:fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:derivative"
[simulations.validation]
fiducial = "REPO/tests/golden/fit_gradient.npz:validation_fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:validation_derivative"
[network]
layers = [{ dense = 32 }, "leaky_relu", { dense = 2 }]
[optimiser]
adam = { learning_rate = 3e-3 }
[fit]
max_iterations = 30
"#,
    ),
    (
        "streamed",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "exact"
load = "stream"
fiducial = "REPO/tests/golden/fit_gradient.npz:fiducial"
derivative = "REPO/tests/golden/fit_gradient.npz:derivative"
[network]
layers = [{ dense = 16 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 30
"#,
    ),
    (
        "fields, below and above, augmented",
        r#"theta_fid = [1.0, 0.5]
[simulations]
kind = "simulator"
simulator = "power_law_field"
n = 16
derivative = { finite = [0.02, 0.02] }
augment = { flip = true, shift = true }
n_s = 83
n_d = 47
[network]
layers = [{ reshape = [16, 16, 1] }, { conv = { filters = 6, kernel = [3, 3], padding = "circular" } }, "gelu", "global_avg_pool",
          { dense = 2 }]
[optimiser]
adam = { learning_rate = 1e-3 }
[fit]
max_iterations = 15
"#,
    ),
    (
        "on the fly, in rounds",
        r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 700
[network]
layers = [{ dense = 32 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 120
round = 40
tolerance = 0.0
"#,
    ),
];

/// One that takes long enough to be interrupted.
const LONG: &str = r#"theta_fid = [0.0, 1.0]
[simulations]
kind = "simulator"
simulator = "mean_variance"
n_data = 10
n_s = 2000
[network]
layers = [{ dense = 32 }, "gelu", { dense = 2 }]
[fit]
max_iterations = 1500
round = 700
tolerance = 0.0
[checkpoints]
iterations = 50
"#;

/// One of which a row cannot be used; it is read by the second of two ranks.
const BAD: &str = r#"theta_fid = [0.0]
[simulations]
kind = "exact"
load = "stream"
fiducial = "bad.npy"
derivative = "changes.npy"
[network]
layers = [{ dense = 4 }, "gelu", { dense = 1 }]
[optimiser]
adam = { learning_rate = 1e-3 }
[fit]
max_iterations = 10
"#;

/// In which time all are gone, whatever happens to one.
const GONE: Duration = Duration::from_secs(10);

/// What is not as it should be.
pub fn faults(all: &[Installed], most: usize, folder: &Path) -> Outcome<Vec<String>> {
    run_command(&mut cargo(&["build", "--quiet", "-p", "imnn-cli"]))?;
    let program = workspace::target().join("debug/imnn");
    let folder = folder.join("training");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let place = Place { program, folder };
    let linked = output(Command::new("ldd").arg(&place.program))?;
    let mut faults = vec![];
    if linked.contains("libmpi") {
        faults.push("the program is linked to an MPI".to_owned());
    }
    for (name, text) in RUNS {
        place.run_file("run", text)?;
        place.alone(&["fit", "run.toml", "--out", "alone", "--force", "--quiet"])?;
        for mpi in all {
            for ranks in 2..=most {
                let done =
                    place.ended(mpi.command(ranks), &["fit", "run.toml", "--out", "together", "--force", "--quiet"])?;
                let mut found = place.differing("together");
                found.extend((!done.is_success).then(|| format!("failed: {}", done.said)));
                eprintln!(
                    "{:<24} {name}, {ranks} ranks: {}",
                    mpi.name,
                    if found.is_empty() { "the same bytes" } else { "!" }
                );
                faults.extend(found.into_iter().map(|fault| format!("{}, {name}, {ranks} ranks: {fault}", mpi.name)));
            }
        }
    }
    place.run_file("run", LONG)?;
    place.alone(&["fit", "run.toml", "--out", "alone", "--force", "--quiet"])?;
    place.bad()?;
    for mpi in all {
        for (what, found) in [
            ("SIGTERM to all ranks", place.signalled(mpi, "-TERM", true)?),
            ("SIGKILL to one rank", place.signalled(mpi, "-KILL", false)?),
            ("a row that one rank cannot use", place.unusable_row(mpi)?),
        ] {
            eprintln!("{:<24} {what}: {}", mpi.name, found.as_deref().unwrap_or("as it should be"));
            faults.extend(found.map(|fault| format!("{}, {what}: {fault}", mpi.name)));
        }
    }
    Ok(faults)
}

/// The program, and a folder for what it writes.
struct Place {
    program: PathBuf,
    folder: PathBuf,
}

/// How a start came to its end.
struct Done {
    is_success: bool,
    said: String,
    seconds: f64,
}

impl Place {
    fn run_file(&self, name: &str, text: &str) -> Outcome {
        let text = text.replace("REPO", &workspace::root().display().to_string());
        Ok(fs::write(self.folder.join(format!("{name}.toml")), text + "[device]\nthreads = 1\n")?)
    }

    /// Simulations of which the last but one has no number in it.
    fn bad(&self) -> Outcome {
        let array = |name: &str, shape: &str, numbers: &[f64]| {
            let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
            let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
            bytes.extend(format!("{header:<117}\n").bytes());
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            fs::write(self.folder.join(name), bytes)
        };
        let mut values: Vec<f64> = (0..1200).map(|k| f64::from(37 * k % 101)).collect();
        array("changes.npy", "(300, 4, 1)", &values)?;
        values[4 * 298] = f64::NAN;
        array("bad.npy", "(300, 4)", &values)?;
        self.run_file("bad", BAD)
    }

    fn alone(&self, arguments: &[&str]) -> Outcome {
        output(Command::new(&self.program).args(arguments).current_dir(&self.folder)).map(drop)
    }

    fn start(&self, mut launcher: Command, arguments: &[&str]) -> Outcome<std::process::Child> {
        let log = fs::File::create(self.folder.join("log"))?;
        launcher.arg(&self.program).args(arguments).current_dir(&self.folder);
        Ok(launcher.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
    }

    fn ended(&self, launcher: Command, arguments: &[&str]) -> Outcome<Done> {
        let begun = Instant::now();
        let is_success = self.start(launcher, arguments)?.wait()?.success();
        Ok(Done { is_success, said: self.said()?, seconds: begun.elapsed().as_secs_f64() })
    }

    fn said(&self) -> Outcome<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.folder.join("log"))?).into_owned())
    }

    /// The files of a run that are not those of the run of one process.
    fn differing(&self, run: &str) -> Vec<String> {
        let read = |run: &str, name: &str| fs::read(self.folder.join(run).join(name)).ok();
        let differs = |name: &&&str| read("alone", name).is_none_or(|bytes| read(run, name).as_ref() != Some(&bytes));
        FILES.iter().filter(differs).map(|name| format!("{name} has other bytes")).collect()
    }

    /// The processes of the program that work on `run`.
    fn processes(&self, run: &str) -> Vec<String> {
        let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let works = |path: &PathBuf| {
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let arguments = fs::read(path.join("cmdline")).unwrap_or_default();
            let has = |word: &str| arguments.split(|&byte| byte == 0).any(|argument| argument == word.as_bytes());
            stat.contains(" (imnn) ") && !stat.contains(") Z ") && has(run)
        };
        entries.filter(works).filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    /// Sends a signal after the first checkpoint, and goes on with another number of ranks. What is not as it should be.
    fn signalled(&self, mpi: &Installed, signal: &str, to_all: bool) -> Outcome<Option<String>> {
        let (run, checkpoint) = ("broken", self.folder.join("broken/unfinished/checkpoint.previous"));
        let _ = fs::remove_dir_all(self.folder.join(run));
        let mut child = self.start(mpi.command(2), &["fit", "run.toml", "--out", run, "--quiet"])?;
        until(Duration::from_secs(60), || checkpoint.exists());
        let ranks = self.processes(run);
        if ranks.len() != 2 {
            child.kill()?;
            child.wait()?;
            return Ok(Some(format!("{} ranks after the second checkpoint; {}", ranks.len(), self.said()?)));
        }
        let asked = if to_all { &ranks[..] } else { &ranks[1..] };
        run_quietly(Command::new("kill").arg(signal).args(asked));
        let begun = Instant::now();
        let gone = until(GONE, || self.processes(run).is_empty());
        let seconds = begun.elapsed().as_secs_f64();
        // The launcher may need some time more to say so.
        let ends = until(GONE, || child.try_wait().is_ok_and(|status| status.is_some()));
        child.kill()?;
        let status = child.wait()?;
        let said = self.said()?;
        if !gone || !ends || status.success() {
            return Ok(Some(format!("{status} after {seconds:.1} s: {said}")));
        }
        if to_all && said.matches("nothing is lost").count() != 1 {
            return Ok(Some(format!("not said once that nothing is lost: {said}")));
        }
        let done = self.ended(mpi.command(3), &["fit", "--resume", run, "--quiet"])?;
        let mut found = self.differing(run);
        found.extend((!done.is_success).then_some(done.said));
        Ok((!found.is_empty()).then(|| format!("after going on with 3 ranks: {}", found.join("; "))))
    }

    /// What is not as it should be where the second rank cannot go on: one says so for all.
    fn unusable_row(&self, mpi: &Installed) -> Outcome<Option<String>> {
        let done = self.ended(mpi.command(2), &["fit", "bad.toml", "--out", "bad", "--force", "--quiet"])?;
        let lines = done.said.lines().filter(|line| line.contains("bad.npy")).collect::<Vec<_>>();
        let is_right = !done.is_success && done.seconds < GONE.as_secs_f64() && lines.len() == 1;
        let named = lines.first().is_some_and(|line| line.contains("rank 1 of 2"));
        Ok((!is_right || !named).then_some(done.said))
    }
}

fn until(limit: Duration, is_so: impl FnMut() -> bool) -> bool {
    let (begun, mut is_so) = (Instant::now(), is_so);
    while begun.elapsed() < limit {
        if is_so() {
            return true;
        }
        sleep(Duration::from_millis(20));
    }
    is_so()
}

fn run_quietly(command: &mut Command) {
    // What has ended by itself cannot be signalled, and is seen to have ended.
    let _ = command.stderr(Stdio::null()).status();
}
