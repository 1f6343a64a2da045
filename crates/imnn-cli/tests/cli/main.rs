//! The program as its users run it.

mod cautions;
mod clock;
mod cut;
mod data;
mod data_check;
mod data_files;
mod fisher;
mod fit;
mod fit_checks;
mod full_disk;
mod given;
mod init;
mod interrupt;
mod invalid;
mod kept_apart;
mod killed;
mod leftovers;
mod many_members;
mod namespaces;
mod noise;
mod open;
mod permissions;
mod places;
mod plot;
mod read_out;
mod refine;
mod refusals;
mod report;
mod saved;
mod simulate;
mod standard_error;
mod streamed;
mod trained;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Runs the program with these arguments.
fn imnn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_imnn")).args(arguments).output().expect("the program starts")
}

/// Runs the program; returns what it prints.
#[track_caller]
fn prints(arguments: &[&str]) -> String {
    let output = imnn(arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

/// Runs the program; returns the message with which it fails.
#[track_caller]
fn refuses(arguments: &[&str]) -> String {
    let output = imnn(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// Waits until something is so, which on a busy machine takes as long as it takes.
#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A file of reference numbers, or their folder.
fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}
