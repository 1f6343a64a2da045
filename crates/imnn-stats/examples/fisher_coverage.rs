//! Is the corrected Fisher matrix unbiased, and do its errors cover? Gaussian problems with a known F, many times.
//!
//! `cargo run --release -p imnn-stats --example fisher_coverage [REPETITIONS [SEED]] [--noisy] [--resample]` prints tables in
//! Markdown. Means are relative to the truth (of ln det F: 1 plus the difference), with the distance from it in standard
//! errors; coverage is how often the truth is within one error, in per cent (68 is right); "given" is how often ln det F and
//! the forecast error are. The noise of the derivatives adds 1 % of F for each summary, with `--noisy` 5 %. `--resample`:
//! the coverage of a jackknife (40 groups at most) and of a bootstrap (100 draws) of simulations as well, dx drawn with x.

#[allow(dead_code)]
#[path = "../tests/samples.rs"]
mod samples;

use imnn_stats::{FisherEstimate, Measured, StatsError};
use ndarray::{Array2, Array3, Axis};
use samples::Samples;

/// Where the derivatives come from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Derivatives {
    /// The derivative itself.
    Exact,
    /// Exact derivatives of each simulation that follow it, `dx = D + a x`, with noise of their own.
    Following,
    /// Differences at the same seeds: the noise cancels but for what changes with the parameter.
    Matched,
    /// Differences at other seeds.
    Unmatched,
}

struct Problem {
    n_s: usize,
    n_d: usize,
    n_summaries: usize,
    n_params: usize,
    kind: Derivatives,
    /// What the noise of the derivatives adds to F for each summary.
    share: f64,
}

impl Problem {
    /// D with `D^T D` = 20 and correlations of 1/2 between neighbours.
    fn derivative(&self) -> Array2<f64> {
        let amplitude = 20.0_f64.sqrt();
        Array2::from_shape_fn((self.n_summaries, self.n_params), |(a, p)| match a as isize - p as isize {
            0 if p == 0 => amplitude,
            0 => amplitude * 0.75_f64.sqrt(),
            -1 => amplitude * 0.5,
            _ => 0.0,
        })
    }

    /// A set of simulations, and one of derivatives, mixed so that no direction is special.
    fn draw(&self, samples: &mut Samples) -> (Array2<f64>, Array3<f64>) {
        let (p, k) = (self.n_summaries, self.n_params);
        let x = samples.normals((self.n_s, p));
        let d = self.derivative();
        // So that in each of the p directions the noise adds this share of F.
        let noise = (20.0 * self.share * self.n_d as f64).sqrt();
        let dx = match self.kind {
            Derivatives::Exact => Array3::from_shape_fn((self.n_d, p, k), |(_, a, q)| d[[a, q]]),
            Derivatives::Following => Array3::from_shape_fn((self.n_d, p, k), |(i, a, q)| {
                d[[a, q]] + noise * (0.8 * x[[i, a]] * if q == 0 { 1.0 } else { -0.5 } + 0.6 * samples.normal())
            }),
            // x(theta) = mu(theta) + (1 + a theta) z, width 0.1.
            Derivatives::Matched => Array3::from_shape_fn((self.n_d, p, k), |(i, a, q)| {
                let at = |theta: f64| d[[a, q]] * theta + (1.0 + noise * theta) * x[[i, a]];
                (at(0.05) - at(-0.05)) / 0.1
            }),
            Derivatives::Unmatched => Array3::from_shape_fn((self.n_d, p, k), |(_, a, q)| {
                let width = 2.0_f64.sqrt() / noise;
                let mut at = |theta: f64| d[[a, q]] * theta + samples.normal();
                (at(0.5 * width) - at(-0.5 * width)) / width
            }),
        };
        let mixing =
            Array2::from_shape_fn((p, p), |(a, b)| if a == b { 2.0 } else { 1.0 / (2 + a.abs_diff(b)) as f64 });
        let mut mixed = Array3::zeros(dx.dim());
        for (mut to, dx) in mixed.outer_iter_mut().zip(dx.outer_iter()) {
            to.assign(&mixing.dot(&dx));
        }
        (x.dot(&mixing.t()) + 3.0, mixed)
    }
}

