//! Places for a run in which something is in the way.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};

use super::data::{EXACT, Folder};
use super::{imnn, prints, refuses, until};

#[test]
fn a_link_to_a_folder_stays_a_link_and_one_to_nothing_is_refused() {
    let folder = Folder::new();
    let run = folder.run_file(EXACT);
    fs::create_dir(folder.path("disk")).expect("a folder");
    symlink(folder.path("disk"), folder.path("link")).expect("a link");
    prints(&["fit", &run, "--out", &folder.text("link"), "--quiet"]);
    assert!(folder.path("link").is_symlink() && folder.path("disk/manifest.json").is_file());
    symlink(folder.path("nowhere"), folder.path("dangling")).expect("a link");
    let message = refuses(&["fit", &run, "--out", &folder.text("dangling"), "--quiet"]);
    assert!(message.contains("a link to something that is not there"), "{message}");
}

/// A run into `out` that has a checkpoint.
fn training(folder: &Folder, run: &str, out: &str) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(["fit", run, "--out", out, "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    until("a checkpoint", || folder.path("out/unfinished/checkpoint").exists());
    child
}

/// What was not there when the run began is not replaced, and the run is not lost.
#[test]
fn files_that_appear_while_training_stay_and_the_run_waits_for_its_place() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 3000\nround = 3000");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let child = training(&folder, &run, &out);
    fs::write(folder.path("out/thesis.txt"), "precious").expect("written");
    fs::write(folder.path("out/history.npz"), "another's").expect("written");
    let output = child.wait_with_output().expect("it ends");
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("history.npz: this has appeared since the run began"), "{message}");
    assert!(message.contains("start the same command again"), "{message}");
    assert_eq!(fs::read_to_string(folder.path("out/history.npz")).expect("a file"), "another's");
    // As the message says.
    fs::remove_file(folder.path("out/history.npz")).expect("removed");
    let said = prints(&["fit", &run, "--out", &out, "--quiet"]);
    assert!(said.contains("is in its place now"), "{said}");
    let bytes = |run: &str, name: &str| fs::read(folder.path(&format!("{run}/{name}"))).expect("a file");
    for name in ["weights.safetensors", "history.npz", "statistics.npz", "manifest.json"] {
        assert!(bytes("out", name) == bytes("whole", name), "{name}");
    }
    assert_eq!(fs::read_to_string(folder.path("out/thesis.txt")).expect("a file"), "precious");
}

/// A folder that goes while it is trained into: the run is saved under the same name.
#[test]
fn a_folder_that_is_removed_while_training_loses_nothing() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 3000\nround = 3000");
    let (run, out) = (folder.run_file(&text), folder.text("out"));
    let child = training(&folder, &run, &out);
    fs::rename(folder.path("out"), folder.path("moved")).expect("moved");
    let output = child.wait_with_output().expect("it ends");
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&format!("the run was saved in {out}")), "{message}");
    prints(&["estimate", &out, &folder.text("fiducial.npy")]);
}

#[test]
fn standard_error_that_cannot_be_written_harms_nothing() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(EXACT), folder.text("out"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let mut command = Command::new(env!("CARGO_BIN_EXE_imnn"));
    let status = command.args(["fit", &run, "--out", &out]).stdout(Stdio::null()).stderr(full).status();
    assert!(status.expect("it ends").success());
    prints(&["estimate", &out, &folder.text("fiducial.npy")]);
}

/// Read-only data are read, and a place that cannot be written to is found out before training. (Root may write anywhere.)
#[test]
fn permissions_are_found_out_at_once() {
    let folder = Folder::new();
    let run = folder.run_file(EXACT);
    let allow =
        |name: &str, mode| fs::set_permissions(folder.path(name), fs::Permissions::from_mode(mode)).expect("set");
    for name in ["fiducial.npy", "exact.npy", "run.toml"] {
        allow(name, 0o444);
    }
    fs::create_dir(folder.path("closed")).expect("a folder");
    allow("closed", 0o555);
    let may_write = fs::write(folder.path("closed/probe"), "").is_ok();
    let output = imnn(&["fit", &run, "--out", &folder.text("closed/out"), "--quiet"]);
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.success(), may_write, "{message}");
    if !may_write {
        assert!(message.contains("choose another place or change its permissions"), "{message}");
    }
    allow("closed", 0o755);
}
