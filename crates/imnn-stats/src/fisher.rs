//! The Fisher statistics of a set of summaries.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, ArrayView4};
use ndarray_linalg::UPLO;
use ndarray_linalg::cholesky::Cholesky;

use crate::check;
use crate::covariance::{covariance, symmetrise};
use crate::derivative::{mean_derivative, numerical_derivative};
use crate::error::{Matrix, Result, StatsError};
use crate::linalg::Positive;

/// Mean, covariance, mean derivative and Fisher information of the summaries.
///
/// ```text
/// F = dmu^T C^-1 dmu
/// ```
///
/// is the Fisher information of a Gaussian whose covariance does not depend on the parameters; maximising its
/// determinant over networks is what an IMNN does.
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Mean of the summaries, `(n_summaries)`.
    pub mu: Array1<f64>,
    /// Covariance `C` of the summaries, `(n_summaries, n_summaries)`.
    pub c: Array2<f64>,
    /// `C^-1`, without any correction for the finite number of simulations.
    pub inv_c: Array2<f64>,
    /// Mean derivative of the summaries, `(n_summaries, n_params)`.
    pub dmu_dtheta: Array2<f64>,
    /// `C^-1 dmu_dtheta`, `(n_summaries, n_params)`: the direction of each parameter's score.
    pub score: Array2<f64>,
    /// Fisher matrix `F`, `(n_params, n_params)`.
    pub f: Array2<f64>,
    /// `F^-1`, the covariance of the estimates.
    pub inv_f: Array2<f64>,
    /// `ln det F`, finite even where `det F` is not.
    pub log_det_f: f64,
    /// `det F`; infinite or 0 where f64 cannot hold it.
    pub det_f: f64,
    /// `det C`; infinite or 0 where f64 cannot hold it.
    pub det_c: f64,
    /// `det C^-1`; infinite or 0 where f64 cannot hold it.
    pub det_inv_c: f64,
}

impl Statistics {
    /// Statistics of summaries and their exact derivatives.
    ///
    /// # Shapes
    /// `x` `(n_s, n_summaries)`, `dx` `(n_d, n_summaries, n_params)` with `1 <= n_d <= n_s`.
    ///
    /// # Errors
    /// Shapes that do not match, `n_params > n_summaries`, `n_s <= n_summaries`, `n_d` out of range, NaN or infinity,
    /// singular `C` or `F`.
    pub fn new(x: ArrayView2<'_, f64>, dx: ArrayView3<'_, f64>) -> Result<Self> {
        let (n_s, n_summaries) = x.dim();
        let (_, _, n_params) = dx.dim();
        if n_params > n_summaries && n_summaries > 0 {
            return Err(StatsError::TooFewSummaries { n_params, n_summaries });
        }
        check::derivatives(&dx, n_s, n_summaries)?;
        let (mu, c) = covariance(x)?;
        Self::of(mu, c, mean_derivative(dx)?)
    }

    /// Statistics of summaries at the fiducial parameters and below and above them.
    ///
    /// # Shapes
    /// `x` `(n_s, n_summaries)`, `x_mp` `(n_d, 2, n_params, n_summaries)`, `delta_theta` `(n_params)`: the full widths.
    ///
    /// # Errors
    /// As [`Statistics::new`], and widths that are not positive.
    pub fn numerical(
        x: ArrayView2<'_, f64>,
        x_mp: ArrayView4<'_, f64>,
        delta_theta: ArrayView1<'_, f64>,
    ) -> Result<Self> {
        Self::new(x, numerical_derivative(x_mp, delta_theta)?.view())
    }

    /// Statistics from mean, covariance and mean derivative, as read from a saved run.
    ///
    /// # Shapes
    /// `mu` `(n_summaries)`, `c` `(n_summaries, n_summaries)`, `dmu_dtheta` `(n_summaries, n_params)`.
    ///
    /// # Errors
    /// Shapes that do not match, an asymmetric `c`, NaN or infinity, singular `C` or `F`.
    ///
    /// ```
    /// use imnn_stats::Statistics;
    /// use ndarray::array;
    ///
    /// let (mu, c) = (array![0.0, 0.0], array![[2.0, 0.0], [0.0, 4.0]]);
    /// let s = Statistics::from_moments(mu.view(), c.view(), array![[2.0], [4.0]].view())?;
    /// assert!((s.f[[0, 0]] - 6.0).abs() < 1e-14); // 4/2 + 16/4
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn from_moments(
        mu: ArrayView1<'_, f64>,
        c: ArrayView2<'_, f64>,
        dmu_dtheta: ArrayView2<'_, f64>,
    ) -> Result<Self> {
        let n_summaries = mu.len();
        check::shape("C", &c, &[n_summaries, n_summaries])?;
        check::mean_derivative(&dmu_dtheta, n_summaries)?;
        check::finite("mu", &mu)?;
        check::finite("C", &c)?;
        check_symmetric(&c)?;
        Self::of(mu.to_owned(), c.to_owned(), dmu_dtheta.to_owned())
    }

