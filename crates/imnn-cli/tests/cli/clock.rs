//! A clock that was set back: everything that was written before lies in the future.
//!
//! Time that passes is counted by a clock that cannot be set. The times of files are compared for what another machine has left
//! for a day, with that of a file that was made just now on the same disk.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use super::data::{EXACT, Folder};
use super::{imnn, prints, until};

/// Ten years ahead: a file and all that is in a folder.
fn into_the_future(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path).expect("a folder").for_each(|entry| into_the_future(&entry.expect("an entry").path()));
    }
    let later = SystemTime::now() + Duration::from_secs(10 * 365 * 24 * 60 * 60);
    fs::File::open(path).and_then(|file| file.set_modified(later)).expect("the time is set");
}

#[test]
fn a_run_from_the_future_goes_on_at_once() {
    let folder = Folder::new();
    let long = |n: u32| EXACT.replace("max_iterations = 8", &format!("max_iterations = {n}\nround = {n}"));
    let (run, out) = (folder.run_file(&long(6000)), folder.text("out"));
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_imnn"))
        .args(["fit", &run, "--out", &out, "--quiet"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("a checkpoint", || folder.path("out/unfinished/checkpoint").exists());
    child.kill().expect("killed");
    child.wait().expect("it ends");
    assert!(folder.path("out/lock").exists() && folder.path("out/unfinished/checkpoint").exists());
    for name in ["out", "fiducial.npy", "exact.npy", "run.toml"] {
        into_the_future(&folder.path(name));
    }
    // Nobody waits for the holder of the lock, and nothing is taken for new.
    let begun = std::time::Instant::now();
    let output = imnn(&["fit", &run, "--out", &out]);
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success() && said.contains("\ngoing on after "), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(15), "it waits for a holder that is gone");
    for name in ["weights.safetensors", "final.safetensors", "history.npz", "statistics.npz"] {
        let bytes = |run: &str| fs::read(folder.path(&format!("{run}/{name}"))).expect("a file of the run");
        assert!(bytes("out") == bytes("whole"), "{name}: other bits");
    }
    into_the_future(&folder.path("out"));
    prints(&["estimate", &out, &folder.text("fiducial.npy")]);
}

#[test]
fn what_another_machine_writes_in_the_future_is_not_taken_for_dead() {
    let folder = Folder::new();
    fs::create_dir(folder.path("out")).expect("a folder");
    // Of this name: a machine that has begun to run elsewhere, or before.
    let [ahead, old] = ["0a1b2c-012345678", "0a1b2c-112345678"].map(|number| format!("out/.x.npy.{number}.partial"));
    for name in [&ahead, &old] {
        fs::write(folder.path(name), "a part").expect("written");
    }
    into_the_future(&folder.path(&ahead));
    let past = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    fs::File::open(folder.path(&old)).and_then(|file| file.set_modified(past)).expect("the time is set");
    let arguments = ["data", "convert", &folder.text("fiducial.npy"), &folder.text("out/x.npy")];
    prints(&arguments);
    assert!(folder.path(&ahead).exists() && !folder.path(&old).exists(), "{:?}", folder.names("out"));
    // What is to be replaced may be from the future as well.
    into_the_future(&folder.path("out/x.npy"));
    prints(&[&arguments[..], &["--force"]].concat());
    let written = folder.path("out/x.npy").metadata().and_then(|of| of.modified()).expect("a time");
    assert!(written < SystemTime::now() + Duration::from_secs(60), "it was not replaced");
}
