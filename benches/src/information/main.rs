//! The program behind `cargo xtask information`: how much of the information in simulations the defaults find, and how soon.

mod exact;
mod measure;
mod problems;
mod variance;

use std::process::ExitCode;

use clap::Parser;
use imnn::fit::{FitSettings, Imnn};
use imnn::models::Network;
use imnn::sim::Key;

use measure::{CpuTime, Share};
use problems::{PROBLEMS, Problem};

/// What can go wrong.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Trains with the defaults on problems whose information is known, and prints the share of it that is found on fresh
/// simulations.
#[derive(Parser)]
struct Arguments {
    /// Problems to train on; all by default.
    problems: Vec<String>,
    /// Keys of the runs.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2")]
    keys: Vec<u64>,
    /// Layers in place of the suggested ones, as in a run file.
    #[arg(long)]
    layers: Option<String>,
    /// Settings in place of the defaults, as `[fit]` of a run file.
    #[arg(long)]
    fit: Option<String>,
    /// Simulations of an iteration.
    #[arg(long)]
    n_s: Option<usize>,
    /// Those of them with derivatives.
    #[arg(long)]
    n_d: Option<usize>,
    /// Fresh simulations to measure on.
    #[arg(long)]
    fresh: Option<usize>,
    /// Show the rounds of each run.
    #[arg(long)]
    rounds: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    println!(
        "{:<28} {:>4} {:>10} {:>8} {:>18} {:>14}",
        "problem", "key", "iterations", "CPU s", "share %", "missing nats"
    );
    for problem in PROBLEMS {
        let named = |name: &String| problem.name.contains(name.as_str());
        if arguments.problems.is_empty() || arguments.problems.iter().any(named) {
            for &key in &arguments.keys {
                one(arguments, problem, Key::new(key), key)?;
            }
        }
    }
    Ok(())
}

/// One run, as a row of the table.
fn one(arguments: &Arguments, problem: &Problem, key: Key, number: u64) -> Result<(), Failure> {
    let start = CpuTime::now();
    let n_s = arguments.n_s.unwrap_or(problem.n_s);
    let source = problem.source(n_s, arguments.n_d.unwrap_or(n_s))?;
    let network = match &arguments.layers {
        Some(text) => Network::from_toml(&toml::from_str::<toml::Table>(&format!("layers = {text}"))?["layers"])?,
        None => Network::suggested(source.input_shape(), problem.theta_fid.len()),
    };
    let settings: FitSettings = toml::from_str(arguments.fit.as_deref().unwrap_or_default())?;
    let mut imnn = Imnn::<f32>::builder(network).training(source).theta_fid(problem.theta_fid).key(key).build()?;
    let outcome = imnn.fit(&settings)?;
    let cpu = start.seconds();
    if arguments.rounds {
        eprintln!("{:?} {:?} {:?} {:?}", outcome.stop, outcome.last_layer, outcome.read_out_gain, outcome.held_out);
        for round in &imnn.history().rounds {
            eprintln!("  {round:?}");
        }
    }
    let share = Share::measure(problem, &imnn.compressor()?, arguments.fresh.unwrap_or(problem.fresh))?;
    println!(
        "{:<28} {number:>4} {:>10} {cpu:>8.2} {:>10.2} ± {:<5.2} {:>14.4}",
        problem.name,
        outcome.iterations,
        100.0 * share.share(),
        100.0 * share.share() * share.error,
        -share.difference,
    );
    Ok(())
}
