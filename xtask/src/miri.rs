//! `cargo xtask miri`: unsafe code in the interpreter of Rust's intermediate language, which knows the rules of the language.
//!
//! Miri sees what AddressSanitizer does not: two threads that write to one place, an access beyond a slice but inside its
//! allocation, a reference that is used after another has taken its place, values that no type has. It runs several hundred times
//! slower, and knows neither OpenBLAS nor CUDA, so it is given the crate whose unsafe code needs neither; products take their
//! portable kernels there, as it claims to be a processor without vector instructions.

use std::process::Command;

use crate::process::{Failure, Outcome, run as run_command, succeeds};
use crate::workspace;

/// The thread pool, which lends a borrow to threads, and products of matrices.
const CRATE: &str = "imnn-compute";
/// Tests in whose names one of these is. `elementary` only computes, a million numbers; the products that stay inside their memory
/// are too many, and are the sanitiser's.
const TESTS: [&str; 5] = ["threads::", "aligned", "narrow", "products_of_all_orientations", "nothing_times_nothing"];

pub fn run(arguments: &[String]) -> Outcome {
    let cargo = |arguments: &[&str]| {
        // Of another toolchain: what this one has set for us must not reach it.
        let mut cargo = Command::new("cargo");
        cargo.arg("+nightly").args(arguments).current_dir(workspace::root()).env_remove("RUSTUP_TOOLCHAIN");
        cargo
    };
    if !succeeds(&mut cargo(&["miri", "--version"])) {
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
        run_command(install.args(["--component", "miri", "--component", "rust-src"])).map_err(|failure| {
            Failure::new(format!("{failure}; Miri comes with Rust's nightly toolchains, by rustup"))
        })?;
    }
    let mut tests = cargo(&["miri", "test", "--lib", "--package", CRATE]);
    tests.arg("--target-dir").arg(workspace::target().join("miri")).arg("--");
    match arguments.is_empty() {
        true => tests.args(TESTS),
        false => tests.args(arguments),
    };
    // The tests look at the machine's clock, files and number of processors.
    run_command(tests.env("MIRIFLAGS", "-Zmiri-disable-isolation"))
}
