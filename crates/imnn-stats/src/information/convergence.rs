//! Is F converged? The same with a half and a quarter of the derivatives, and of the simulations.

use ndarray::{Array2, ArrayView2, Axis, Slice};

use super::Measured;
use super::law::Law;
use super::scatter::{Scatter, Whitened};
use crate::covariance::covariance;
use crate::error::Matrix;
use crate::finite_samples::hartlap_factor;
use crate::linalg::Positive;

/// F from a part of the rows, beside F from all.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// In how many parts the rows were cut: every second, every fourth. F is the mean over all parts.
    pub parts: usize,
    /// The rows of the smallest part.
    pub rows: usize,
    /// `tr(F_all^-1 F_part) / n_params - 1`: by how much F differs from that of all rows, on average over the parameters.
    pub change: Measured,
}

/// F against the numbers of simulations. Parts are interleaved rows, so that nothing is drawn.
///
/// `C^-1` of each part is corrected for its number of simulations, the noise of the derivatives is *not* subtracted: as it
/// falls with one over their number, `change` from a half to all is what it still adds (Coulton & Wandelt 2023,
/// arXiv:2305.08994, advise this test); and where F with fewer simulations differs by more than its error, they are not
/// Gaussian or not independent, and no correction holds.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Convergence {
    /// With halves and quarters of the derivatives and all simulations.
    pub derivatives: Vec<Part>,
    /// With halves and quarters of the simulations and all derivatives.
    pub simulations: Vec<Part>,
    /// `2 F(all) - F(half)`: F for an unlimited number of derivatives, from halves of them.
    pub extrapolated: Option<Array2<f64>>,
}

/// In how many parts rows are cut.
const PARTS: [usize; 2] = [2, 4];

/// The change of F, whose inverse for all rows over `n_params` is `t`, with parts of the derivatives.
pub(super) fn of_derivatives(y: &Whitened, scatter: &Scatter, factor: f64, t: &Array2<f64>) -> Vec<Part> {
    let (n_d, count) = (y.n_d(), |parts: usize| (parts - 1) as f64);
    let usable = PARTS.into_iter().filter(|&parts| n_d >= 2 * parts);
    usable
        .map(|parts| {
            let f = mean_of_parts(y, parts) * factor;
            let error = (2.0 * count(parts) * scatter.squares(t)).sqrt() / n_d as f64;
            let change = Measured { value: (t * &f).sum() - 1.0, error };
            Part { parts, rows: n_d / parts, change }
        })
        .collect()
}

/// `dmu^T C^-1 dmu`, on average over the parts of the derivatives.
pub(super) fn mean_of_parts(y: &Whitened, parts: usize) -> Array2<f64> {
    let of = |start| {
        let mean = y.mean_of(start, parts);
        mean.dot(&mean.t())
    };
    (1..parts).fold(of(0), |sum, start| sum + of(start)) / parts as f64
}

/// The change of F with parts of the simulations.
pub(super) fn of_simulations(x: ArrayView2<'_, f64>, dmu: ArrayView2<'_, f64>, t: &Array2<f64>, law: Law) -> Vec<Part> {
    let (n_s, n_summaries) = x.dim();
    let n_params = dmu.ncols();
    let change = |parts: usize| -> Option<Part> {
        let rows = n_s / parts;
        let of_part = Law::new(rows, n_summaries, n_params)?;
        let mut sum = 0.0;
        for start in 0..parts {
            let x = x.slice_axis(Axis(0), Slice::new(start as isize, None, parts as isize));
            let (_, c) = covariance(x).ok()?;
            let whitened = Positive::new(Matrix::Covariance, c.view()).ok()?.whiten(dmu);
            sum += hartlap_factor(x.nrows(), n_summaries).ok()? * (t * &whitened.t().dot(&whitened)).sum();
        }
        // Of t = F^-1 / n_params, tr(t F t F) is 1 / n_params. All rows know F best, so that the variances differ.
        let variance = of_part.relative_variance() / parts as f64 - law.relative_variance();
        let error = (variance.max(0.0) / n_params as f64).sqrt();
        Some(Part { parts, rows, change: Measured { value: sum / parts as f64 - 1.0, error } })
    };
    PARTS.into_iter().filter_map(change).collect()
}
