//! Commands that are killed, and what the next one finds.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ndarray::ArrayD;

use super::data::{Folder, names};
use super::prints;

/// Starts a command and kills it as soon as there is a hidden file or folder.
fn killed(folder: &Path, arguments: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        let before = names(folder).len();
        let mut child = Command::new(env!("CARGO_BIN_EXE_imnn"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        while names(folder).len() == before && child.try_wait().expect("a process").is_none() {}
        child.kill().expect("killed");
        child.wait().expect("a process");
        if names(folder).iter().any(|name| name.ends_with(".partial")) {
            return;
        }
        // It was done before.
        std::fs::remove_dir_all(folder).expect("removed");
        std::fs::create_dir(folder).expect("created");
    }
    panic!("never killed in time: {arguments:?}");
}

#[test]
fn what_killed_commands_left_is_gone_after_the_next() {
    let folder = Folder::new();
    folder.write("large.npy", &ArrayD::from_elem(vec![200, 10_000], 1.0));
    let out = folder.path("out");
    std::fs::create_dir(&out).expect("created");
    for (target, left) in [
        ("x.npy", vec!["x.npy"]),
        ("x.npz:x", vec!["x.npz"]),
        ("x.h5:x", vec!["x.h5"]),
        ("rows/{seed}.npy", vec!["rows"]),
        ("x_*.tfrecords", vec!["x_00000.tfrecords"]),
    ] {
        let (from, to) = (folder.text("large.npy"), folder.text(&format!("out/{target}")));
        let arguments = ["data", "convert", &from, &to, "--dtype", "f32"];
        killed(&out, &arguments);
        prints(&arguments);
        assert_eq!(names(&out), left, "{target}");
        std::fs::remove_dir_all(&out).expect("removed");
        std::fs::create_dir(&out).expect("created");
    }
}

#[test]
fn parts_that_were_being_replaced_are_found_again() {
    let folder = Folder::new();
    let (fiducial, derivative) = (folder.text("fiducial.npy"), folder.text("exact.npy"));
    let parts = folder.text("parts");
    let arguments = ["data", "split", "--fiducial", &fiducial, "--derivative", &derivative, "--out", &parts];
    prints(&arguments);
    // As a kill leaves it where the system cannot exchange two names.
    let set_aside =
        || std::fs::rename(folder.path("parts"), folder.path(".parts.0a1b2c-012345678.old")).expect("moved");
    set_aside();
    let text = prints(&["data", "inspect", &folder.text("parts/train/fiducial.npy")]);
    assert!(text.contains("(64, 6)"), "{text}");
    set_aside();
    prints(&[&arguments[..], &["--force"]].concat());
    assert!(names(&folder.path("")).iter().all(|name| !name.starts_with('.')), "{:?}", names(&folder.path("")));
}
