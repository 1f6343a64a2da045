//! Files that another process cuts short while they are in use.

#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::data::{EXACT, Folder};
use super::{imnn, prints, until};

fn cut(folder: &Folder, name: &str, len: u64) {
    let file = OpenOptions::new().write(true).open(folder.path(name)).expect("a file");
    file.set_len(len).expect("cut");
}

#[test]
fn data_that_are_cut_while_training_streams_from_them_are_named() {
    let folder = Folder::new();
    // Nothing is kept between the passes, so that every iteration reads the files.
    let text = EXACT
        .replace("[network]", "load = \"stream\"\nprefetch = \"never\"\n[network]")
        .replace("max_iterations = 8", "max_iterations = 2000\nround = 2000\ntolerance = 0.0")
        .replace("threads = 1", "threads = 1\nmemory = 1000");
    let run = folder.run_file(&text);
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    for (name, len) in [("fiducial.npy", 700), ("exact.npy", 100), ("exact.npy", 0)] {
        let out = folder.text("out");
        let child = Command::new(env!("CARGO_BIN_EXE_imnn"))
            .args(["fit", &run, "--out", &out, "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        until("a checkpoint", || folder.path("out/unfinished/checkpoint/manifest.json").exists());
        let bytes = fs::read(folder.path(name)).expect("a file");
        cut(&folder, name, len);
        let output = child.wait_with_output().expect("it ends");
        let message = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(name) && message.contains("bytes"), "{message}");
        // What was trained until then is not lost.
        fs::write(folder.path(name), bytes).expect("written");
        prints(&["fit", &run, "--out", &out, "--quiet"]);
        for name in ["weights.safetensors", "final.safetensors", "history.npz", "statistics.npz"] {
            let bytes = |run: &str| fs::read(folder.path(&format!("{run}/{name}"))).expect("a file of the run");
            assert!(bytes("out") == bytes("whole"), "{name}: other bits");
        }
        fs::remove_dir_all(folder.path("out")).expect("removed");
    }
}

#[test]
fn a_run_that_is_cut_is_never_taken_for_a_whole_one() {
    let folder = Folder::new();
    let (run, out) = (folder.run_file(EXACT), folder.text("out"));
    prints(&["fit", &run, "--out", &out, "--quiet"]);
    let arguments = ["estimate", &out, &folder.text("fiducial.npy"), "--json"];
    let expected = prints(&arguments);
    let weights = fs::read(folder.path("out/weights.safetensors")).expect("weights");
    let ends = Instant::now() + Duration::from_millis(800);
    let (right, refused) = thread::scope(|scope| {
        scope.spawn(|| {
            // Cut and whole in turn, under everybody who reads.
            while Instant::now() < ends {
                for len in [weights.len() - 1, 100, 0] {
                    cut(&folder, "out/weights.safetensors", len as u64);
                    thread::sleep(Duration::from_millis(3));
                    fs::write(folder.path("out/weights.safetensors"), &weights).expect("written");
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        let (mut right, mut refused) = (0, 0);
        while Instant::now() < ends {
            let output = imnn(&arguments);
            let message = String::from_utf8(output.stderr).expect("text");
            if output.status.success() {
                assert_eq!(String::from_utf8(output.stdout).expect("text"), expected);
                right += 1;
            } else {
                assert!(output.status.code() == Some(1) && message.contains("weights.safetensors"), "{message}");
                refused += 1;
            }
        }
        (right, refused)
    });
    println!("{right} estimates were right, {refused} refused");
    cut(&folder, "out/weights.safetensors", 100);
    let output = imnn(&arguments);
    let message = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.code() == Some(1) && message.contains("weights.safetensors"), "{message}");
    fs::write(folder.path("out/weights.safetensors"), &weights).expect("written");
    assert_eq!(prints(&arguments), expected);
}
