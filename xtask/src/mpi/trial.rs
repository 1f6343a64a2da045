//! One start of several ranks, and what is seen of their end.

use std::fs::{self, File};
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::installed::Installed;
use crate::process::{Outcome, succeeds};

/// How long it may take until all are gone, in seconds.
const GONE: f64 = 10.0;

/// Words, and how many lines have them.
pub type Words = (&'static str, RangeInclusive<usize>);

/// How a start should end, and with which words.
pub enum Expected {
    Success(&'static [Words]),
    Failure(&'static [Words]),
}

pub struct Trial {
    pub command: Command,
    /// In seconds; beyond it all are ended.
    pub limit: f64,
    /// How many ranks there are, if it is only they that have to end: the launcher may wait for ever for a host that is gone.
    pub only_ranks: Option<usize>,
    task: String,
    folder: PathBuf,
}

pub struct Seen {
    pub task: String,
    /// Exit code of the launcher; minus the signal that ended it; `None` if it had to be ended from here.
    pub code: Option<i32>,
    /// Until all processes were gone.
    pub seconds: f64,
    pub faults: Vec<String>,
}

impl Trial {
    pub fn new(mpi: &Installed, program: &Path, folder: &Path, task: &str, ranks: usize) -> Trial {
        let mut command = mpi.command(ranks);
        command.arg(program).arg(task);
        Trial::of(command, folder, task)
    }

    pub fn of(mut command: Command, folder: &Path, task: &str) -> Trial {
        let folder = folder.join("trial");
        // A panic is expected to take one line.
        command.env("IMNN_FOLDER", &folder).env("RUST_BACKTRACE", "0");
        Trial { command, limit: GONE, only_ranks: None, task: task.into(), folder }
    }

    /// Runs it, and sees what of the `expected` is not so.
    pub fn run(mut self, expected: &Expected) -> Outcome<Seen> {
        let _ = fs::remove_dir_all(&self.folder);
        fs::create_dir_all(&self.folder)?;
        let log = self.folder.join("log");
        let output = File::create(&log)?;
        self.command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let start = Instant::now();
        let mut child = self.command.spawn()?;
        let mut code = None;
        while start.elapsed().as_secs_f64() < self.limit {
            if let (None, Some(status)) = (code, child.try_wait()?) {
                code = Some(exit_code(status));
            }
            let all_started = self.only_ranks.is_some_and(|n| self.ranks().len() == n);
            if (code.is_some() || all_started) && self.left().is_empty() {
                break;
            }
            sleep(Duration::from_millis(20));
        }
        let seconds = start.elapsed().as_secs_f64();
        let mut faults = vec![];
        for process in self.left() {
            faults.push(format!("process {process} was there after {seconds:.1} s"));
            succeeds(Command::new("kill").args(["-9", &process]));
        }
        if code.is_none() {
            sleep(Duration::from_secs(self.only_ranks.map_or(0, |_| 2)));
            match child.try_wait()? {
                Some(status) => code = Some(exit_code(status)),
                None if self.only_ranks.is_some() => {}
                None => faults.push(format!("the launcher was there after {seconds:.1} s")),
            }
            // Without effect where it has ended.
            child.kill()?;
            child.wait()?;
        }
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let (is_right, words) = match expected {
            Expected::Success(words) => (code == Some(0), words),
            Expected::Failure(words) => (code.is_some_and(|code| code != 0), words),
        };
        faults.extend((!is_right && code.is_some()).then(|| format!("exit code {code:?}")));
        for (words, n) in *words {
            let found = text.lines().filter(|line| line.contains(words)).count();
            if !n.contains(&found) {
                faults.push(format!("{found} lines instead of {n:?} have \"{words}\""));
            }
        }
        if !faults.is_empty() {
            faults.push(format!("it said\n{}", text.trim_end()));
        }
        Ok(Seen { task: self.task, code, seconds, faults })
    }

    /// The processes of all ranks that have started.
    fn ranks(&self) -> Vec<String> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let process = |file: PathBuf| fs::read_to_string(file).ok().filter(|text| text.parse::<u32>().is_ok());
        files.filter_map(process).collect()
    }

    /// Those of them that are still there.
    fn left(&self) -> Vec<String> {
        let is_there = |process: &String| {
            let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // A zombie is gone, whoever has yet to ask for its exit code.
            status.contains("mpi_check") && !status.contains(") Z ")
        };
        self.ranks().into_iter().filter(is_there).collect()
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

impl Seen {
    pub fn shown(&self) -> String {
        let code = self.code.map_or("hangs".into(), |code| code.to_string());
        let wrong = if self.faults.is_empty() { "" } else { " !" };
        format!("{code}, {:.1}{wrong}", self.seconds)
    }
}
