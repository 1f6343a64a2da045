//! `cargo xtask bench`: builds the benchmarks and passes everything on to them.

use crate::process::{Outcome, cargo, run as run_command};
use crate::setup;

pub fn run(arguments: &[String]) -> Outcome {
    setup::run()?;
    let cuda = arguments.iter().any(|argument| argument == "--cuda");
    let features: &[&str] = if cuda { &["--features", "cuda"] } else { &[] };
    let package = ["-p", "imnn-benches", "--bin", "imnn-benches"];
    eprintln!("compiling (some minutes the first time)");
    run_command(cargo(&["build", "--release"]).args(package).args(features))?;
    run_command(cargo(&["run", "--release", "--quiet"]).args(package).args(features).arg("--").args(arguments))
}