/// Means and coverage of one number.
#[derive(Default)]
struct Tally {
    values: Vec<f64>,
    covered: usize,
}

impl Tally {
    fn add(&mut self, found: Measured, truth: f64) {
        self.values.push(found.value);
        self.covered += usize::from((found.value - truth).abs() <= found.error);
    }

    /// Relative mean, its distance in standard errors, coverage.
    fn columns(&self, truth: f64, scale: f64) -> String {
        let n = self.values.len() as f64;
        if n < 2.0 {
            return "- | -".to_owned();
        }
        let mean = self.values.iter().sum::<f64>() / n;
        let variance = self.values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let z = (mean - truth) / (variance / n).sqrt().max(1e-12);
        format!("{:.3} ({z:+.1}) | {:.0}", 1.0 + (mean - truth) / scale, 100.0 * self.covered as f64 / n)
    }
}

fn chosen(x: &Array2<f64>, dx: &Array3<f64>, rows: &[usize]) -> Option<f64> {
    let of_d: Vec<usize> = rows.iter().copied().filter(|&row| row < dx.dim().0).collect();
    let (x, dx) = (x.select(Axis(0), rows), dx.select(Axis(0), &of_d));
    FisherEstimate::new(x.view(), dx.view()).ok()?.f.map(|f| f[[0, 0]])
}

fn scatter(values: &[f64], factor: f64) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (factor * values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()).sqrt()
}

/// The jackknife over interleaved groups of simulations.
fn jackknife(x: &Array2<f64>, dx: &Array3<f64>) -> f64 {
    let groups = x.nrows().min(40);
    let without = |g| (0..x.nrows()).filter(|row| row % groups != g).collect::<Vec<_>>();
    let values: Vec<f64> = (0..groups).filter_map(|g| chosen(x, dx, &without(g))).collect();
    scatter(&values, (groups - 1) as f64 / groups as f64)
}

/// The bootstrap over simulations; those with derivatives are drawn among themselves.
fn bootstrap(x: &Array2<f64>, dx: &Array3<f64>, samples: &mut Samples) -> f64 {
    let (n_s, n_d) = (x.nrows(), dx.dim().0);
    let mut values = Vec::new();
    for _ in 0..100 {
        let mut draw = |from: usize, to: usize| from + (samples.uniform() * (to - from) as f64) as usize;
        let rows: Vec<usize> = (0..n_s).map(|row| if row < n_d { draw(0, n_d) } else { draw(n_d, n_s) }).collect();
        let (x, dx) = (x.select(Axis(0), &rows), dx.select(Axis(0), &rows[..n_d]));
        values.extend(FisherEstimate::new(x.view(), dx.view()).ok().and_then(|found| found.f).map(|f| f[[0, 0]]));
    }
    scatter(&values, 1.0 / values.len().max(2) as f64)
}

