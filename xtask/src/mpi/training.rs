//! `imnn fit` under every MPI: the bytes of one process, and one end for all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::installed::Installed;
use super::runs::{BAD, LONG, RUNS};
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

/// Starts the program such that rank 0 may write no more than some kilobytes to any file; beyond that it meets an error, not a
/// signal.
const LIMITED: &str = r#"trap '' XFSZ
[ "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}" = 0 ] && ulimit -f 8
exec "$@"
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
        let mut ends = vec![
            ("SIGTERM to all ranks", place.signalled(mpi, "-TERM", true)?),
            ("SIGKILL to one rank", place.signalled(mpi, "-KILL", false)?),
            ("a row that one rank cannot use", place.unusable_row(mpi)?),
        ];
        // The limit would also be one for what MPICH shares between ranks by files in memory.
        if mpi.is_open_mpi {
            ends.push(("no space for rank 0", place.full_disk(mpi)?));
        }
        for (what, End { seconds, fault }) in ends {
            println!("{:<24} {what}: {seconds:.1} s, {}", mpi.name, fault.as_deref().unwrap_or("as it should be"));
            faults.extend(fault.map(|fault| format!("{}, {what}: {fault}", mpi.name)));
        }
    }
    Ok(faults)
}

/// The program, and a folder for what it writes.
struct Place {
    program: PathBuf,
    folder: PathBuf,
}

/// How long all ranks took to be gone, and what was not as it should be.
struct End {
    seconds: f64,
    fault: Option<String>,
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
    fn signalled(&self, mpi: &Installed, signal: &str, to_all: bool) -> Outcome<End> {
        let (run, checkpoint) = ("broken", self.folder.join("broken/unfinished/checkpoint.previous"));
        let _ = fs::remove_dir_all(self.folder.join(run));
        let mut child = self.start(mpi.command(2), &["fit", "run.toml", "--out", run, "--quiet"])?;
        until(Duration::from_secs(60), || checkpoint.exists());
        let ranks = self.processes(run);
        if ranks.len() != 2 {
            child.kill()?;
            child.wait()?;
            let fault = Some(format!("{} ranks after the second checkpoint; {}", ranks.len(), self.said()?));
            return Ok(End { seconds: f64::NAN, fault });
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
            return Ok(End { seconds, fault: Some(format!("{status}: {said}")) });
        }
        if to_all && said.matches("nothing is lost").count() != 1 {
            return Ok(End { seconds, fault: Some(format!("not said once that nothing is lost: {said}")) });
        }
        Ok(End { seconds, fault: self.goes_on(mpi, &["fit", "--resume", run, "--quiet"], run)? })
    }

    /// What is not as it should be when `run` goes on with another number of ranks: the bytes of one process.
    fn goes_on(&self, mpi: &Installed, arguments: &[&str], run: &str) -> Outcome<Option<String>> {
        // Ranks of MPICH wait at full load, and three are more than there may be processors.
        let ranks = if mpi.is_open_mpi { 3 } else { 1 };
        let done = self.ended(mpi.command(ranks), arguments)?;
        let mut found = self.differing(run);
        found.extend((!done.is_success).then_some(done.said));
        Ok((!found.is_empty()).then(|| format!("after going on with {ranks}: {}", found.join("; "))))
    }

    /// What is not as it should be where there is no space for the history, which rank 0 writes. Training comes to its end, the
    /// run goes on when there is space.
    fn full_disk(&self, mpi: &Installed) -> Outcome<End> {
        let run = "full";
        let _ = fs::remove_dir_all(self.folder.join(run));
        let limit = self.folder.join("limited.sh");
        fs::write(&limit, LIMITED)?;
        let mut launcher = mpi.command(2);
        launcher.arg("sh").arg(&limit);
        let arguments = ["fit", "run.toml", "--out", run, "--quiet"];
        let done = self.ended(launcher, &arguments)?;
        let lines = done.said.lines().filter(|line| line.starts_with("error: ")).count();
        if done.is_success || lines != 1 {
            return Ok(End { seconds: done.seconds, fault: Some(format!("{lines} messages: {}", done.said)) });
        }
        Ok(End { seconds: done.seconds, fault: self.goes_on(mpi, &arguments, run)? })
    }

    /// What is not as it should be where the second rank cannot go on: one says so for all.
    fn unusable_row(&self, mpi: &Installed) -> Outcome<End> {
        let done = self.ended(mpi.command(2), &["fit", "bad.toml", "--out", "bad", "--force", "--quiet"])?;
        let lines = done.said.lines().filter(|line| line.contains("bad.npy")).collect::<Vec<_>>();
        let is_right = !done.is_success && done.seconds < GONE.as_secs_f64() && lines.len() == 1;
        let named = lines.first().is_some_and(|line| line.contains("rank 1 of 2"));
        Ok(End { seconds: done.seconds, fault: (!is_right || !named).then_some(done.said) })
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
