//! The share of the information that summaries keep, beside the exact ones on the same simulations.

use std::time::Instant;

use imnn::data::{Microbatch, Source};
use imnn::fit::{Compressor, Summaries};
use imnn::sim::Key;
use imnn::stats::{FeatureMoments, Statistics};
use ndarray::{Array2, Array3};

use crate::Failure;
use crate::problems::Problem;

/// Parts of the simulations, each of which is left out once for the error.
const PARTS: usize = 50;

/// The key of the fresh simulations; no run has it.
const FRESH: u64 = 0x0066_7265_7368;

/// `ln det F` of a network less that of the exact statistics of the same simulations, in which most of the sampling noise
/// cancels.
pub(crate) struct Share {
    pub(crate) difference: f64,
    /// Its standard error, by leaving out one part of the simulations after the other.
    pub(crate) error: f64,
}

impl Share {
    /// On `n` fresh simulations.
    pub(crate) fn measure(problem: &Problem, compressor: &Compressor<f32>, n: usize) -> Result<Self, Failure> {
        let exact = (problem.exact)()?;
        let per_part = n.div_ceil(PARTS);
        let source = problem.simulations(per_part)?;
        let mut parts = Vec::new();
        for part in 0..PARTS as u64 {
            let key = Key::new(FRESH).fold_in(part);
            let Summaries { x, dx } = compressor.summaries_of(source.as_ref(), key)?;
            let found = moments(x, dx)?;
            let (x, dx) = exactly(&exact, source.as_ref(), key)?;
            parts.push([found, moments(x, dx)?]);
        }
        let left_out = (0..PARTS).map(|k| difference(&parts, Some(k))).collect::<Result<Vec<_>, _>>()?;
        let mean = left_out.iter().sum::<f64>() / PARTS as f64;
        let spread: f64 = left_out.iter().map(|value| (value - mean).powi(2)).sum();
        let error = ((PARTS - 1) as f64 / PARTS as f64 * spread).sqrt();
        Ok(Share { difference: difference(&parts, None)?, error })
    }

    /// The share of det F.
    pub(crate) fn share(&self) -> f64 {
        self.difference.exp()
    }
}

fn moments(x: Array2<f64>, dx: Array3<f64>) -> Result<FeatureMoments, Failure> {
    let mut moments = FeatureMoments::new(x.ncols(), dx.dim().2);
    moments.add(x.view(), dx.view())?;
    Ok(moments)
}

fn difference(parts: &[[FeatureMoments; 2]], without: Option<usize>) -> Result<f64, Failure> {
    let log_det_f = |which: usize| -> Result<f64, Failure> {
        let kept = parts.iter().enumerate().filter(|(k, _)| Some(*k) != without).map(|(_, part)| part[which].clone());
        let all = kept.reduce(|mut all, part| {
            all.merge(&part);
            all
        });
        let all = all.ok_or("there are no simulations")?;
        Ok(Statistics::from_moments(all.mean().view(), all.covariance().view(), all.dmu().view())?.log_det_f)
    };
    Ok(log_det_f(0)? - log_det_f(1)?)
}

/// The exact statistics of the simulations of a key, and their derivatives.
fn exactly(exact: &Exact, source: &dyn Source<f32>, key: Key) -> Result<(Array2<f64>, Array3<f64>), Failure> {
    let (n, p) = (source.n_s(), source.n_params());
    let (mut x, mut dx) = (Array2::zeros((n, p)), Array3::zeros((n, p, p)));
    let mut batch = Microbatch::new();
    let (mut x_row, mut dx_row) = (vec![0.0; p], vec![0.0; p * p]);
    for row in 0..n {
        source.read(row..row + 1, key, &mut batch)?;
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        exact.summarise(&wide(&batch.values), &wide(&batch.derivatives), &mut x_row, &mut dx_row);
        for s in 0..p {
            x[[row, s]] = x_row[s];
            for a in 0..p {
                dx[[row, s, a]] = dx_row[s * p + a];
            }
        }
    }
    Ok((x, dx))
}

use crate::exact::Exact;

/// User and system time of this process, or where the system does not tell, the time by the clock.
pub(crate) struct CpuTime {
    start: f64,
    clock: Instant,
}

impl CpuTime {
    pub(crate) fn now() -> Self {
        CpuTime { start: used().unwrap_or(0.0), clock: Instant::now() }
    }

    pub(crate) fn seconds(&self) -> f64 {
        used().map_or_else(|| self.clock.elapsed().as_secs_f64(), |used| used - self.start)
    }
}

/// Seconds, from the file that Linux has of each process: fields 14 and 15, in hundredths.
fn used() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may have spaces.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |k: usize| fields.get(k)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
