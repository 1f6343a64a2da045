//! `cargo xtask deny`: licences, sources, versions, build scripts and advisories of all that is built in.
//!
//! `deny.toml` says what is allowed, and why. cargo-deny reads it; where that is missing it is compiled into the target folder,
//! which takes minutes.

use std::process::Command;

use crate::process::{Outcome, cargo, run as run_command, succeeds};
use crate::workspace;

/// The version that `deny.toml` was written for: others know other keys.
const VERSION: &str = "0.20.2";

/// All checks, or those that are named: the advisories are fetched from GitHub, the others need no network.
pub fn run(arguments: &[String]) -> Outcome {
    if succeeds(&mut cargo(&["deny", "--version"])) {
        return run_command(cargo(&["deny", "check", "--hide-inclusion-graph"]).args(arguments));
    }
    let folder = workspace::target().join("deny");
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        let mut install = cargo(&["install", "--locked", "--version", VERSION, "cargo-deny", "--root"]);
        run_command(install.arg(&folder))?;
    }
    let mut check = Command::new(program);
    run_command(check.args(["check", "--hide-inclusion-graph"]).args(arguments).current_dir(workspace::root()))
}
