//! Ctrl-C.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use imnn::fit::History;
use rustix::process::{Pid, Signal, kill_process};

use super::data::{EXACT, Folder};

#[test]
fn an_interrupt_ends_training_and_saves_it() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 100000000\nround = 100000000");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(["fit", &run, "--out", &out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut errors = BufReader::new(child.stderr.take().expect("standard error"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("text");
    assert!(line.starts_with("training on 80 simulations"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).expect("sent");
    let output = child.wait_with_output().expect("it ends");
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("text");
    assert!(output.status.success(), "{:?}: {rest}", output.status);
    assert!(rest.contains("training ends with this iteration"), "{rest}");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("\nstopped because   it was interrupted\n"), "{text}");
    assert!(!History::load(folder.path("out/history.npz")).expect("a history").is_empty());
}
