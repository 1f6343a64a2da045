//! The program behind `cargo xtask information`: how much of the information in simulations the defaults find, and how soon.

mod exact;
mod lognormal;
mod measure;
mod problems;
mod pulls;
mod recipes;
mod refine;
mod train;
mod variance;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use imnn::models::Network;
use imnn::sim::Key;

use measure::Share;
use problems::{PROBLEMS, Problem};
use train::{Settings, Trained, train};

/// What can go wrong.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Trains with the defaults on problems whose information is known, and prints the share of it that is found on fresh
/// simulations.
#[derive(Parser)]
struct Arguments {
    /// Problems to train on, by parts of their names; all by default.
    problems: Vec<String>,
    /// Keys of the runs.
    #[arg(long, value_delimiter = ',', default_value = "0,1,2")]
    keys: Vec<u64>,
    /// Layers in place of the suggested ones, as in a run file.
    #[arg(long)]
    layers: Option<String>,
    /// Settings in place of the defaults, as `[fit]` of a run file.
    #[arg(long, default_value = "")]
    fit: String,
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
    /// Instead: how soon 90 % and 99 % are found, beside the recipe of the Python package, for problems of vectors.
    #[arg(long)]
    recipes: bool,
    /// Instead: whether estimates of fresh data scatter as their errors say.
    #[arg(long, conflicts_with = "recipes")]
    pulls: bool,
    /// Instead: whether training again at the estimate finds the maximum of the likelihood, for 20 targets three errors off.
    #[arg(long, conflicts_with_all = ["recipes", "pulls"])]
    refine: bool,
    /// With --recipes: the Python of an environment with the Python package (benches/peers/README.md).
    #[arg(long, requires = "recipes")]
    original: Option<PathBuf>,
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
    let named = |problem: &&Problem| arguments.problems.iter().any(|name| problem.name.contains(name.as_str()));
    let mut problems: Vec<&Problem> =
        PROBLEMS.iter().filter(|problem| arguments.problems.is_empty() || named(problem)).collect();
    if problems.is_empty() {
        let names: Vec<_> = PROBLEMS.iter().map(|problem| problem.name).collect();
        return Err(format!("no such problem; there are: {}", names.join("; ")).into());
    }
    if arguments.pulls {
        return pulls::table(&problems, &arguments.keys);
    }
    if arguments.refine {
        problems.retain(|problem| ["mean and variance", "power-law field"].contains(&problem.name));
        return refine::table(&problems);
    }
    if arguments.recipes {
        problems.retain(|problem| !problem.name.contains("field"));
        return recipes::table(&problems, arguments.original.as_deref());
    }
    let settings = Settings {
        network: arguments.layers.as_deref().map(network).transpose()?,
        fit: toml::from_str(&arguments.fit)?,
        n_s: arguments.n_s,
        n_d: arguments.n_d,
    };
    println!(
        "{:<24} {:>4} {:>10} {:>8} {:>18} {:>20} {:>9}",
        "problem", "key", "iterations", "CPU s", "share %", "missing ln det F", "exact"
    );
    for problem in problems {
        for &key in &arguments.keys {
            let trained = train(problem, Key::new(key), &settings)?;
            if arguments.rounds {
                rounds(&trained);
            }
            let fresh = arguments.fresh.unwrap_or(problem.fresh);
            let Share { difference, error } = Share::measure(problem, &trained.imnn.compressor()?, fresh)?;
            println!(
                "{:<24} {key:>4} {:>10} {:>8.2} {:>10.2} ± {:<5.2} {:>11.4} ± {:.4} {:>9.4}",
                problem.name,
                trained.outcome.iterations,
                trained.seconds,
                100.0 * difference.exp(),
                100.0 * difference.exp() * error,
                -difference,
                error,
                problem.log_det_f,
            );
        }
    }
    Ok(())
}

/// The layers of a run file.
fn network(layers: &str) -> Result<Network, Failure> {
    Ok(Network::from_toml(&toml::from_str::<toml::Table>(&format!("layers = {layers}"))?["layers"])?)
}

/// What the run says of itself.
fn rounds(Trained { imnn, outcome, .. }: &Trained) {
    eprintln!("{:?}; {:?}; read-out after {:?}", outcome.stop, outcome.last_layer, outcome.read_out_gain);
    for round in &imnn.history().rounds {
        let [found, gain] = [round.log_det_f, round.gain];
        eprintln!(
            "  {:>6}  ln det F {:.4} ± {:.4}, gained {:.4} ± {:.4}",
            round.iteration, found.value, found.error, gain.value, gain.error
        );
    }
}
