//! `cargo xtask test`: all tests, those of the crate outside the workspace and of additions to the sources included.

use crate::process::{Outcome, cargo, run as run_command};
use crate::{addition, setup, workspace};

pub fn run(arguments: &[String]) -> Outcome {
    setup::run()?;
    if arguments.is_empty() {
        run_command(&mut cargo(&["test", "--workspace"]))?;
        standalone()?;
        addition::run(&[])
    } else {
        run_command(cargo(&["test"]).args(arguments))
    }
}

/// The crate that shows that `imnn-stats` can be used alone. Its outputs stay inside ours.
fn standalone() -> Outcome {
    let manifest = ["--manifest-path", "tests/standalone/Cargo.toml"];
    run_command(cargo(&["test"]).args(manifest).arg("--target-dir").arg(workspace::target().join("standalone")))
}
