//! `cargo xtask check`: everything that has to pass before a change, cheapest first.

use crate::process::{Outcome, cargo, run as run_command};
use crate::{setup, test, tidy};

pub fn run(_: &[String]) -> Outcome {
    run_command(&mut cargo(&["fmt", "--all", "--check"]))?;
    tidy::run(&[])?;
    setup::run()?;
    run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    run_command(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    test::run(&[])
}
