//! `cargo xtask fuzz`: every parser under damaged files.

use crate::process::{Outcome, cargo, run as run_command};
use crate::setup;

/// With the profile of the tests: it is optimised, looks for overflow, and all that it needs is there where tests were run.
pub fn run(arguments: &[String]) -> Outcome {
    setup::run()?;
    run_command(cargo(&["run", "--quiet", "-p", "imnn-fuzz", "--"]).args(arguments))
}
