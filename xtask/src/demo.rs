//! `cargo xtask demo`: from a clone to a trained network, a table and a plot with one command.

use std::time::Instant;

use crate::process::{Outcome, cargo, run as run_command};
use crate::{setup, workspace};

/// Where the example writes, relative to the root.
const OUT: &str = "target/demo";

pub fn run(_: &[String]) -> Outcome {
    setup::run()?;
    let package = ["-p", "imnn-examples", "--example", "mean_variance"];
    eprintln!("compiling (some minutes the first time)");
    run_command(cargo(&["build", "--release"]).args(package))?;
    std::fs::create_dir_all(workspace::root().join(OUT))?;
    let start = Instant::now();
    run_command(cargo(&["run", "--release", "--quiet"]).args(package).args(["--", "--out", OUT]))?;
    println!("trained and measured in {:.0} s", start.elapsed().as_secs_f64());
    let plot = workspace::root().join(OUT).join("mean_variance.png");
    if plot.is_file() {
        println!("plot: {}", plot.display());
    }
    println!("the program imnn: cargo install --path crates/imnn-cli --locked (most of it is compiled now)");
    Ok(())
}
