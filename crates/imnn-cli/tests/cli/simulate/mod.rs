//! Simulators that are programs of their own.

#![cfg(unix)]

mod blocks;
mod claims;
mod deadline;
mod failures;
mod first;
mod interrupted;
mod job_script;
mod launched;
mod one_set;
mod refused;
mod sets;
mod status;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use imnn::data::arrays;
use ndarray::ArrayD;
use serde_json::Value;
use tempfile::TempDir;

use super::data::names;
use super::{imnn, prints, refuses, until};

/// Six simulations of a line, four of them with partners.
const SIMS: &str = r#"theta_fid = [1.0]
parameters = ["slope"]
delta_theta = [0.5]
n_s = 6
n_d = 4
first_seed = 10
command = ["sh", "sim.sh", "{seed}", "{theta}", "{out}"]
jobs = 3
check = "off"
"#;

/// A folder with the simulator of the examples, and others around it.
struct Place(TempDir);

impl Place {
    fn new(sims: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        let line = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/external/line.sh");
        std::fs::copy(line, place.path("line.sh")).expect("copied");
        place.write("sims.toml", sims);
        place.simulator("");
        place
    }

    /// A simulator of lines that does something else before; $1 is the seed, $2 the slope, $3 the file.
    fn simulator(&self, before: &str) {
        self.write("sim.sh", &format!("echo \"$1 $2\" >> calls\n{before}\nsh line.sh \"$1\" \"$2\" \"$3\"\n"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    fn arguments(&self, out: &str, more: &[&str]) -> Vec<String> {
        let start = ["simulate".to_owned(), self.text("sims.toml"), "--out".to_owned(), self.text(out)];
        start.into_iter().chain(more.iter().map(|&text| text.to_owned())).collect()
    }

    fn simulate(&self, out: &str, more: &[&str]) -> Output {
        let arguments = self.arguments(out, more);
        imnn(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// What a run without faults prints.
    #[track_caller]
    fn makes(&self, out: &str, more: &[&str]) -> String {
        let arguments = self.arguments(out, &[more, &["--quiet"]].concat());
        prints(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[track_caller]
    fn refuses(&self, out: &str, parts: &[&str]) {
        self.refuses_with(out, &[], parts);
    }

    #[track_caller]
    fn refuses_with(&self, out: &str, more: &[&str], parts: &[&str]) {
        let arguments = self.arguments(out, more);
        contains(&refuses(&arguments.iter().map(String::as_str).collect::<Vec<_>>()), parts);
    }

    /// The JSON and the message of a run in which something fails.
    #[track_caller]
    fn fails(&self, out: &str, more: &[&str]) -> (Value, String) {
        let output = self.simulate(out, &[more, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (serde_json::from_slice(&output.stdout).expect("JSON"), text(&output.stderr))
    }

    /// How often the simulator was called with each seed and slope.
    fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for line in std::fs::read_to_string(self.path("calls")).unwrap_or_default().lines() {
            *calls.entry(line.to_owned()).or_default() += 1;
        }
        calls
    }

    fn array(&self, name: &str) -> ArrayD<f64> {
        arrays::read(&self.path(name).into()).expect("an array")
    }

    /// All simulations of a set with their bytes.
    fn simulations(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for vector in ["fiducial", "slope_m", "slope_p"] {
            let folder = self.path(out).join(vector);
            for name in if folder.exists() { names(&folder) } else { vec![] } {
                match std::fs::read(folder.join(&name)) {
                    Ok(bytes) => drop(all.insert(format!("{vector}/{name}"), bytes)),
                    // It is in a block now.
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{vector}/{name}"),
                }
            }
        }
        all
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[track_caller]
fn contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// Starts the program, to be killed or interrupted.
fn start(arguments: &[String]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Sends a signal by the shell, which has the command for it built in.
fn signal(name: &str, pid: &str) -> bool {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -$1 $2", "sh", name, pid]).stderr(Stdio::null());
    kill.status().expect("a shell").success()
}

/// Whether a process runs; one that has ended and was not asked about is none.
fn runs(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(state) => !state.contains(") Z "),
        Err(_) => !Path::new("/proc/self/stat").exists() && signal("0", pid),
    }
}