    /// Number of summaries.
    pub fn n_summaries(&self) -> usize {
        self.mu.len()
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.f.nrows()
    }

    /// The lower triangular `A` with `A A^T = C^-1`: summaries `(x - mu) A` have mean 0 and covariance
    /// `A^T C A = I`.
    ///
    /// # Shapes
    /// `(n_summaries, n_summaries)`
    ///
    /// # Errors
    /// If LAPACK finds `C^-1` not to be positive definite.
    ///
    /// ```
    /// use imnn_stats::Statistics;
    /// use ndarray::array;
    ///
    /// let (mu, c) = (array![0.0, 0.0], array![[4.0, 0.0], [0.0, 0.25]]);
    /// let s = Statistics::from_moments(mu.view(), c.view(), array![[2.0], [4.0]].view())?;
    /// assert_eq!(s.whitening()?, array![[0.5, 0.0], [0.0, 2.0]]);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn whitening(&self) -> Result<Array2<f64>> {
        let lapack = |source| StatsError::Lapack { matrix: Matrix::Covariance, source };
        self.inv_c.cholesky(UPLO::Lower).map_err(lapack)
    }

    /// How far summaries are from their mean beyond what parameters can do, with its degrees of freedom:
    ///
    /// ```text
    /// chi^2 = d^T C^-1 d - s^T F^-1 s,   d = x - mu,   s = dmu^T C^-1 d
    /// ```
    ///
    /// For Gaussian summaries near the fiducial a chi-squared of `n_summaries - n_params` degrees of freedom, whatever the
    /// parameters are.
    ///
    /// # Shapes
    /// `x` `(n_summaries)`
    ///
    /// # Errors
    /// Another number of summaries.
    ///
    /// ```
    /// use imnn_stats::Statistics;
    /// use ndarray::array;
    ///
    /// let (mu, c) = (array![1.0, 0.0], array![[4.0, 0.0], [0.0, 0.25]]);
    /// let s = Statistics::from_moments(mu.view(), c.view(), array![[2.0], [0.0]].view())?;
    /// // The parameter moves the first summary alone; the second is three standard deviations away.
    /// assert_eq!(s.misfit(array![77.0, 1.5].view())?, (9.0, 1));
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn misfit(&self, x: ArrayView1<'_, f64>) -> Result<(f64, usize)> {
        check::shape("x", &x, &[self.n_summaries()])?;
        let d = &x - &self.mu;
        let s = d.dot(&self.score);
        let chi_squared = d.dot(&self.inv_c.dot(&d)) - s.dot(&self.inv_f.dot(&s));
        Ok((chi_squared.max(0.0), self.n_summaries() - self.n_params()))
    }

    /// Standard errors of the estimates, `sqrt diag F^-1`.
    pub fn errors(&self) -> Array1<f64> {
        self.inv_f.diag().mapv(f64::sqrt)
    }

    fn of(mu: Array1<f64>, c: Array2<f64>, dmu_dtheta: Array2<f64>) -> Result<Self> {
        check::mean_derivative(&dmu_dtheta.view(), mu.len())?;
        let covariance = Positive::new(Matrix::Covariance, c.view())?;
        // F is formed as a Gram matrix, which cannot lose its sign to rounding.
        let whitened = covariance.whiten(dmu_dtheta.view());
        let mut f = whitened.t().dot(&whitened);
        symmetrise(&mut f);
        check::in_range("the Fisher matrix F", &f)?;
        let fisher = Positive::new(Matrix::Fisher, f.view())?;
        let (log_det_f, det_f) = (fisher.log_det(), fisher.det());
        let (det_c, det_inv_c) = (covariance.det(), covariance.det_of_inverse());
        let inv_c = covariance.inverse;
        let score = inv_c.dot(&dmu_dtheta);
        let inv_f = fisher.inverse;
        Ok(Statistics { mu, c, inv_c, dmu_dtheta, score, f, inv_f, log_det_f, det_f, det_c, det_inv_c })
    }
}

/// Refuses a covariance whose triangles differ by more than rounding.
fn check_symmetric(c: &ArrayView2<'_, f64>) -> Result<()> {
    for row in 0..c.nrows() {
        for column in row + 1..c.ncols() {
            let (upper, lower) = (c[[row, column]], c[[column, row]]);
            let scale = (c[[row, row]].abs().sqrt()) * (c[[column, column]].abs().sqrt());
            if (upper - lower).abs() > 1e-10 * scale {
                return Err(StatsError::Asymmetric { matrix: Matrix::Covariance, row, column, upper, lower });
            }
        }
    }
    Ok(())
}
