//! What chains are worth: rank-normalised R-hat, bulk and tail effective sample sizes.

use imnn_prior::Prior;
use imnn_prior::special::normal_quantile;
use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis};
use rand::RngExt;

use crate::caution::Caution;
use crate::error::{InferError, Result};
use crate::posterior::Posterior;
use crate::weights::normalised;

/// Draws of several chains, or of the walkers of an ensemble.
#[derive(Clone, Debug)]
pub struct Chains {
    /// `(chains, draws, d)`.
    pub draws: Array3<f64>,
    /// The log density at the draws, `(chains, draws)`, as the function gave it.
    pub ln_density: Array2<f64>,
    /// Trajectories of the no-U-turn sampler that diverged, after tuning.
    pub divergences: usize,
    /// The share of accepted moves of an ensemble; NaN for other samplers.
    pub acceptance: f64,
}

impl Chains {
    /// How well the chains agree, for each dimension.
    pub fn statistics(&self) -> Vec<ChainStatistics> {
        statistics(self.draws.view())
    }

    /// The draws of a chain after those of the chain before, `(chains draws, d)`.
    pub fn flattened(&self) -> Array2<f64> {
        let (chains, n, d) = self.draws.dim();
        Array2::from_shape_fn((chains * n, d), |(k, i)| self.draws[[k / n, k % n, i]])
    }

    /// The posterior whose chains ran in the coordinates in which the prior is standard normal, through the log density
    /// of these coordinates. Cautions say where chains disagree, are short or diverged. Its log density is up to a
    /// constant.
    ///
    /// # Errors
    /// If the chains have another number of dimensions than the prior.
    pub fn posterior(&self, prior: &Prior, method: &str) -> Result<Posterior> {
        let (chains, n, d) = self.draws.dim();
        crate::check::shape("draws", &[d], &[prior.n_params()])?;
        let mut samples = Array2::zeros((chains * n, d));
        let mut ln_density = Array1::zeros(chains * n);
        for (k, phi) in self.flattened().rows().into_iter().enumerate() {
            let phi = phi.to_vec();
            samples.row_mut(k).assign(&prior.to_theta(&phi)?);
            ln_density[k] = self.ln_density[[k / n, k % n]] - prior.ln_volume(&phi)?;
        }
        let posterior = Posterior::under(prior, method, samples)?.with_chains(chains)?;
        let mut posterior = posterior.with_ln_density(ln_density)?;
        for (statistics, name) in self.statistics().iter().zip(prior.names()) {
            posterior.cautions.extend(statistics.cautions(name));
        }
        if self.divergences > 0 {
            posterior.cautions.push(Caution::Divergences { n: self.divergences, of: chains * n });
        }
        Ok(posterior)
    }
}

/// `n` places to begin at: drawn by the weight of a likelihood from `tries` draws of the prior, in its own coordinates,
/// `(n, d)`.
///
/// `ln_density` is the log density of the posterior in these coordinates.
///
/// # Errors
/// If the density is 0 at all draws.
pub fn starts(
    prior: &Prior,
    ln_density: impl Fn(&[f64]) -> f64,
    n: usize,
    tries: usize,
    key: Key,
) -> Result<Array2<f64>> {
    let [draws, chosen] = key.split();
    let mut phi = Array2::zeros((tries.max(1), prior.n_params()));
    let mut ln = Vec::with_capacity(tries);
    for (k, mut row) in (0..).zip(phi.rows_mut()) {
        row.assign(&prior.to_phi(&prior.draw(draws, k)?.to_vec())?);
        let phi = row.to_vec();
        let weight = ln_density(&phi) - prior.ln_density_phi(&phi);
        ln.push(if weight.is_nan() { f64::NEG_INFINITY } else { weight });
    }
    if ln.iter().all(|w| *w == f64::NEG_INFINITY) {
        let reason = format!("the density is 0 at all of {} draws of the prior", ln.len());
        return Err(InferError::NoMass { method: "starts of chains", reason });
    }
    // Chains are to begin at different places: weights are flattened until there is room for all.
    let mut flat = 1.0;
    let mut weights = normalised(&ln);
    while crate::weights::effective_number(weights.view()) < n as f64 && flat > 1e-3 {
        flat *= 0.7;
        weights = normalised(&ln.iter().map(|w| flat * w).collect::<Vec<f64>>());
    }
    let offset: f64 = chosen.rng().random();
    let rows = crate::weights::systematic(weights.view(), n, offset);
    Ok(phi.select(Axis(0), &rows))
}

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
    /// The statistics of draws `(chains, draws)` of one parameter; NaN where there are fewer than 4 draws, or none
    /// differ.
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