/// The rows of both tables; of one with `resample`.
fn rows(
    problem: &Problem,
    repetitions: usize,
    samples: &mut Samples,
    resample: bool,
) -> Result<[String; 2], StatsError> {
    let Problem { n_s, n_d, n_summaries, n_params, kind, .. } = *problem;
    let d = problem.derivative();
    let truth = d.t().dot(&d);
    let inverse = imnn_stats::Statistics::from_moments(
        Array2::<f64>::zeros((1, n_summaries)).row(0),
        Array2::eye(n_summaries).view(),
        d.view(),
    )?;
    let (log_det, error) = (inverse.log_det_f, inverse.errors()[0]);
    let mut tallies: [Tally; 7] = Default::default();
    for _ in 0..repetitions {
        let (x, dx) = problem.draw(samples);
        let found = FisherEstimate::new(x.view(), dx.view())?;
        let number = |value: f64| Measured { value, error: 0.0 };
        let (Some(f), Some(errors)) = (&found.f, &found.f_errors) else { continue };
        tallies[0].add(number(found.raw[[0, 0]]), truth[[0, 0]]);
        tallies[1].add(Measured { value: f[[0, 0]], error: errors[[0, 0]] }, truth[[0, 0]]);
        if n_params > 1 {
            tallies[2].add(Measured { value: f[[0, 1]], error: errors[[0, 1]] }, truth[[0, 1]]);
        }
        if let (Ok(of_det), Ok(errors)) = (found.log_det_f, &found.errors) {
            tallies[3].add(of_det, log_det);
            tallies[4].add(errors[0], error);
        }
        if let Some(combined) = &found.combined {
            tallies[5].add(number(combined[[0, 0]]), truth[[0, 0]]);
        }
        if let Some(compressed) = &found.compressed {
            tallies[6].add(number(compressed[[0, 0]]), truth[[0, 0]]);
        }
        if resample {
            let value = f[[0, 0]];
            tallies[5].values.clear();
            tallies[5].add(Measured { value, error: jackknife(&x, &dx) }, truth[[0, 0]]);
            tallies[6].values.clear();
            tallies[6].add(Measured { value, error: bootstrap(&x, &dx, samples) }, truth[[0, 0]]);
        }
    }
    let cell = |k: usize, truth: f64, scale: f64| tallies[k].columns(truth, scale);
    let f = truth[[0, 0]];
    let head = format!("| {kind:?} | {n_s} | {n_d} | {n_summaries} | {n_params} |");
    let share = |k: usize| format!("{:.0}", 100.0 * tallies[k].covered as f64 / repetitions as f64);
    if resample {
        return Ok([format!("{head} {} | {} | {} |", cell(1, f, f), share(5), share(6)), String::new()]);
    }
    let mean = |k: usize| cell(k, f, f).split(' ').next().unwrap_or("-").to_owned();
    let beside = if n_params > 1 { cell(2, truth[[0, 1]], f) } else { "- | -".into() };
    let given = 100.0 * tallies[3].values.len() as f64 / repetitions as f64;
    Ok([
        format!("{head} {} | {} | {beside} | {} | {} |", mean(0), cell(1, f, f), mean(6), mean(5)),
        format!("{head} {given:.0} | {} | {} |", cell(3, log_det, 1.0), cell(4, error, error)),
    ])
}

fn main() -> Result<(), StatsError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let resample = arguments.iter().any(|argument| argument == "--resample");
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<u64>().ok());
    let share = if arguments.iter().any(|argument| argument == "--noisy") { 0.05 } else { 0.01 };
    let repetitions = numbers.next().unwrap_or(200) as usize;
    let mut samples = Samples::new(numbers.next().unwrap_or(1));
    let columns = "| derivatives | n_s | n_d | n_summaries | n_params |";
    let titles = if resample {
        [format!("{columns} F | covers, % | jackknife, % | bootstrap, % |"), String::new()]
    } else {
        [
            format!("{columns} raw F | F | covers, % | F_01 | covers, % | compressed | combined |"),
            format!("{columns} given, % | ln det F | covers, % | forecast error | covers, % |"),
        ]
    };
    let mut tables = titles.map(|title| {
        let count = title.matches('|').count().saturating_sub(1);
        format!("{title}\n|{}\n", " --- |".repeat(count))
    });
    use Derivatives::{Exact, Following, Matched, Unmatched};
    let all = [(30, 2), (30, 10), (30, 20), (40, 30), (50, 10), (100, 30), (300, 30), (1000, 10), (1000, 30)];
    // The bootstrap and the jackknife take a hundred times as long.
    let few = [(30, 2), (30, 10), (40, 30), (100, 30)];
    for (n_s, n_summaries) in if resample { few.to_vec() } else { all.to_vec() } {
        for kind in [Exact, Following, Matched, Unmatched] {
            let once = kind == Exact || resample;
            if resample && matches!(kind, Matched | Unmatched) {
                continue;
            }
            for n_d in if once { vec![n_s] } else { vec![n_s, n_s / 5] } {
                let n_params = if n_summaries == 10 { 1 } else { 2 };
                let problem = Problem { n_s, n_d, n_summaries, n_params, kind, share };
                for (table, row) in tables.iter_mut().zip(rows(&problem, repetitions, &mut samples, resample)?) {
                    table.push_str(&row);
                    table.push('\n');
                }
            }
        }
    }
    let [first, second] = tables;
    println!("{first}");
    if !resample {
        println!("{second}");
    }
    Ok(())
}
