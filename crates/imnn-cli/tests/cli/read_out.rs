//! The read-out of many features: the same bits however many threads compute, and whatever else is loaded.

use std::process::Command;

use super::data::{EXACT, Folder};

/// Weights after the read-out and a few iterations in rounds, with so many threads of a LAPACK.
#[track_caller]
fn weights(folder: &Folder, text: &str, lapack_threads: &str) -> Vec<u8> {
    let (run, out) = (folder.run_file(text), folder.text("out"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_imnn"));
    program.args(["fit", &run, "--out", &out, "--quiet", "--force"]).env("OPENBLAS_NUM_THREADS", lapack_threads);
    let output = program.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" by the read-out of 80 simulations"), "{}", text(&output.stdout));
    std::fs::read(folder.path("out/final.safetensors")).expect("weights")
}

/// A LAPACK shares large matrices among threads, and rounds otherwise with another number of them.
#[test]
fn many_features_have_the_same_bits_on_any_number_of_threads() {
    let folder = Folder::new();
    let wide = EXACT.replace("{ dense = 5 }", "{ dense = 300 }").replace("max_iterations = 8", "max_iterations = 2");
    let one = weights(&folder, &wide, "1");
    assert_eq!(weights(&folder, &wide, "2"), one, "two threads of LAPACK");
    for threads in [2, 4] {
        let more = wide.replace("threads = 1", &format!("threads = {threads}"));
        assert_eq!(weights(&folder, &more, "2"), one, "{threads} threads");
    }
    let streamed = wide.replace("[network]", "load = \"stream\"\n[network]");
    assert_eq!(weights(&folder, &streamed, "2"), one, "streamed");
}
