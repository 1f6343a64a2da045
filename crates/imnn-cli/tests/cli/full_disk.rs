//! Disks that are full: a limit on the size of files for everybody, a small disk where the system lets us have one.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use super::data::{EXACT, Folder};
use super::namespaces::with_disk;
use super::{prints, until};

/// Long enough that something can happen to it between its checkpoints.
fn long() -> String {
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 3000\nround = 3000\ntolerance = 0.0");
    format!("{text}[checkpoints]\niterations = 500\n")
}

/// A command under a limit that makes writing fail instead of ending the program.
fn limited(limit: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("trap '' XFSZ; {limit} exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_imnn")]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn numbers(folder: &Folder, out: &str) -> Vec<Vec<u8>> {
    ["weights.safetensors", "final.safetensors", "history.npz", "statistics.npz"]
        .map(|name| fs::read(folder.path(&format!("{out}/{name}"))).expect("a file of the run"))
        .into()
}

#[test]
fn a_plot_that_does_not_fit_is_a_warning() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 200\nround = 200\ntolerance = 0.0");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let size = |name: &str| fs::metadata(folder.path(&format!("whole/{name}"))).expect("a file").len();
    let without: u64 = folder.names("whole").iter().filter(|name| *name != "plot.png").map(|name| size(name)).sum();
    assert!(without < size("plot.png") / 4, "{without} bytes without the plot, which has {}", size("plot.png"));
    // In units of 512 bytes.
    let limit = format!("ulimit -f {};", size("plot.png") / 2 / 512);
    let output = limited(&limit, &["fit", &run, "--out", &out, "--quiet"]).output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    let warning = format!("the run is saved, but not its plot: cannot write {out}/plot.png: File too large");
    assert!(said(&output).starts_with(&warning) && said(&output).lines().count() == 1, "{}", said(&output));
    assert!(numbers(&folder, "out") == numbers(&folder, "whole"), "other bits");
    assert!(!folder.names("out").contains(&"plot.png".to_owned()), "a part of a plot");

    // The same on a disk, with room for the rest in whole pages, twice as it is with the checkpoint.
    let room = format!("{}k", (2 * without / 1024 + 150).min(size("plot.png") / 1024));
    let script = format!("\"$0\" fit '{run}' --out disk/run --quiet; echo $? $(ls disk/run)");
    let Some(output) = with_disk(&folder, &room, &script) else { return };
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("0 ") && last.contains("manifest.json") && !last.contains("plot.png"), "{output:?}");
    let warning = "the run is saved, but not its plot: cannot write disk/run/plot.png: No space left on device";
    assert!(said(&output).starts_with(warning) && said(&output).lines().count() == 1, "{}", said(&output));
}

/// The disk fills up after a checkpoint. Training goes on and says so once, whatever comes of it.
#[test]
fn a_checkpoint_that_does_not_fit_ends_nothing() {
    let folder = Folder::new();
    let run = folder.run_file(&long());
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let none = Rlimit { current: Some(0), maximum: getrlimit(Resource::Fsize).maximum };
    let full = |out: &str| {
        let arguments = ["fit", &run, "--out", &folder.text(out), "--quiet"];
        let child = limited("", &arguments).spawn().expect("the program starts");
        until("a checkpoint", || folder.path(&format!("{out}/unfinished/checkpoint/manifest.json")).exists());
        prlimit(Some(Pid::from_child(&child)), Resource::Fsize, none).expect("limited");
        child
    };

    // There is room again before the end.
    let mut child = full("room");
    let pid = Pid::from_child(&child);
    let mut line = String::new();
    let mut errors = BufReader::new(child.stderr.take().expect("standard error"));
    errors.read_line(&mut line).expect("text");
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: none.maximum, maximum: none.maximum }).expect("no limit");
    let status = child.wait().expect("it ends");
    let mut rest = String::new();
    errors.read_to_string(&mut rest).expect("text");
    assert!(status.success() && rest.is_empty(), "{rest}");
    assert!(
        line.starts_with("no checkpoint could be made: cannot write ") && line.contains("File too large"),
        "{line}"
    );
    assert!(line.ends_with("training goes on, and it is tried again\n"), "{line}");
    assert!(numbers(&folder, "room") == numbers(&folder, "whole"), "other bits");

    // There is none, and the results do not fit either.
    let output = full("none").wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines: Vec<String> = said(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("no checkpoint could be made: "), "{lines:?}");
    assert!(lines[1].contains("cannot write ") && lines[1].contains("File too large"), "{lines:?}");
    assert!(lines[2].contains("when that is mended, start the same command again"), "{lines:?}");
    prints(&["fit", &run, "--out", &folder.text("none"), "--quiet"]);
    assert!(numbers(&folder, "none") == numbers(&folder, "whole"), "other bits");
}
