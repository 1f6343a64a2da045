//! `cargo xtask check`: everything that has to pass before a change, cheapest first.

use crate::process::{Failure, Outcome, cargo, run as run_command};
use crate::{setup, test, tidy};

pub fn run(arguments: &[String]) -> Outcome {
    if let Some(argument) = arguments.first() {
        return Err(Failure::usage(format!("check takes no arguments, found `{argument}`")));
    }
    run_command(&mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::run(&[])?;
    setup::run()?;
    run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    documentation()?;
    test::run(&[])
}

/// The documentation, without a broken link or any other warning.
fn documentation() -> Outcome {
    run_command(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
