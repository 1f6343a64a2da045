//! Programs that did not do what they were to do, and the record of it.

use std::fmt::{Display, Formatter};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A simulation that could not be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// The name of its parameter vector, such as `fiducial` or `Om_p`.
    pub vector: String,
    /// Its seed.
    pub seed: u64,
    /// Its parameters.
    pub theta: Vec<f64>,
    /// The program with its arguments.
    pub command: Vec<String>,
    /// What happened: `not_started`, `exit`, `timeout`, `no_output`, `not_an_array`, `shape` or `not_finite`.
    pub kind: String,
    /// What happened, in words.
    pub reason: String,
    /// How often it was tried.
    pub attempts: usize,
    /// The file with all that the program printed, seen from the folder of the simulations.
    pub log: String,
    /// Its last lines.
    pub tail: String,
}

/// What can be wrong with a run of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    NotStarted(String),
    Exit(String),
    Timeout(f64),
    /// With what it wrote in place of its output, if anything.
    NoOutput(String),
    NotAnArray(String),
    Shape(String),
    NotFinite(String),
}

impl Fault {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotStarted(_) => "not_started",
            Self::Exit(_) => "exit",
            Self::Timeout(_) => "timeout",
            Self::NoOutput(_) => "no_output",
            Self::NotAnArray(_) => "not_an_array",
            Self::Shape(_) => "shape",
            Self::NotFinite(_) => "not_finite",
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStarted(reason) => write!(f, "the program cannot be started: {reason}"),
            Self::Exit(reason) => write!(f, "{reason}"),
            Self::Timeout(seconds) => write!(f, "it ran longer than the timeout of {seconds} s and was ended"),
            Self::NoOutput(instead) => write!(f, "it wrote no file {{out}}{instead}"),
            Self::NotAnArray(reason) => write!(f, "what it wrote is not a .npy array: {reason}"),
            Self::Shape(reason) => write!(f, "what it wrote does not fit: {reason}"),
            Self::NotFinite(reason) => write!(f, "what it wrote is not finite: {reason}"),
        }
    }
}

/// The last lines of what a program printed, as text that does no harm to a terminal.
pub(crate) fn tail(log: &Path) -> String {
    const BYTES: u64 = 4000;
    const LINES: usize = 20;
    let read = || {
        let mut file = File::open(log)?;
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(BYTES)))?;
        let mut bytes = vec![];
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    // A log that cannot be read is no reason to stop.
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let harmless = |line: &&str| {
        line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect::<String>()
    };
    lines[lines.len().saturating_sub(LINES)..].iter().map(harmless).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_short_and_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(tail(&log), "");
        let text: String = (0..1000).map(|k| format!("line {k}\n")).collect();
        std::fs::write(&log, format!("{text}\x1b[31mred\r\n\u{ff}")).unwrap();
        let tail = tail(&log);
        assert_eq!(tail.lines().count(), 20);
        assert!(tail.contains("line 999\n\u{fffd}[31mred\n"), "{tail:?}");
    }
}
