//! Programs that did not do what they were to do, and the record of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use imnn_io::folder::names;
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
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the program cannot be started: {0}")]
    NotStarted(String),
    #[error("{0}")]
    Exit(String),
    #[error("it ran longer than the timeout of {0} s and was ended")]
    Timeout(f64),
    /// With what it wrote in place of its output, if anything.
    #[error("it wrote no file {{out}}{0}")]
    NoOutput(String),
    #[error("what it wrote is not a .npy array: {0}")]
    NotAnArray(String),
    #[error("what it wrote does not fit: {0}")]
    Shape(String),
    #[error("what it wrote is not finite: {0}")]
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

/// What is wrong, with what the program wrote in place of its output.
pub(crate) fn described(fault: Fault, folder: &Path) -> String {
    let Fault::NoOutput(_) = fault else { return fault.to_string() };
    let other = names(folder).unwrap_or_default().into_iter().find(|name| name != "log");
    let instead = other.map_or_else(String::new, |name| format!(", but {name} beside it"));
    Fault::NoOutput(instead).to_string()
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
