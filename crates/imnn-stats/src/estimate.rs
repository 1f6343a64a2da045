//! Score compression: quasi-maximum-likelihood estimates of the parameters from summaries.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::check;
use crate::error::Result;
use crate::fisher::Statistics;

/// The linear map from summaries to quasi-maximum-likelihood estimates of the parameters.
///
/// ```text
/// theta_hat = theta_fid + F^-1 dmu^T C^-1 (x - mu)
/// ```
///
/// One step of Newton's method from the fiducial parameters towards the maximum of a Gaussian likelihood of the
/// summaries, with the expected curvature. Near the fiducial its covariance is `F^-1`; far from it the summaries may
/// respond nonlinearly, and simulation-based inference takes the estimate as its summary.
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537); Alsing & Wandelt 2018, MNRAS
/// 476, L60, [arXiv:1712.00012](https://arxiv.org/abs/1712.00012).
///
/// ```
/// use imnn_stats::{ScoreCompression, Statistics};
/// use ndarray::array;
///
/// // Two summaries with unit covariance, of which the first is twice the parameter: F = 4.
/// let (mu, c, dmu) = (array![1.0, 0.0], array![[1.0, 0.0], [0.0, 1.0]], array![[2.0], [0.0]]);
/// let statistics = Statistics::from_moments(mu.view(), c.view(), dmu.view())?;
/// let compression = ScoreCompression::new(array![10.0].view(), &statistics)?;
/// let estimates = compression.estimates(array![[1.0, 0.0], [3.0, 5.0]].view())?;
/// assert_eq!(estimates, array![[10.0], [11.0]]); // 10 + 2 (3 - 1) / 4
/// assert_eq!(compression.errors(), array![0.5]);
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreCompression {
    theta_fid: Array1<f64>,
    mu: Array1<f64>,
    /// `C^-1 dmu F^-1`, `(n_summaries, n_params)`.
    weights: Array2<f64>,
    covariance: Array2<f64>,
}

impl ScoreCompression {
    /// The map at fiducial parameters `theta_fid` with these statistics.
    ///
    /// # Errors
    /// `theta_fid` of another length than `n_params`, NaN or infinity.
    pub fn new(theta_fid: ArrayView1<'_, f64>, statistics: &Statistics) -> Result<Self> {
        check::shape("theta_fid", &theta_fid, &[statistics.n_params()])?;
        check::finite("theta_fid", &theta_fid)?;
        Ok(ScoreCompression {
            theta_fid: theta_fid.to_owned(),
            mu: statistics.mu.clone(),
            weights: statistics.score.dot(&statistics.inv_f),
            covariance: statistics.inv_f.clone(),
        })
    }

    /// The fiducial parameters.
    pub fn theta_fid(&self) -> ArrayView1<'_, f64> {
        self.theta_fid.view()
    }

    /// Estimate from the summaries of one data set.
    ///
    /// # Shapes
    /// `x` `(n_summaries)`; the result `(n_params)`.
    ///
    /// # Errors
    /// A wrong number of summaries, NaN or infinity.
    pub fn estimate(&self, x: ArrayView1<'_, f64>) -> Result<Array1<f64>> {
        check::shape("x", &x, &[self.mu.len()])?;
        check::finite("x", &x)?;
        Ok((&x - &self.mu).dot(&self.weights) + &self.theta_fid)
    }

    /// Estimates from the summaries of many data sets, one in each row.
    ///
    /// # Shapes
    /// `x` `(n, n_summaries)`; the result `(n, n_params)`.
    ///
    /// # Errors
    /// A wrong number of summaries, NaN or infinity.
    pub fn estimates(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        if x.ncols() != self.mu.len() {
            let expected = format!("(n, {}): one row of summaries for each data set", self.mu.len());
            return check::refuse_shape("x", expected, x.shape());
        }
        check::finite("x", &x)?;
        Ok((&x - &self.mu).dot(&self.weights) + &self.theta_fid)
    }

    /// Covariance of the estimates at the fiducial parameters, `F^-1`.
    pub fn covariance(&self) -> ArrayView2<'_, f64> {
        self.covariance.view()
    }

    /// Standard errors of the estimates at the fiducial parameters, `sqrt diag F^-1`.
    pub fn errors(&self) -> Array1<f64> {
        self.covariance.diag().mapv(f64::sqrt)
    }
}
