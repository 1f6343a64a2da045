//! Standard error that cannot be written: a pipe whose reader is gone, a full disk.

#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use super::data::{EXACT, Folder};
use super::prints;

const PROGRAM: &str = env!("CARGO_BIN_EXE_imnn");

/// The exit code where nobody reads standard error.
fn code(arguments: &[&str], error: impl Into<Stdio>) -> Option<i32> {
    let mut program = Command::new(PROGRAM);
    let mut child = program.args(arguments).stdout(Stdio::null()).stderr(error).spawn().expect("the program starts");
    drop(child.stderr.take());
    child.wait().expect("it ends").code()
}

#[test]
fn training_goes_on_whatever_becomes_of_standard_error() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 200\nround = 200\ntolerance = 0.0");
    let run = folder.run_file(&text);
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("opened");
    let out = |name: &str| folder.text(name);
    let fit = |name: &str, error: Stdio| code(&["fit", &run, "--out", &out(name)], error);
    let closed = format!("exec \"$0\" fit '{run}' --out '{}' 2>&- >&-", out("closed"));
    let codes = [
        ("full", fit("full", full.into())),
        ("gone", fit("gone", Stdio::piped())),
        ("closed", Command::new("sh").args(["-c", &closed, PROGRAM]).status().expect("it ends").code()),
    ];
    for (name, code) in codes {
        assert_eq!(code, Some(0), "{name}");
        for file in ["weights.safetensors", "history.npz", "manifest.json"] {
            let bytes = |run: &str| std::fs::read(folder.path(&format!("{run}/{file}"))).expect("a file of the run");
            assert!(bytes(name) == bytes("whole"), "{name}: {file} has other bits");
        }
    }
}

#[test]
fn what_cannot_be_said_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let sims =
        "theta_fid = [1.0]\ndelta_theta = [0.5]\nn_s = 4\ncommand = [\"false\", \"{seed}\", \"{theta}\", \"{out}\"]\n";
    std::fs::write(text("sims.toml"), sims).expect("written");
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("opened");
    for (k, fails) in [Stdio::piped(), full().into()].into_iter().enumerate() {
        // It says what it starts, each failure, and at last why it ends with 1.
        let out = text(&format!("out{k}"));
        assert_eq!(code(&["simulate", &text("sims.toml"), "--out", &out], fails), Some(1));
        let failures = std::fs::read_to_string(text(&format!("out{k}/failures.json"))).expect("the failures");
        assert!(failures.matches("\"seed\"").count() >= 3, "{failures}");
    }
    for fails in [Stdio::piped(), full().into()] {
        assert_eq!(code(&["data", "inspect", &text("none.npy")], fails), Some(1));
    }
}
