//! The maximum mean discrepancy between two sets of summaries.

use imnn_sim::Key;
use ndarray::{Array2, ArrayView2};
use rand::RngExt;

use super::Verdict;
use crate::check;
use crate::error::{InferError, Result};

/// The maximum mean discrepancy with a Gaussian kernel, and how likely one as large is for sets of one law.
///
/// ```text
/// MMD^2 = mean k(a, a') + mean k(b, b') - 2 mean k(a, b),     k(x, y) = exp(-|x - y|^2 / (2 width^2))
/// ```
///
/// # References
/// Gretton et al. 2012, JMLR 13, 723, eqs. 3 and 5; as a test of misspecification Schmitt et al. 2021,
/// [arXiv:2112.08866](https://arxiv.org/abs/2112.08866).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmd {
    /// The width of the kernel: the median distance between the sets.
    pub width: f64,
    /// With all pairs.
    pub biased: f64,
    /// Without the pairs of a point with itself; may be negative.
    pub unbiased: f64,
}

impl Mmd {
    /// Between sets `(n, q)` and `(m, q)`, at least 2 points each.
    ///
    /// # Errors
    /// Other shapes, NaN or infinity, or sets that are one point.
    pub fn new(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Self> {
        checked(a, b)?;
        let width = median(a, b)?;
        let all = stacked(a, b);
        let kernel = kernel(all.view(), width);
        let order: Vec<usize> = (0..all.nrows()).collect();
        let (biased, unbiased) = discrepancies(&kernel, &order, a.nrows());
        Ok(Mmd { width, biased, unbiased })
    }
}

/// The share of random divisions of both sets whose discrepancy is at least that of the sets, with the sets themselves
/// counted.
///
/// # Errors
/// As [`Mmd::new`], and for no permutations.
pub fn permutation_p(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, permutations: usize, key: Key) -> Result<f64> {
    checked(a, b)?;
    if permutations == 0 {
        return Err(InferError::setting("permutations", 0, "at least 1, better 500"));
    }
    let all = stacked(a, b);
    let kernel = kernel(all.view(), median(a, b)?);
    let mut order: Vec<usize> = (0..all.nrows()).collect();
    let (_, found) = discrepancies(&kernel, &order, a.nrows());
    let mut rng = key.rng();
    let mut larger = 1;
    for _ in 0..permutations {
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        larger += usize::from(discrepancies(&kernel, &order, a.nrows()).1 >= found);
    }
    Ok(larger as f64 / (permutations + 1) as f64)
}

/// Whether observed summaries are like simulated ones.
pub fn verdict(p: f64) -> Verdict {
    let good = p >= 0.01;
    let said = if good { "are like" } else { "are unlike" };
    Verdict { good, text: format!("observed summaries {said} the simulated ones by MMD (p = {p:.2e})") }
}

fn checked(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<()> {
    check::shape("b", &[b.ncols()], &[a.ncols()])?;
    if a.nrows() < 2 || b.nrows() < 2 {
        return Err(InferError::TooFew {
            what: "points for MMD".into(),
            found: a.nrows().min(b.nrows()),
            least: 2,
            advice: "a single observation is compared by outlying::outlying".into(),
        });
    }
    check::finite("a", &a)?;
    check::finite("b", &b)
}

fn stacked(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows() + b.nrows(), a.ncols()), |(k, j)| match k.checked_sub(a.nrows()) {
        None => a[[k, j]],
        Some(k) => b[[k, j]],
    })
}

fn square(all: ArrayView2<'_, f64>, k: usize, l: usize) -> f64 {
    all.row(k).iter().zip(all.row(l)).map(|(x, y)| (x - y) * (x - y)).sum()
}

/// The median of the distances between the sets; of an even number the lower one.
fn median(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<f64> {
    let all = stacked(a, b);
    let mut distances: Vec<f64> = (0..a.nrows())
        .flat_map(|k| (0..b.nrows()).map(move |l| (k, l)))
        .map(|(k, l)| square(all.view(), k, a.nrows() + l).sqrt())
        .collect();
    distances.sort_by(f64::total_cmp);
    let median = distances[(distances.len() - 1) / 2];
    match median > 0.0 {
        true => Ok(median),
        false => Err(InferError::setting("median distance", median, "sets that are not all one point")),
    }
}

fn kernel(all: ArrayView2<'_, f64>, width: f64) -> Array2<f64> {
    let n = all.nrows();
    Array2::from_shape_fn((n, n), |(k, l)| (-0.5 * square(all, k, l) / (width * width)).exp())
}

/// Biased and unbiased, of the first `n` of an order against the others.
fn discrepancies(kernel: &Array2<f64>, order: &[usize], n: usize) -> (f64, f64) {
    let (first, second) = order.split_at(n);
    let sum = |rows: &[usize], columns: &[usize]| {
        rows.iter().map(|&k| columns.iter().map(|&l| kernel[[k, l]]).sum::<f64>()).sum::<f64>()
    };
    let (n, m) = (first.len() as f64, second.len() as f64);
    let (aa, bb, ab) = (sum(first, first), sum(second, second), sum(first, second) / (n * m));
    (aa / (n * n) + bb / (m * m) - 2.0 * ab, (aa - n) / (n * (n - 1.0)) + (bb - m) / (m * (m - 1.0)) - 2.0 * ab)
}
