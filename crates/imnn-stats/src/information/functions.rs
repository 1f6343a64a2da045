//! `ln det F` and `F^-1` of an F that has a scatter, without the bias that functions of a random number have.

use ndarray::{Array2, Axis};
use ndarray_linalg::{Eigh, UPLO};

use super::law::Law;
use super::scatter::Scatter;
use super::{Measured, Unknown, symmetric};
use crate::error::Matrix;
use crate::linalg::Positive;

/// The largest mean square of `F^-1/2 dF F^-1/2`, over `n_params`, up to which `ln det F` and `F^-1` are expanded to second
/// order: noise of half of one parameter's F.
const LARGEST_NOISE: f64 = 0.25;

/// An F with an inverse, and what scatters it.
pub(super) struct Functions<'a> {
    f: Positive,
    /// The columns are axes `a_k` with `F^-1 = sum a_k a_k^T`.
    axes: Array2<f64>,
    law: Law,
    scatter: Option<&'a Scatter>,
    /// The mean of `|F^-1/2 dF F^-1/2|^2` over the noise of the derivatives.
    noise: f64,
}

impl<'a> Functions<'a> {
    pub(super) fn new(f: &Array2<f64>, law: Law, scatter: Option<&'a Scatter>) -> Result<Self, Unknown> {
        let indefinite = Unknown::NotPositiveDefinite;
        let f = Positive::new(Matrix::Fisher, f.view()).map_err(|_| indefinite)?;
        let (values, vectors) = f.inverse.eigh(UPLO::Lower).map_err(|_| indefinite)?;
        if values.iter().any(|&value| value.is_nan() || value <= 0.0) {
            return Err(indefinite);
        }
        let axes = &vectors * &values.mapv(f64::sqrt);
        let mut functions = Functions { f, axes, law, scatter, noise: 0.0 };
        functions.noise = functions.axes.columns().into_iter().map(|axis| functions.noise_along(axis.to_owned())).sum();
        let noise = functions.noise / functions.axes.ncols() as f64;
        if noise > LARGEST_NOISE {
            return Err(Unknown::NoisyDerivatives { relative: noise.sqrt() });
        }
        Ok(functions)
    }

    /// The mean of `a^T dF F^-1 dF a` over the noise of the derivatives.
    fn noise_along(&self, a: ndarray::Array1<f64>) -> f64 {
        let Some(scatter) = self.scatter else { return 0.0 };
        self.axes.axis_iter(Axis(1)).map(|axis| scatter.variance(&symmetric(&a, &axis.to_owned()))).sum()
    }

    fn squared_error(&self, slope: &Array2<f64>) -> f64 {
        self.scatter.map_or(0.0, |scatter| scatter.squared_error(slope))
    }

    /// `ln det F`: the digamma functions of the Wishart law make up for the bias of C, the second order for that of the noise.
    pub(super) fn log_det(&self) -> Measured {
        let value = self.f.log_det() + self.law.log_det_bias() + 0.5 * self.noise;
        let variance = self.law.log_det_variance() + self.squared_error(&self.f.inverse);
        Measured { value, error: variance.sqrt() }
    }

    /// `sqrt diag F^-1`, which noise of the derivatives makes too large on average.
    pub(super) fn forecast(&self) -> Vec<Measured> {
        let of = |p: usize| {
            let (row, square) = (self.f.inverse.row(p).to_owned(), self.f.inverse[[p, p]]);
            // 1 / (1 + excess) is 1 - excess to this order, and positive.
            let excess = self.noise_along(row.clone()) / square;
            let value = (square * self.law.inverse_factor() / (1.0 + excess)).sqrt() / self.law.root_mean();
            let slope = symmetric(&row, &row) * (-0.5 * value / square);
            let variance = 0.5 * value * value / self.law.degrees() + self.squared_error(&slope);
            Measured { value, error: variance.sqrt() }
        };
        (0..self.f.inverse.nrows()).map(of).collect()
    }
}
