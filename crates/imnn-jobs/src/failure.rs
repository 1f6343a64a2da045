//! Programs that did not do what they were to do, and the record of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

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
    /// What happened: `not_started`, `exit`, `timeout`, `no_output`, `not_an_array`, `shape`,
    /// `not_finite` or `not_repeated`.
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
    /// By how much, in units of the scatter.
    #[error(
        "this seed gave other numbers the second time, {0:.2} times their scatter apart: the program does not use its seed"
    )]
    NotRepeated(f64),
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
            Self::NotRepeated(_) => "not_repeated",
        }
    }
}

/// What is wrong, with what the program wrote in place of its output, beside it or since then in the folder `dir`.
pub(crate) fn described(fault: Fault, folder: &Path, (dir, since): (&Path, SystemTime)) -> String {
    let Fault::NoOutput(_) = fault else { return fault.to_string() };
    let other = names(folder).unwrap_or_default().into_iter().find(|name| name != "log");
    let instead = match other {
        Some(name) if name.ends_with(".npz") => {
            format!(", but {name} beside it: np.savez writes archives and adds .npz; np.save(out, x) writes one array")
        }
        Some(name) => format!(", but {name} beside it; the name has to be that of {{out}}, to the last letter"),
        None => elsewhere(dir, since).map_or_else(String::new, |name| {
            format!(
                ", but {name} in {}, where it was started; it has to write to the path that {{out}} stands for",
                dir.display()
            )
        }),
    };
    Fault::NoOutput(instead).to_string()
}

/// A file that has appeared in a folder, as far as times tell.
fn elsewhere(dir: &Path, since: SystemTime) -> Option<String> {
    const LOOKED_AT: usize = 10_000;
    let is_new = |name: &String| {
        let metadata = std::fs::metadata(dir.join(name)).ok();
        metadata.is_some_and(|of| of.is_file() && of.modified().is_ok_and(|modified| modified >= since))
    };
    let names = names(dir).unwrap_or_default();
    let (arrays, others): (Vec<_>, Vec<_>) = names
        .into_iter()
        .take(LOOKED_AT)
        .filter(is_new)
        .partition(|name| name.ends_with(".npy") || name.ends_with(".npz"));
    arrays.into_iter().chain(others).next()
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
