//! Simulation-based calibration: ranks of the true parameters among posterior samples.

use imnn_prior::special::chi2_survival;
use ndarray::{Array2, ArrayView2, ArrayView3};

use super::Verdict;
use super::bands::Band;
use crate::check;
use crate::error::{InferError, Result};

/// Ranks of the truths among posterior samples, which are uniform where posteriors are right, and how uniform they are.
///
/// # References
/// Talts, Betancourt, Simpson, Vehtari & Gelman 2018, [arXiv:1804.06788](https://arxiv.org/abs/1804.06788).
#[derive(Clone, Debug)]
pub struct Sbc {
    /// How many samples are below the truth, 0 to `n_samples`; `(pairs, p)`.
    pub ranks: Array2<usize>,
    /// Samples of each posterior.
    pub n_samples: usize,
    /// The chi-squared statistic of the counts of ranks in bins, its degrees of freedom and p value, for each
    /// parameter.
    pub chi2: Vec<(f64, f64, f64)>,
    /// Ranks below each point of the band, for each parameter.
    pub counts: Vec<Vec<usize>>,
    /// The band in which the counts of one parameter are with probability 0.95, all of them.
    pub band: Band,
}

/// The ranks of truths `(pairs, p)` among samples `(pairs, n_samples, p)` of the posteriors of their simulations.
///
/// # Errors
/// Other shapes, no pairs or samples, NaN or infinity.
pub fn ranks(theta: ArrayView2<'_, f64>, samples: ArrayView3<'_, f64>) -> Result<Array2<usize>> {
    let ((n, p), shape) = (theta.dim(), samples.shape());
    if shape[0] != n || shape[2] != p || n == 0 || shape[1] == 0 {
        return Err(InferError::shape(
            "samples",
            shape,
            format!("[{n}, samples, {p}], as theta has the shape [{n}, {p}]"),
        ));
    }
    check::finite("theta", &theta)?;
    check::finite("samples", &samples)?;
    Ok(Array2::from_shape_fn((n, p), |(k, i)| (0..shape[1]).filter(|&l| samples[[k, l, i]] < theta[[k, i]]).count()))
}

/// The chi-squared statistic of ranks 0 to `n_samples` in so many bins, with its degrees of freedom and p value. Ranks
/// are whole numbers: each bin has as many of them as it has, and no values are tied.
pub fn rank_chi2(ranks: impl Iterator<Item = usize>, n_samples: usize, bins: usize) -> (f64, f64, f64) {
    let all = n_samples + 1;
    let bins = bins.clamp(2, all);
    let edge = |b: usize| b * all / bins;
    let mut counts = vec![0_usize; bins];
    let mut n = 0;
    for rank in ranks {
        // The bin whose edges enclose the rank.
        let bin = (0..bins).find(|&b| rank < edge(b + 1)).unwrap_or(bins - 1);
        counts[bin] += 1;
        n += 1;
    }
    let term = |(b, count): (usize, &usize)| {
        let expected = n as f64 * (edge(b + 1) - edge(b)) as f64 / all as f64;
        (*count as f64 - expected).powi(2) / expected
    };
    let statistic: f64 = counts.iter().enumerate().map(term).sum();
    let freedom = (bins - 1) as f64;
    (statistic, freedom, chi2_survival(freedom, statistic))
}

/// As many bins as there are pairs for, at least five in each.
pub(crate) fn bins_for(n: usize, n_samples: usize) -> usize {
    (n / 5).clamp(2, 20).min(n_samples + 1)
}

/// Points of a band at which whole ranks can be counted: `ceil(i (n_samples + 1) / k) / (n_samples + 1)`.
pub(crate) fn thresholds(n_samples: usize, k: usize) -> Vec<usize> {
    let all = n_samples + 1;
    let k = k.min(all);
    (1..=k).map(|i| (i * all).div_ceil(k)).collect()
}

/// The band of ranks, and how many ranks are below each of its points.
pub(crate) fn banded(ranks: &[usize], n_samples: usize, points: usize) -> Result<(Band, Vec<usize>)> {
    let thresholds = thresholds(n_samples, points);
    let places = thresholds.iter().map(|&t| t as f64 / (n_samples + 1) as f64).collect();
    let counts = thresholds.iter().map(|&t| ranks.iter().filter(|&&rank| rank < t).count()).collect();
    Ok((Band::at(ranks.len(), places, 0.95)?, counts))
}

impl Sbc {
    /// The calibration of posteriors given by samples.
    ///
    /// # Shapes
    /// `theta` `(pairs, p)`, `samples` `(pairs, n_samples, p)`.
    ///
    /// # Errors
    /// As [`ranks`], and for fewer than 20 pairs.
    pub fn new(theta: ArrayView2<'_, f64>, samples: ArrayView3<'_, f64>) -> Result<Self> {
        let ranks = ranks(theta, samples)?;
        let (n, n_samples) = (ranks.nrows(), samples.shape()[1]);
        if n < 20 {
            return Err(InferError::TooFew {
                what: "pairs for calibration".into(),
                found: n,
                least: 20,
                advice: "keep more pairs from training; 500 are a good number".into(),
            });
        }
        let column = |i: usize| ranks.column(i).to_vec();
        let bins = bins_for(n, n_samples);
        let chi2 = (0..ranks.ncols()).map(|i| rank_chi2(column(i).into_iter(), n_samples, bins)).collect();
        let (band, first) = banded(&column(0), n_samples, 20)?;
        let mut counts = vec![first];
        for i in 1..ranks.ncols() {
            let below = |&t: &usize| ranks.column(i).iter().filter(|&&rank| rank < t).count();
            counts.push(thresholds(n_samples, 20).iter().map(below).collect());
        }
        Ok(Sbc { ranks, n_samples, chi2, counts, band })
    }

    /// Whether the ranks of each parameter are uniform.
    pub fn verdict(&self, names: &[String]) -> Verdict {
        let name = |i: usize| names.get(i).cloned().unwrap_or_else(|| format!("parameter {i}"));
        let n = self.ranks.nrows();
        let faults: Vec<String> = (0..self.counts.len())
            .filter(|&i| !self.band.holds(&self.counts[i]))
            .map(|i| format!("{} ({}; chi2 p = {:.1e})", name(i), self.shape(i), self.chi2[i].2))
            .collect();
        match faults.is_empty() {
            true => Verdict {
                good: true,
                text: format!("SBC: no fault found with {n} pairs, all ranks inside the 95 % band"),
            },
            false => Verdict { good: false, text: format!("SBC: ranks are not uniform for {}", faults.join(", ")) },
        }
    }

    /// What is wrong with ranks that are not uniform.
    fn shape(&self, i: usize) -> &'static str {
        let all = self.n_samples as f64;
        let u: Vec<f64> = self.ranks.column(i).iter().map(|&rank| (rank as f64 + 0.5) / (all + 1.0)).collect();
        let n = u.len() as f64;
        let mean = u.iter().sum::<f64>() / n;
        let variance = u.iter().map(|u| (u - 0.5).powi(2)).sum::<f64>() / n;
        // Uniform: mean 1/2 ± 1/sqrt(12 n), variance 1/12 ± 1/sqrt(180 n).
        let (by_mean, by_variance) = ((mean - 0.5) * (12.0 * n).sqrt(), (variance - 1.0 / 12.0) * (180.0 * n).sqrt());
        match by_mean.abs() > by_variance.abs() {
            true if by_mean > 0.0 => "posteriors are too low",
            true => "posteriors are too high",
            false if by_variance > 0.0 => "posteriors are too narrow",
            false => "posteriors are too wide",
        }
    }
}
