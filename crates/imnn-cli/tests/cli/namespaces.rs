//! Disks and numbers of processes of our own, where the system lets an ordinary user have them (`unshare`).

#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::data::{EXACT, Folder};
use super::{imnn, prints, until};

/// Runs a script of `sh` in `folder`, where `disk` is a disk of this size of its own that goes with the script; `$0` is the
/// program. Nothing where the system forbids it, as many containers do, which is said on standard error.
pub fn with_disk(folder: &Folder, size: &str, script: &str) -> Option<Output> {
    fs::create_dir_all(folder.path("disk")).expect("a folder");
    let unshared = |script: &str| {
        let script = format!("mount -t tmpfs -o size={size} tmpfs disk && {{ {script}; }}");
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh", "-c", &script, env!("CARGO_BIN_EXE_imnn")]).current_dir(folder.path("")).output()
    };
    match unshared("true") {
        Ok(output) if output.status.success() => Some(unshared(script).expect("it ends")),
        refused => {
            eprintln!("passed over: no disk of its own for this test: {refused:?}");
            None
        }
    }
}

#[test]
fn a_mount_point_is_taken_as_it_is() {
    let folder = Folder::new();
    let run = folder.run_file(EXACT);
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    // Twice: a run is replaced there too.
    let fit = format!("\"$0\" fit '{run}' --out disk --quiet");
    let script =
        format!("{fit} && {fit} --force && ls -A disk && cmp disk/weights.safetensors whole/weights.safetensors");
    let Some(output) = with_disk(&folder, "8m", &script) else { return };
    let names = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(output.status.success(), "{output:?}");
    assert!(names.contains("\nmanifest.json\n") && !names.contains("\nunfinished"), "{names}");
    assert!(folder.names("disk").is_empty(), "something was written below the disk");
}

/// A run that trains until it is stopped.
fn endless() -> String {
    EXACT.replace("max_iterations = 8", "max_iterations = 100000000\nround = 100000000")
}

/// The number of a process says nothing of who holds a folder: another may have the same, in a container or after a new start.
#[test]
fn equal_numbers_of_processes_are_not_confused() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(&endless()), folder.text("out"));
    let mut first = Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(["fit", &run, "--out", &out, "--quiet"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("a checkpoint", || folder.path("out/unfinished/checkpoint").exists());
    // A shell gives the holder its own number, which the program that it becomes has as well.
    let same_number = |more: &str| {
        let script = format!(
            "sed \"s/^process = .*/process = $$/\" lock > copy && cat copy > lock && rm copy && cd .. && exec \"$0\" fit \
             '{run}' --out out --quiet {more}"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_imnn")]).current_dir(&out).output().expect("it ends")
    };
    let refused = same_number("");
    let message = String::from_utf8(refused.stderr).expect("text");
    assert!(refused.status.code() == Some(1) && message.contains("lock is held by process "), "{message}");
    first.kill().expect("killed");
    first.wait().expect("it ends");
    // Its holder is gone, though there is a process of that number: the one that asks.
    fs::write(&run, EXACT).expect("written");
    let output = same_number("--force");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// Each of two containers has a process 1.
#[test]
fn two_containers_that_share_a_folder_are_one_after_the_other() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(&endless()), folder.text("out"));
    let contained = || {
        let mut command = Command::new("unshare");
        command.args(["-Urpf", "--kill-child", env!("CARGO_BIN_EXE_imnn"), "fit", &run, "--out", &out, "--quiet"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let probe = Command::new("unshare").args(["-Urpf", "--kill-child", "true"]).output();
    if !probe.as_ref().is_ok_and(|probe| probe.status.success()) {
        eprintln!("passed over: no numbers of processes of its own for this test: {probe:?}");
        return;
    }
    let mut first = contained().spawn().expect("it starts");
    until("a checkpoint", || folder.path("out/unfinished/checkpoint").exists());
    let holder = fs::read_to_string(folder.path("out/lock")).expect("a lock");
    assert!(holder.contains("process = 1\n"), "{holder}");
    let refused = contained().output().expect("it ends");
    let message = String::from_utf8(refused.stderr).expect("text");
    assert!(refused.status.code() == Some(1) && message.contains("lock is held by process 1 on "), "{message}");
    first.kill().expect("killed");
    first.wait().expect("it ends");
    fs::write(&run, EXACT).expect("written");
    // The container goes with its first process a moment after that is gone.
    let ends = Instant::now() + Duration::from_secs(20);
    loop {
        let output = imnn(&["fit", &run, "--out", &out, "--quiet", "--force"]);
        let is_held = String::from_utf8_lossy(&output.stderr).contains("lock is held by process 1 on ");
        if !is_held || Instant::now() > ends {
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            return;
        }
    }
}
