//! `cargo xtask bench` and `cargo xtask information`: build a program of the benchmarks and pass everything on to it.

use crate::process::{Outcome, cargo, run as run_command};
use crate::setup;

pub fn run(arguments: &[String]) -> Outcome {
    program("imnn-benches", arguments)
}

pub fn information(arguments: &[String]) -> Outcome {
    program("information", arguments)
}

fn program(name: &str, arguments: &[String]) -> Outcome {
    setup::run()?;
    let cuda = arguments.iter().any(|argument| argument == "--cuda");
    let features: &[&str] = if cuda { &["--features", "cuda"] } else { &[] };
    let package = ["-p", "imnn-benches", "--bin", name];
    eprintln!("compiling (some minutes the first time)");
    run_command(cargo(&["build", "--release"]).args(package).args(features))?;
    run_command(cargo(&["run", "--release", "--quiet"]).args(package).args(features).arg("--").args(arguments))
}
