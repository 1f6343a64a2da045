//! How soon information is found: by the defaults, by the recipe of the Python package, and by that package itself.

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use imnn::fit::{FitSettings, Imnn, Progress};
use imnn::models::{Adam, Layer, Network, dense, gelu, leaky_relu, serial};
use imnn::sim::Key;

use crate::Failure;
use crate::measure::{CpuTime, Share};
use crate::problems::{Data, Problem};
use crate::train::{Settings, train};

/// Shares whose first time is noted.
const SHARES: [f64; 2] = [0.90, 0.99];

/// Fresh simulations on which a share on the way is measured.
const FRESH: usize = 50_000;

/// Iterations between two measurements of a run that goes on.
const STEP: usize = 250;

/// CPU seconds after which such a run is given up.
const LONGEST: f64 = 60.0;

/// A way to find information: when it found how much.
struct Road {
    name: String,
    /// CPU seconds until each of [`SHARES`] was found.
    found: [Option<f64>; 2],
    /// CPU seconds, iterations and the share at the end.
    end: (f64, usize, f64),
    /// The largest share on the way.
    largest: f64,
}

impl Road {
    fn new(name: &str) -> Self {
        Road { name: name.to_owned(), found: [None; 2], end: (0.0, 0, 0.0), largest: 0.0 }
    }

    fn at(&mut self, seconds: f64, iterations: usize, share: f64) {
        for (found, wanted) in self.found.iter_mut().zip(SHARES) {
            if share >= wanted {
                found.get_or_insert(seconds);
            }
        }
        self.end = (seconds, iterations, share);
        self.largest = self.largest.max(share);
    }

    fn arrived(&self) -> bool {
        self.found.iter().all(Option::is_some)
    }

    fn row(&self, problem: &Problem) -> String {
        let [soon, late] = self.found.map(|found| found.map_or("not".to_owned(), |seconds| format!("{seconds:.2}")));
        let (seconds, iterations, share) = self.end;
        format!(
            "{:<24} {:<52} {soon:>8} {late:>8} {iterations:>10} {seconds:>8.1} {:>8.2} {:>8.2}",
            problem.name,
            self.name,
            100.0 * share,
            100.0 * self.largest
        )
    }
}

/// Prints the table for these problems; with the Python of the original package, if it is given.
pub(crate) fn table(problems: &[&Problem], original: Option<&Path>) -> Result<(), Failure> {
    println!(
        "{:<24} {:<52} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8}",
        "problem", "recipe", "s to 90%", "s to 99%", "iterations", "CPU s", "share %", "largest"
    );
    for &problem in problems {
        println!("{}", defaults(problem)?.row(problem));
        for (name, activation) in [("leaky ReLU", leaky_relu as fn() -> Layer), ("gelu", gelu)] {
            println!("{}", recipe(problem, name, activation)?.row(problem));
        }
        let names = ["leaky_relu", "gelu"];
        if let (Some(python), "mean and variance") = (original, problem.name) {
            for activation in names {
                println!("{}", package(python, activation)?.row(problem));
            }
        }
    }
    Ok(())
}

/// With the last layer alone, then with training.
fn defaults(problem: &Problem) -> Result<Road, Failure> {
    let mut road = Road::new("defaults");
    for max_iterations in [0, FitSettings::default().max_iterations] {
        let settings =
            Settings { fit: FitSettings { max_iterations, ..FitSettings::default() }, ..Settings::default() };
        let trained = train(problem, Key::new(0), &settings)?;
        let share = Share::measure(problem, &trained.imnn.compressor()?, FRESH)?.share();
        road.at(trained.seconds, trained.outcome.iterations, share);
    }
    Ok(road)
}

/// The original's: 3 x 128, Adam 1e-3, lambda 10, epsilon 0.1, on this engine.
fn recipe(problem: &Problem, name: &str, activation: fn() -> Layer) -> Result<Road, Failure> {
    let mut road = Road::new(&format!("the original's recipe on this engine, {name}"));
    let hidden = || [dense(128), activation()];
    let layers = [hidden(), hidden(), hidden()].into_iter().flatten();
    let network: Network = serial(layers.chain([dense(problem.theta_fid.len())]));
    let Data { training, .. } = problem.data(Key::new(0), Some(1000), Some(1000))?;
    let mut imnn = Imnn::<f32>::builder(network)
        .training(training)
        .theta_fid(problem.theta_fid)
        .optimiser(Adam::new(1e-3)?)
        .build()?;
    let settings = FitSettings {
        max_iterations: STEP,
        patience: STEP,
        min_iterations: STEP,
        best: false,
        ..FitSettings::original()
    };
    let (mut seconds, mut iterations) = (0.0, 0);
    while !road.arrived() && seconds < LONGEST {
        let start = CpuTime::now();
        let mut last = 0.0;
        imnn.fit_with(&settings, &mut |_: &Progress| {
            last = start.seconds();
            ControlFlow::Continue(())
        })?;
        (seconds, iterations) = (seconds + last, iterations + STEP);
        let share = Share::measure(problem, &imnn.compressor()?, FRESH)?.share();
        road.at(seconds, iterations, share);
    }
    Ok(road)
}

/// The package itself, on mean and variance.
fn package(python: &Path, activation: &str) -> Result<Road, Failure> {
    let mut road = Road::new(&format!("the original package, {}", activation.replace('_', " ")));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/original_information.py");
    let mut child =
        Command::new(python).arg(script).arg(activation).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to = child.stdin.take().ok_or("the program has no standard input")?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the program has no standard output")?).lines();
    while !road.arrived() && road.end.0 < LONGEST {
        writeln!(to, "{STEP}")?;
        let line = lines.next().ok_or("the original package ended early")??;
        let found: serde_json::Value = serde_json::from_str(&line)?;
        let number = |key: &str| found[key].as_f64().ok_or_else(|| format!("no {key} in {line}"));
        road.at(number("seconds")?, number("iterations")? as usize, number("share")?);
    }
    drop(to);
    child.wait()?;
    Ok(road)
}
