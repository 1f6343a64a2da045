//! What may be changed of a Gaussian approximation.

use ndarray::Array1;

/// Settings of a [`GaussianApproximation`](super::GaussianApproximation); by default there is no widening, and no
/// fiducial to compare with.
#[derive(Clone, Debug, Default)]
pub struct GaussianOptions {
    /// What is done about a covariance that was estimated from few simulations.
    pub widening: Widening,
    /// The fiducial, where F was computed; an estimate that is more than 3 sigma away gets a caution.
    pub fiducial: Option<Array1<f64>>,
}

/// What is done about a covariance of the summaries that was estimated from `n_s` simulations. One of these at most:
/// the t law takes the place of Hartlap's factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Widening {
    /// Nothing: F is taken as exact.
    #[default]
    None,
    /// `F (n_s - n_summaries - 2) / (n_s - 1)`: Hartlap, Simon & Schneider 2007, eq. 17.
    Hartlap {
        /// Simulations that the covariance is from.
        n_s: usize,
        /// The number of summaries.
        n_summaries: usize,
    },
    /// `ln L = -(n_s / 2) ln(1 + chi2 / (n_s - 1))`: Sellentin & Heavens 2016,
    /// [arXiv:1511.05969](https://arxiv.org/abs/1511.05969).
    StudentT {
        /// Simulations that the covariance is from.
        n_s: usize,
    },
}
