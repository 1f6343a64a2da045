//! What `cargo xtask gpu-check` has seen: how each step ended, and all that was printed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::process::{Failure, Outcome, output};
use crate::workspace;

/// All steps, in their order.
const STEPS: [&str; 9] = [
    "what is there",
    "networks against the CPU",
    "each layer",
    "golden networks",
    "golden training runs",
    "same bits again",
    "memcheck",
    "racecheck",
    "benchmark beside JAX",
];

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    Failed(String),
    NotRun(String),
}

/// What is known so far: the ends of the first steps, and all that was printed.
#[derive(Debug, Default)]
pub struct Report {
    ends: Vec<End>,
    log: String,
}

impl Report {
    /// With what can be said of the machine and the sources.
    pub fn begin() -> Self {
        let mut report = Report::default();
        for (program, arguments) in [
            ("date", &["-u"][..]),
            ("git", &["log", "-1", "--format=%H %cI"]),
            ("git", &["status", "--short"]),
            ("rustc", &["--version"]),
            ("uname", &["-srm"]),
            ("nvidia-smi", &[]),
        ] {
            let mut command = Command::new(program);
            let text = output(command.args(arguments).current_dir(workspace::root()));
            let text = text.unwrap_or_else(|failure| failure.to_string());
            report.log.push_str(&format!("$ {program} {}\n{}\n", arguments.join(" "), text.trim_end()));
        }
        report
    }

    pub fn say(&mut self, line: &str) {
        println!("{line}");
        self.log.push_str(line);
        self.log.push('\n');
    }

    /// The next step: a command, whose output is shown and kept.
    pub fn step(&mut self, command: &mut Command) {
        let end = match self.run(command) {
            Ok(()) => End::Passed,
            Err(failure) => End::Failed(failure.to_string()),
        };
        self.ends.push(end);
    }

    /// The same for tests, of which one at least has to run on the GPU.
    pub fn tests(&mut self, command: &mut Command) {
        self.checked(command, |log| tested(log).map_err(|why| End::NotRun(why.to_string())));
    }

    /// The next step, which passes if what it has printed does too.
    pub fn checked(&mut self, command: &mut Command, check: impl FnOnce(&str) -> Result<(), End>) {
        let before = self.log.len();
        self.step(command);
        let end = check(&self.log[before..]);
        if let (Some(last @ End::Passed), Err(end)) = (self.ends.last_mut(), end) {
            *last = end;
        }
    }

    fn run(&mut self, command: &mut Command) -> Outcome {
        let mut shell = both_as_one(command);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
        self.say(&format!("$ {} {}", command.get_program().to_string_lossy(), words.join(" ")));
        let mut child = shell.stdout(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                self.say(String::from_utf8_lossy(&line?).trim_end());
            }
        }
        let status = child.wait()?;
        if status.success() { Ok(()) } else { Err(Failure::new(status.to_string())) }
    }

    pub fn not_run(&mut self, why: &str) {
        self.ends.push(End::NotRun(why.to_owned()));
    }

    /// All steps that are left do not run.
    pub fn rest(&mut self, why: &str) {
        while self.ends.len() < STEPS.len() {
            self.not_run(why);
        }
    }

    /// A line for each step.
    pub fn summary(&self) -> String {
        let line = |(name, end): (&&str, &End)| match end {
            End::Passed => format!("    {name:26} passed\n"),
            End::Failed(why) => format!("    {name:26} FAILED: {why}\n"),
            End::NotRun(why) => format!("    {name:26} NOT RUN: {why}\n"),
        };
        let lines: String = STEPS.iter().zip(&self.ends).map(line).collect();
        format!("gpu-check\n{lines}")
    }

    pub fn text(&self) -> String {
        format!("{}\n{}", self.summary(), self.log)
    }

    pub fn verdict(&self) -> Outcome {
        match self.ends.iter().filter(|end| **end != End::Passed).count() {
            0 => Ok(()),
            failed => Err(Failure::new(format!("{failed} of {} steps did not pass", STEPS.len()))),
        }
    }
}

/// Whether tests that passed have run.
fn tested(log: &str) -> Outcome {
    let passed = |line: &str| line.strip_prefix("test result: ok. ").is_some_and(|rest| !rest.starts_with("0 passed"));
    // The first line is the command.
    if let Some(line) = log.lines().find(|line| line.contains("SKIPPED") && !line.starts_with("$ ")) {
        return Err(Failure::new(line));
    }
    if log.lines().any(passed) { Ok(()) } else { Err(Failure::new("there was no such test")) }
}

/// The command with its errors among its output, in the order in which they come.
fn both_as_one(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&1", "sh"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steps_print_is_kept_and_how_they_end() {
        let mut report = Report::default();
        let mut shell = Command::new("sh");
        report.step(shell.args(["-c", "echo out; echo $WORD >&2"]).env("WORD", "err"));
        report.step(Command::new("sh").args(["-c", "echo more; exit 9"]));
        assert!(report.log.contains("\nout\nerr\n") && report.log.contains("\nmore\n"), "{}", report.log);
        assert_eq!(report.ends[0], End::Passed);
        assert!(matches!(&report.ends[1], End::Failed(why) if why.contains('9')), "{:?}", report.ends);
        report.step(&mut Command::new("no-such-program-here"));
        assert!(matches!(report.ends[2], End::Failed(_)));
    }

    #[test]
    fn tests_that_are_skipped_or_not_there_did_not_run() {
        let mut report = Report::default();
        for line in ["test result: ok. 3 passed; 0 failed", "test result: ok. 0 passed; 0 failed", "SKIPPED: no GPU"] {
            report.tests(Command::new("echo").arg(line));
        }
        report.tests(Command::new("sh").args(["-c", "exit 1"]));
        assert_eq!(report.ends[0], End::Passed);
        assert!(matches!(&report.ends[1], End::NotRun(why) if why.contains("no such test")), "{:?}", report.ends);
        assert!(matches!(&report.ends[2], End::NotRun(why) if why == "SKIPPED: no GPU"), "{:?}", report.ends);
        assert!(matches!(report.ends[3], End::Failed(_)), "{:?}", report.ends);
    }

    #[test]
    fn what_did_not_run_did_not_pass() {
        let mut report = Report { ends: vec![End::Passed; STEPS.len() - 1], log: String::new() };
        report.rest("no network");
        assert!(
            report.summary().ends_with("    benchmark beside JAX       NOT RUN: no network\n"),
            "{}",
            report.summary()
        );
        assert!(report.verdict().unwrap_err().to_string().starts_with("1 of 9"));
        assert!(Report { ends: vec![End::Passed; STEPS.len()], log: String::new() }.verdict().is_ok());
    }
}
