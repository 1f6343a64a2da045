//! What chains are worth: rank-normalised R-hat, bulk and tail effective sample sizes.

use imnn_prior::special::normal_quantile;
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use crate::caution::Caution;

/// How well the chains of one parameter agree, and how many independent draws they are worth.
///
/// # References
/// Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, [arXiv:1903.08008](https://arxiv.org/abs/1903.08008).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChainStatistics {
    /// The larger of the rank-normalised split R-hat of the draws and of their distances from the median.
    pub r_hat: f64,
    /// Effective sample size for the centre: of the rank-normalised split chains.
    pub bulk: f64,
    /// Effective sample size for the tails: the lesser of those of the 5 and 95 % quantiles.
    pub tail: f64,
}

impl ChainStatistics {
    /// The statistics of draws `(chains, draws)` of one parameter; NaN where there are fewer than 4 draws, or none differ.
    pub fn new(draws: ArrayView2<'_, f64>) -> Self {
        if draws.ncols() < 4 || draws.iter().any(|value| !value.is_finite()) {
            return ChainStatistics { r_hat: f64::NAN, bulk: f64::NAN, tail: f64::NAN };
        }
        let halves = split(draws);
        let median = quantile(halves.view(), 0.5);
        let folded = halves.mapv(|value| (value - median).abs());
        let (bulk, tails) = (rank_normalised(halves.view()), rank_normalised(folded.view()));
        let tail = |p: f64| {
            let bound = quantile(draws, p);
            effective(split(draws).mapv(|value| f64::from(u8::from(value <= bound))).view())
        };
        ChainStatistics {
            r_hat: r_hat(bulk.view()).max(r_hat(tails.view())),
            bulk: effective(bulk.view()),
            tail: tail(0.05).min(tail(0.95)),
        }
    }

    /// What is to know about chains of this parameter.
    pub fn cautions(&self, name: &str) -> Vec<Caution> {
        let (name, effective) = (name.to_owned(), self.bulk.min(self.tail));
        let disagree = (self.r_hat.is_nan() || self.r_hat > 1.01)
            .then(|| Caution::ChainsDisagree { name: name.clone(), r_hat: self.r_hat });
        let short = (effective.is_nan() || effective < 400.0).then_some(Caution::ShortChains { name, effective });
        disagree.into_iter().chain(short).collect()
    }
}

/// The statistics of all parameters of draws `(chains, draws, d)`.
pub fn statistics(draws: ArrayView3<'_, f64>) -> Vec<ChainStatistics> {
    draws.axis_iter(Axis(2)).map(ChainStatistics::new).collect()
}

/// Each chain in two halves; the middle draw of an odd number is left out.
fn split(draws: ArrayView2<'_, f64>) -> Array2<f64> {
    let (chains, n) = draws.dim();
    let half = n / 2;
    Array2::from_shape_fn((2 * chains, half), |(c, k)| match c < chains {
        true => draws[[c, k]],
        false => draws[[c - chains, n - half + k]],
    })
}

/// Draws replaced by the normal quantiles of their ranks, `(r - 3/8) / (n + 1/4)`; equal draws share their mean rank.
fn rank_normalised(draws: ArrayView2<'_, f64>) -> Array2<f64> {
    let values: Vec<f64> = draws.iter().copied().collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut z = vec![0.0; values.len()];
    let mut at = 0;
    while at < order.len() {
        let end = at + order[at..].iter().take_while(|&&k| values[k] == values[order[at]]).count();
        let rank = 0.5 * (at + end + 1) as f64;
        let quantile = normal_quantile((rank - 0.375) / (values.len() as f64 + 0.25));
        order[at..end].iter().for_each(|&k| z[k] = quantile);
        at = end;
    }
    Array2::from_shape_fn(draws.dim(), |(c, k)| z[c * draws.ncols() + k])
}

/// The quantile by linear interpolation at `(n - 1) p`.
fn quantile(draws: ArrayView2<'_, f64>, p: f64) -> f64 {
    let mut values: Vec<f64> = draws.iter().copied().collect();
    values.sort_by(f64::total_cmp);
    let at = p * (values.len() - 1) as f64;
    let (k, part) = (at.floor() as usize, at.fract());
    values[k] + part * (values[(k + 1).min(values.len() - 1)] - values[k])
}

fn moments(draws: ArrayView2<'_, f64>) -> (f64, f64) {
    let (m, n) = (draws.nrows() as f64, draws.ncols() as f64);
    let means: Vec<f64> = draws.rows().into_iter().map(|row| row.sum() / n).collect();
    let variance =
        |row: ndarray::ArrayView1<'_, f64>, mean: f64| row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let within = draws.rows().into_iter().zip(&means).map(|(row, mean)| variance(row, *mean)).sum::<f64>() / m;
    let mean = means.iter().sum::<f64>() / m;
    let between = match draws.nrows() {
        1 => 0.0,
        _ => means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (m - 1.0),
    };
    (within, between)
}

fn r_hat(draws: ArrayView2<'_, f64>) -> f64 {
    let n = draws.ncols() as f64;
    let (within, between) = moments(draws);
    if within == 0.0 {
        return if between == 0.0 { f64::NAN } else { f64::INFINITY };
    }
    ((within * (n - 1.0) / n + between) / within).sqrt()
}

/// The effective number of draws, by autocovariances summed in Geyer's initial monotone sequence of pairs.
fn effective(draws: ArrayView2<'_, f64>) -> f64 {
    let (chains, n) = draws.dim();
    let (within, between) = moments(draws);
    if within == 0.0 {
        return (chains * n) as f64;
    }
    let total = within * (n as f64 - 1.0) / n as f64 + between;
    let means: Vec<f64> = draws.rows().into_iter().map(|row| row.sum() / n as f64).collect();
    let autocovariance = |lag: usize| {
        let of = |(c, mean): (usize, &f64)| {
            (0..n - lag).map(|k| (draws[[c, k]] - mean) * (draws[[c, k + lag]] - mean)).sum::<f64>() / n as f64
        };
        means.iter().enumerate().map(of).sum::<f64>() / chains as f64
    };
    let correlation = |lag: usize| 1.0 - (within - autocovariance(lag)) / total;
    let (mut even, mut odd) = (1.0, correlation(1));
    let mut rho = vec![0.0; n];
    (rho[0], rho[1]) = (even, odd);
    // The initial positive sequence: pairs of neighbours until their sum is negative.
    let mut t = 1;
    while t + 3 < n && even + odd > 0.0 {
        (even, odd) = (correlation(t + 1), correlation(t + 2));
        if even + odd >= 0.0 {
            (rho[t + 1], rho[t + 2]) = (even, odd);
        }
        t += 2;
    }
    // `end` is one more than the last of the sequence.
    let end = t - 1;
    if even > 0.0 {
        rho[end] = even;
    }
    // The initial monotone sequence: sums of pairs never rise.
    for k in (1..end.saturating_sub(2)).step_by(2) {
        if rho[k + 1] + rho[k + 2] > rho[k - 1] + rho[k] {
            let mean = 0.5 * (rho[k - 1] + rho[k]);
            (rho[k + 1], rho[k + 2]) = (mean, mean);
        }
    }
    let tau = -1.0 + 2.0 * rho[..end].iter().sum::<f64>() + rho[end];
    let all = (chains * n) as f64;
    all / tau.max(1.0 / all.log10())
}
