//! Measures how long trainings take, in CPU time of one thread, on pairs of (mu, Sigma) and the mean and variance of ten
//! draws: `cargo run --release -p imnn-flow --example measure -- epochs|train|sample affine|spline [pairs] [epochs]`.
//! `sbi_times.py` beside this does the same with sbi.

use imnn_flow::{Architecture, Bijection, Flow, Pairs, Training, TrainingSettings, train};
use imnn_sim::{Key, Real};
use ndarray::{Array2, Axis, array};
use rand::RngExt;
use std::ops::ControlFlow;
use std::time::Instant;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// mu uniform within ±10, Sigma within 0 and 10; mean and variance of ten draws.
fn pairs(n: usize, key: Key) -> Result<Pairs, imnn_flow::FlowError> {
    let (mut y, mut c) = (Array2::<f64>::zeros((n, 2)), Array2::<f64>::zeros((n, 2)));
    for (k, key) in key.fold_in_each(0..n as u64).enumerate() {
        let [prior, noise] = key.split();
        let (mut rng, mut numbers) = (prior.rng(), [0.0; 10]);
        noise.fill_normal(&mut numbers);
        let (mu, sigma): (f64, f64) = (20.0 * rng.random::<f64>() - 10.0, 10.0 * rng.random::<f64>());
        let draws: Vec<f64> = numbers.iter().map(|z| mu + sigma.sqrt() * z).collect();
        let mean = draws.iter().sum::<f64>() / 10.0;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 10.0;
        y.row_mut(k).assign(&array![mu, sigma]);
        c.row_mut(k).assign(&array![mean, variance]);
    }
    Pairs::new(y.view(), c.view())
}

/// Seconds on a processor of the calling thread: elapsed ones on a machine that does not tell.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.with(|start| start.elapsed().as_secs_f64()), |ns| ns * 1e-9)
}

thread_local! {
    static START: Instant = Instant::now();
}

fn epochs<E: Real + imnn_compute::Number>(settings: &TrainingSettings, data: &Pairs, epochs: usize) -> Outcome {
    let mut training = Training::<E>::new(data, settings, Key::new(1))?;
    training.run(2, &|_| ControlFlow::Continue(()))?;
    let mut times = Vec::new();
    for _ in 0..epochs {
        let start = cpu();
        training.run(1, &|_| ControlFlow::Continue(()))?;
        times.push(1e3 * (cpu() - start));
    }
    times.sort_by(f64::total_cmp);
    println!("{}: {:.2} ms per epoch, least {:.2}", E::NAME, times[epochs / 2], times[0]);
    Ok(())
}

fn whole<E: Real + imnn_compute::Number>(settings: &TrainingSettings, data: &Pairs) -> Outcome {
    let start = cpu();
    let trained = train::<E>(data, settings, Key::new(1))?;
    let seconds = cpu() - start;
    let member = &trained.members[0];
    let fresh = pairs(4000, Key::new(2))?;
    let loss = -trained.ensemble.log_density(fresh.y(), fresh.c())?.sum() / 4000.0;
    let volume: f64 = trained.ensemble.members()[0].y().sd().iter().map(|sd| sd.ln()).sum();
    let best = member.history[member.best_epoch - 1].validation + volume;
    let epochs = member.history.len();
    println!("{}: {seconds:.2} s of CPU, {epochs} epochs, loss {best:.4}, on fresh pairs {loss:.4}", E::NAME);
    Ok(())
}

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |k: usize, or: &str| words.get(k).cloned().unwrap_or_else(|| or.to_string());
    let bijection = if word(1, "affine") == "affine" { Bijection::Affine } else { Bijection::SPLINE };
    let n: usize = word(2, "10000").parse()?;
    let settings = TrainingSettings {
        architecture: Architecture { bijection, ..Architecture::default() },
        members: 1,
        threads: 1,
        ..TrainingSettings::default()
    };
    let data = pairs(n, Key::new(0))?;
    match &*word(0, "epochs") {
        "train" => {
            whole::<f32>(&settings, &data)?;
            whole::<f64>(&settings, &data)?;
        }
        "sample" => {
            let flow = Flow::<f32>::new(&settings.architecture, 2, 2, Key::new(0))?;
            let start = cpu();
            flow.sample(array![[0.1, 0.9]].view(), 10_000, Key::new(1))?;
            println!("10,000 draws of one posterior: {:.4} s", cpu() - start);
            let start = cpu();
            flow.sample(data.c().select(Axis(0), &(0..300).collect::<Vec<_>>()).view(), 1000, Key::new(1))?;
            println!("1000 draws of each of 300 posteriors: {:.3} s", cpu() - start);
            for (name, y) in [("one", 1), ("32", 32)] {
                let mut evaluator = flow.evaluator();
                let rows = data.c().select(Axis(0), &vec![0; y]);
                let start = cpu();
                for _ in 0..2000 {
                    evaluator.gradients(rows.view(), rows.view())?;
                }
                println!("a gradient of {name}: {:.2} us", 1e6 * (cpu() - start) / 2000.0);
            }
        }
        _ => {
            let n_epochs: usize = word(3, "20").parse()?;
            epochs::<f32>(&settings, &data, n_epochs)?;
            epochs::<f64>(&settings, &data, n_epochs)?;
        }
    }
    Ok(())
}
