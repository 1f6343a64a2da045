//! Expected coverage of highest-density regions.

use ndarray::{Array1, ArrayView1, ArrayView2};

use super::Verdict;
use super::bands::Band;
use super::sbc::banded;
use crate::check;
use crate::error::{InferError, Result};

/// At which level the truth enters the highest-density region of its posterior; uniform where posteriors are right.
///
/// # References
/// Hermans et al. 2021, [arXiv:2110.06581](https://arxiv.org/abs/2110.06581), section 2; with levels from samples as
/// Deistler, Gonçalves & Macke 2022, [arXiv:2210.04815](https://arxiv.org/abs/2210.04815).
#[derive(Clone, Debug)]
pub struct Coverage {
    /// For each pair the share of samples whose density is larger than that of the truth.
    pub levels: Array1<f64>,
    /// Levels below each point of the band.
    pub counts: Vec<usize>,
    /// The band in which these counts are with probability 0.95, all of them.
    pub band: Band,
}

impl Coverage {
    /// Coverage from log densities of the posteriors at the truths `(pairs)` and at their samples `(pairs, n_samples)`;
    /// each posterior may have its own constant.
    ///
    /// # Errors
    /// Other shapes, NaN, fewer than 20 pairs.
    pub fn new(at_truth: ArrayView1<'_, f64>, at_samples: ArrayView2<'_, f64>) -> Result<Self> {
        let (n, n_samples) = at_samples.dim();
        check::shape("at_truth", at_truth.shape(), &[n])?;
        if n < 20 || n_samples == 0 {
            return Err(InferError::TooFew {
                what: "pairs for calibration".into(),
                found: n,
                least: 20,
                advice: "keep more pairs from training; 500 are a good number".into(),
            });
        }
        if let Some(k) = at_truth.iter().position(|ln| ln.is_nan()) {
            return Err(InferError::NotFinite { what: "at_truth", index: vec![k], value: f64::NAN });
        }
        if at_samples.iter().any(|ln| ln.is_nan()) {
            let at = at_samples.iter().position(|ln| ln.is_nan()).unwrap_or_default();
            return Err(InferError::NotFinite {
                what: "at_samples",
                index: vec![at / n_samples, at % n_samples],
                value: f64::NAN,
            });
        }
        let larger = |k: usize| at_samples.row(k).iter().filter(|ln| **ln > at_truth[k]).count();
        let ranks: Vec<usize> = (0..n).map(larger).collect();
        let (band, counts) = banded(&ranks, n_samples, 20)?;
        let levels = ranks.iter().map(|&rank| rank as f64 / n_samples as f64).collect();
        Ok(Coverage { levels, counts, band })
    }

    /// The share of truths inside the highest-density regions of a level.
    pub fn at(&self, level: f64) -> f64 {
        self.levels.iter().filter(|own| **own <= level).count() as f64 / self.levels.len() as f64
    }

    /// Whether regions cover what they say.
    pub fn verdict(&self) -> Verdict {
        let good = self.band.holds(&self.counts);
        let (at_68, at_95) = (100.0 * self.at(0.68), 100.0 * self.at(0.95));
        let low = at_68 + at_95 < 68.0 + 95.0;
        let said = match (good, low) {
            (true, _) => format!("no fault found with {} pairs", self.levels.len()),
            (false, true) => "posteriors are overconfident".to_owned(),
            (false, false) => "posteriors are too wide".to_owned(),
        };
        Verdict { good, text: format!("coverage: 68 % -> {at_68:.1}, 95 % -> {at_95:.1}; {said}") }
    }
}
