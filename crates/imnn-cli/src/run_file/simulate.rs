//! The TOML file that says what `imnn simulate` simulates.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imnn::io::{ConfigError, Document, FileError, Section};
use imnn::jobs::Design;

use super::Check;

/// What to simulate, by which program, and how many at a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimulateFile {
    /// What to simulate.
    pub design: Design,
    /// The folder in which programs are started: `dir`, as seen from the folder of the file.
    pub dir: PathBuf,
    /// `timeout`: how long each may run; without one as long as it likes.
    pub timeout: Option<Duration>,
    /// `jobs`: how many run at a time; as many as there are processors by default.
    pub jobs: Option<NonZero<usize>>,
    /// `block`: how many simulations there are in a file; each is a file of its own by default.
    pub block: Option<NonZero<usize>>,
    /// `retries`: how often each is tried again when it fails; 0 by default.
    pub retries: usize,
    /// `check`: whether the first seed is run twice, to see that it gives the same; it is by default.
    pub check: Check,
}

impl SimulateFile {
    /// Reads such a file; paths in it are taken from the folder it is in.
    ///
    /// # Errors
    /// A file that cannot be read, that is not TOML, or in which a key is unknown, missing or has an invalid value.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(FileError::of("read", path))?;
        Self::parse(&text, path)
    }

    /// Reads the text of such a file; `path` is its name in messages, and paths are taken from the folder of `path`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let document = Document::parse(text, path)?;
        let root = document.root();
        root.only(&[&Design::KEYS[..], &["timeout", "jobs", "block", "retries", "check"]].concat())?;
        refuse_one_text(&root)?;
        let design = Design::read(&root)?;
        let base = match path.parent() {
            Some(base) if !base.as_os_str().is_empty() => base,
            _ => Path::new("."),
        };
        let jobs = match root.optional("jobs")? {
            Some(jobs) => Some(NonZero::new(jobs).ok_or_else(|| root.invalid("jobs", "0 is too few, at least 1"))?),
            None => None,
        };
        let dir = base.join(&design.dir);
        let (timeout, block, retries) = (read_timeout(&root)?, read_block(&root)?, root.or("retries", 0)?);
        let check = root.choice("check", &Check::WORDS)?.unwrap_or_default();
        Ok(Self { dir, timeout, jobs, block, retries, check, design })
    }
}

/// A command as it is typed into a shell is none: spaces may be part of an argument.
fn refuse_one_text(root: &Section<'_>) -> Result<(), ConfigError> {
    let Some(text) = root.item("command").and_then(|item| item.as_str().map(str::to_owned)) else { return Ok(()) };
    let texts: Vec<String> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
    let reason = format!("program and arguments are a list of texts in quotes: command = [{}]", texts.join(", "));
    Err(root.invalid("command", reason))
}

fn read_block(root: &Section<'_>) -> Result<Option<NonZero<usize>>, ConfigError> {
    let Some(block) = root.optional::<usize>("block")? else { return Ok(None) };
    match NonZero::new(block) {
        Some(size) if block > 1 => Ok(Some(size)),
        _ => Err(root.invalid("block", format!("{block} simulations in a file are too few; write at least 2, as block = 1000, or omit it for a file of each"))),
    }
}

fn read_timeout(root: &Section<'_>) -> Result<Option<Duration>, ConfigError> {
    let Some(seconds) = root.optional::<f64>("timeout")? else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(timeout) if !timeout.is_zero() => Ok(Some(timeout)),
        _ => Err(root.invalid("timeout", format!("{seconds} s: it must be positive; omit it for no limit"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"theta_fid = [0.0, 1.0]
parameters = ["mu", "s"]
delta_theta = [0.5, 0.25]
n_s = 10
command = ["p", "{seed}", "{theta}", "{out}"]
"#;

    #[test]
    fn defaults_are_filled_in() {
        let file = SimulateFile::parse(FILE, "there/sims.toml").unwrap();
        assert_eq!((file.design.n_s, file.design.n_d, file.design.first_seed), (10, 10, 0));
        assert_eq!((&file.design.theta_below, &file.design.theta_above), (&vec![-0.25, 0.875], &vec![0.25, 1.125]));
        assert_eq!((file.dir, file.timeout, file.jobs, file.retries), ("there/.".into(), None, None, 0));
        assert_eq!(file.block, None);
        let file = SimulateFile::parse(&format!("{FILE}block = 1000"), "sims.toml").unwrap();
        assert_eq!(file.block, NonZero::new(1000));
    }

    #[track_caller]
    fn refuses(text: &str, parts: &[&str]) {
        let message = SimulateFile::parse(text, "sims.toml").unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }

    #[test]
    fn faults_are_named_with_their_lines() {
        refuses(&FILE.replace("n_s", "ns"), &["unknown key \"ns\"", "line 4", "did you mean \"n_s\"?"]);
        refuses(&FILE.replace("n_s = 10", ""), &["the key \"n_s\" is missing", "n_s = 1000"]);
        refuses(&FILE.replace("n_s = 10", "n_s = 1"), &["sims.toml line 4: n_s: 1 is too few"]);
        refuses(&FILE.replace("{seed}", "{sed}"), &["command: ", "line 5", "unknown placeholder {sed}"]);
        refuses(&FILE.replace("\"{theta}\", ", ""), &["the program is not told mu"]);
        refuses(&FILE.replace("\"s\"]", "\"a/b\"]"), &["parameters: ", "line 2", "cannot be one"]);
        refuses(&FILE.replace("0.25]", "-0.25]"), &["delta_theta: ", "line 3"]);
        refuses(&FILE.replace("0.25]", "1e-30]"), &["theta_above: ", "entry 1 is 1, not above"]);
        refuses(
            &format!("{FILE}theta_below = [0, 0]\ntheta_above = [1, 2]"),
            &["contradicts theta_above[0] - theta_below[0] = 1"],
        );
        refuses(&format!("{FILE}timeout = 0"), &["timeout: ", "line 6", "omit it for no limit"]);
        refuses(&format!("{FILE}timeout = 1e300"), &["timeout: "]);
        refuses(&format!("{FILE}jobs = 0"), &["jobs: ", "at least 1"]);
        for block in ["0", "1"] {
            refuses(&format!("{FILE}block = {block}"), &["block: ", "line 6", "at least 2", "omit it"]);
        }
        refuses(&format!("{FILE}block = -1"), &["block: ", "not negative"]);
        refuses(&format!("{FILE}block = 10.5"), &["block: ", "a whole number"]);
        refuses(&format!("{FILE}retries = -1"), &["retries: ", "not negative"]);
        refuses(&format!("{FILE}command = 1"), &["line 6"]);
        let text = FILE.replace("[\"p\", \"{seed}\", \"{theta}\", \"{out}\"]", "\"p {seed}\"");
        refuses(&text, &["a list of texts", "command = [\"p\", \"{seed}\"]"]);
        refuses(&format!("{FILE}check = \"offf\""), &["did you mean \"off\"?"]);
        refuses("x = ", &["not valid TOML"]);
    }
}
