//! Mean and variance of ten Gaussian draws: the network learns to compress ten numbers to two, and nearly all of the exact
//! Fisher information survives.
//!
//! ```sh
//! cargo run --release -p imnn-examples --example mean_variance -- --out results
//! ```
//!
//! The data are `d_i = mu + sqrt(Sigma) z_i`, `i = 1..10`, at the fiducial `(mu, Sigma) = (0, 1)`. They are simulated anew in
//! every iteration, with exact derivatives, so the network cannot learn the simulations by heart. The exact Fisher matrix is
//! `diag(n / Sigma, n / (2 Sigma^2)) = diag(10, 5)`, its determinant 50.

use clap::Parser;
use imnn::data::{Microbatch, OnTheFly, Source};
use imnn::device::Cpu;
use imnn::fit::{Bar, FitSettings, Imnn, Suggestion, Weights};
use imnn::plot::{HistoryPlot, plot_history};
use imnn::sim::{GaussianMeanVariance, Key, Simulator};
use imnn::stats::Statistics;
use ndarray::{Array2, Array3};
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

const THETA_FID: [f64; 2] = [0.0, 1.0];
const N_DATA: usize = 10;

/// The command line.
#[derive(Parser)]
struct Arguments {
    /// The folder that the plot is written into
    #[arg(long, default_value = ".")]
    out: PathBuf,
}

/// The Fisher information of `sum d` and `sum d^2`, which keep all of it.
fn sufficient_statistics(source: &dyn Source<f32>, key: Key) -> Result<Statistics, Box<dyn Error>> {
    let n = source.n_s();
    let mut batch = Microbatch::new();
    source.read(0..n, key, &mut batch)?;
    let (d, dd) = (&batch.values, &batch.derivatives);
    let at = |values: &[f32], k: usize| f64::from(values[k]);
    let (mut x, mut dx) = (Array2::zeros((n, 2)), Array3::zeros((n, 2, 2)));
    for i in 0..n {
        for k in 0..N_DATA {
            let value = at(d, i * N_DATA + k);
            x[[i, 0]] += value;
            x[[i, 1]] += value * value;
            for a in 0..2 {
                let change = at(dd, (i * 2 + a) * N_DATA + k);
                dx[[i, 0, a]] += change;
                dx[[i, 1, a]] += 2.0 * value * change;
            }
        }
    }
    Ok(Statistics::new(x.view(), dx.view())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { out } = Arguments::parse();
    std::fs::create_dir_all(&out)?;
    let simulator = GaussianMeanVariance { n_data: N_DATA };
    println!("Training on 1000 fresh simulations of {N_DATA} draws in each iteration ...");
    let begin = Instant::now();
    let training = OnTheFly::new(simulator, &THETA_FID, 1000, 500)?;
    let suggestion = Suggestion::new::<f32>(&training, THETA_FID.len(), &Cpu::all()?, Key::new(0))?;
    let mut imnn = Imnn::<f32>::builder(suggestion.network)
        .theta_fid(THETA_FID)
        .names(["mean", "variance"])
        .training(training)
        .key(Key::new(0))
        .build()?;
    imnn.fit_with(&FitSettings::default(), &mut Bar::new())?;
    println!("... {:.1} s.\n", begin.elapsed().as_secs_f64());
    println!("After ... iterations the information on simulations that had no part in training was");
    for round in &imnn.history().rounds {
        let [found, gain] = [round.log_det_f, round.gain];
        println!(
            "  {:6}  ln det F {:.4} +- {:.4}, gained {:.4} +- {:.4}",
            round.iteration, found.value, found.error, gain.value, gain.error
        );
    }
    println!();

    // What the training set shows is biased by training on it: measure on simulations that nobody has seen.
    let fresh = OnTheFly::new(simulator, &THETA_FID, 100_000, 100_000)?;
    let found = imnn.measure(Weights::Best, &fresh, Key::new(1))?;
    let exact = simulator.fisher(&THETA_FID)?;
    let exact = Array2::from_shape_vec((2, 2), exact)?;
    let det_exact = exact[[0, 0]] * exact[[1, 1]] - exact[[0, 1]] * exact[[1, 0]];
    println!("Fisher information on 100,000 fresh simulations");
    println!("                   found                 exact");
    for a in 0..2 {
        println!(
            "  F[{a}]    {:9.4} {:9.4}   {:9.4} {:9.4}",
            found.f[[a, 0]],
            found.f[[a, 1]],
            exact[[a, 0]],
            exact[[a, 1]]
        );
    }
    println!("  det F   {:9.4}             {det_exact:9.4}", found.det_f);
    // A finite number of simulations holds a little more or less than the mean; the share does not mind.
    let sufficient = sufficient_statistics(&fresh, Key::new(1))?;
    let share = (found.log_det_f - sufficient.log_det_f).exp();
    println!("  that is {:.2} % of what the sufficient statistics of the same simulations have\n", 100.0 * share);

    println!("Quasi-maximum-likelihood estimates from one data set each");
    println!("  true mean  variance      estimated mean         estimated variance");
    let errors = imnn.compressor()?.errors();
    for (k, truth) in [[0.0, 1.0], [0.3, 1.2], [-0.5, 0.8]].into_iter().enumerate() {
        let data = simulator.draw(Key::new(2).fold_in(k as u64), &truth)?;
        let estimate = imnn.estimate(&data)?;
        let [mean, variance] = [estimate[[0, 0]], estimate[[0, 1]]];
        let sample_mean = data.iter().sum::<f64>() / N_DATA as f64;
        println!(
            "  {:9.2} {:9.2}    {mean:8.3} +- {:.3}      {variance:8.3} +- {:.3}       (mean of the draws {sample_mean:.3})",
            truth[0], truth[1], errors[0], errors[1],
        );
    }

    let plot = out.join("mean_variance.png");
    let settings = HistoryPlot { expected_det_f: Some(det_exact), ..HistoryPlot::default() };
    plot_history(imnn.history(), &settings, &plot)?;
    println!("\nThe training history is drawn in {}", plot.display());
    Ok(())
}
