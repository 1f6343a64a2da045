//! `cargo xtask sanitise`: the tests of the crates with unsafe code under AddressSanitizer.
//!
//! All crates are compiled so that every load and store is watched, those of the matrix kernels included, with the vector
//! instructions of this machine: what lies outside an allocation, or was freed, ends the test. An access beyond a slice
//! but inside its allocation is not seen, hence there are tests whose slices end with their memory.

use crate::process::{Failure, Outcome, cargo, output, run as run_command};
use crate::{setup, workspace};

/// The crates with unsafe code: `matrix.rs` of imnn-compute calls `gemm`, its `threads/pool.rs` lends a borrow to threads;
/// imnn-device calls the libraries of NVIDIA, and in tests kernels that are compiled for the host; imnn-ranks calls MPI, and
/// in tests one that is made up.
const CRATES: [&str; 3] = ["imnn-compute", "imnn-device", "imnn-ranks"];

pub fn run(arguments: &[String]) -> Outcome {
    setup::run()?;
    let target = target(&output(&mut cargo(&["--version", "--verbose"]))?)?;
    let mut tests = cargo(&["test", "--lib", "--target", &target]);
    tests
        .args(CRATES.iter().flat_map(|name| ["--package", name]))
        .arg("--target-dir")
        .arg(workspace::target().join("sanitise"))
        .arg("--")
        .args(arguments)
        // The sanitiser comes with stable compilers too, but its flag is not stable.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        // Leaks are no matter of unsafe code, and looking for them needs rights that containers may not give.
        .env("ASAN_OPTIONS", "detect_leaks=0");
    run_command(&mut tests)
}

/// The machine's own target in what `cargo --version --verbose` prints. Named, it keeps the sanitiser out of build scripts
/// and macros.
fn target(version: &str) -> Outcome<String> {
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("`cargo --version --verbose` names no host"))?.trim();
    if host.ends_with("-linux-gnu") || host.ends_with("-apple-darwin") {
        return Ok(host.into());
    }
    Err(Failure::new(format!("AddressSanitizer is there for Linux (glibc) and macOS, this is {host}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_the_host() {
        let version =
            |host: &str| format!("cargo 1.95.0 (f2d3ce0bd 2026-03-21)\nrelease: 1.95.0\nhost: {host}\nos: it\n");
        assert_eq!(target(&version("aarch64-apple-darwin")).unwrap(), "aarch64-apple-darwin");
        assert_eq!(target(&version("x86_64-unknown-linux-gnu")).unwrap(), "x86_64-unknown-linux-gnu");
        let failure = target(&version("x86_64-pc-windows-msvc")).unwrap_err();
        assert!(failure.to_string().contains("this is x86_64-pc-windows-msvc"), "{failure}");
        assert!(target("cargo 1.95.0").is_err());
    }
}
