//! Signals: each saves what was trained, and says so.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use imnn::fit::History;
use rustix::process::{Pid, Signal, kill_process};

use super::data::{EXACT, Folder};
use super::{imnn, prints, refuses};

/// A run that is training.
struct Training {
    child: Child,
    errors: BufReader<ChildStderr>,
}

impl Training {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imnn"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut errors = BufReader::new(child.stderr.take().expect("standard error"));
        let mut line = String::new();
        errors.read_line(&mut line).expect("text");
        assert!(line.starts_with("training on 80 simulations"), "{line}");
        Training { child, errors }
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }

    /// The next line on standard error that is not empty.
    fn says(&mut self) -> String {
        let mut line = String::new();
        while line.trim().is_empty() && self.errors.read_line(&mut line).expect("text") > 0 {}
        line.trim().to_owned()
    }

    /// Makes checkpoints until there are iterations in one.
    fn trains(&mut self) {
        let mut iterations = 0;
        while iterations == 0 {
            self.send(Signal::USR1);
            let said = self.says();
            let count = said.strip_prefix("checkpoint made after ").and_then(|said| said.split(' ').next());
            iterations = count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        }
    }

    /// What it prints and says until it ends.
    fn end(mut self) -> (ExitStatus, String, String) {
        let output = self.child.wait_with_output().expect("it ends");
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).expect("text");
        (output.status, String::from_utf8(output.stdout).expect("text"), rest)
    }
}

/// So many iterations, in one round.
fn long(iterations: u64) -> String {
    EXACT.replace("max_iterations = 8", &format!("max_iterations = {iterations}\nround = {iterations}"))
}

fn numbers(folder: &Folder, out: &str) -> Vec<Vec<u8>> {
    ["weights.safetensors", "final.safetensors", "history.npz", "statistics.npz"]
        .map(|name| fs::read(folder.path(&format!("{out}/{name}"))).expect("a file of the run"))
        .into()
}

#[test]
fn an_interrupt_ends_training_and_saves_it() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(&long(100_000_000)), folder.text("out"));
    let mut training = Training::start(&["fit", &run, "--out", &out]);
    training.trains();
    training.send(Signal::INT);
    let (status, text, said) = training.end();
    assert!(status.success(), "{status:?}: {said}");
    assert!(said.contains("training ends with this iteration"), "{said}");
    assert!(text.contains("\nstopped because   it was interrupted\n"), "{text}");
    assert!(!History::load(folder.path("out/history.npz")).expect("a history").is_empty());
    prints(&["estimate", &out, &folder.text("fiducial.npy")]);
}

/// A batch system's warning, an end of a session, a Ctrl-C: whatever it is, the run goes on as if nothing had happened.
#[test]
fn runs_that_a_signal_has_ended_go_on_to_the_same_bits() {
    let folder = Folder::new();
    let run = folder.run_file(&long(6000));
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    for (name, signal, code) in [("term", Signal::TERM, 143), ("hup", Signal::HUP, 129), ("int", Signal::INT, 0)] {
        let out = folder.text(name);
        let mut training = Training::start(&["fit", &run, "--out", &out]);
        training.trains();
        training.send(signal);
        let (status, _, said) = training.end();
        assert_eq!(status.code(), Some(code), "{said}");
        if code != 0 {
            assert!(said.contains(&format!("`imnn fit --resume {out}` goes on")), "{said}");
            let message = refuses(&["estimate", &out, &folder.text("fiducial.npy")]);
            assert!(message.contains(&format!("`imnn fit --resume {out}` goes on")), "{message}");
        }
        // As the message says, or by the same command.
        let output = match signal {
            Signal::TERM => imnn(&["fit", &run, "--out", &out]),
            _ => imnn(&["fit", "--resume", &out]),
        };
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success() && said.contains("\ngoing on after "), "{said}");
        assert!(numbers(&folder, name) == numbers(&folder, "whole"), "{name}: other bits");
        assert!(!folder.path(&format!("{name}/checkpoint")).exists());
        let message = refuses(&["fit", "--resume", &out]);
        assert!(message.contains("came to its end"), "{message}");
    }
}

#[test]
fn another_run_does_not_go_on_in_its_place() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(&long(100_000_000)), folder.text("out"));
    let training = Training::start(&["fit", &run, "--out", &out]);
    let message = refuses(&["fit", &run, "--out", &out]);
    assert!(message.contains(&format!("lock is held by process {}", training.child.id())), "{message}");
    training.send(Signal::TERM);
    training.end();
    fs::write(&run, long(100)).expect("written");
    let message = refuses(&["fit", &run, "--out", &out]);
    let expected = "it is another: fit.max_iterations is 100000000 there, 100 in ";
    assert!(message.contains(expected) && message.contains("imnn fit --resume"), "{message}");
    prints(&["fit", &run, "--out", &out, "--force", "--quiet"]);
    assert_eq!(History::load(folder.path("out/history.npz")).expect("a history").len(), 100);
}

#[test]
fn a_program_that_is_stopped_before_it_trains_leaves_nothing() {
    let folder = Folder::new();
    // A pipe that nobody writes to: what reads it never begins to train.
    for signal in [Signal::INT, Signal::TERM] {
        let text = EXACT.replace("[network]\n", "[network]\ninitial = \"pipe.npz\"\n");
        let (run, out) = (folder.run_file(&text), folder.text("out"));
        let pipe = folder.path("pipe.npz");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let mut child = Command::new(env!("CARGO_BIN_EXE_imnn"))
            .args(["fit", &run, "--out", &out])
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let begun = std::time::Instant::now();
        while !folder.path("out/unfinished").exists() && begun.elapsed().as_secs() < 20 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        kill_process(Pid::from_child(&child), signal).expect("sent");
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(if signal == Signal::INT { 130 } else { 143 }));
        assert!(!folder.path("out").exists());
        fs::remove_file(pipe).expect("removed");
    }
}
