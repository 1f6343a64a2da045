//! What an estimate leaves of the summaries.

use imnn_prior::Cholesky;
use imnn_prior::special::chi2_survival;
use ndarray::{ArrayView1, ArrayView2};

use super::Verdict;
use crate::check;
use crate::error::{InferError, Result};

/// The residual of the summaries, and its chi-squared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// `Q = r^T C^-1 r`.
    pub chi2: f64,
    /// `n_summaries - n_params`.
    pub freedom: f64,
    /// The probability of one as large, near the fiducial.
    pub p: f64,
}

/// `r = x_o - mu - dmu (theta_hat - theta_fid)`, `Q = r^T C^-1 r ~ chi2(n_summaries - n_params)` near the fiducial, for
/// networks with more summaries than parameters.
///
/// # Shapes
/// `observed` and `mu` `(n_summaries)`, `c` `(n_summaries, n_summaries)`, `dmu` `(n_summaries, n_params)`, `shift`
/// `theta_hat - theta_fid` `(n_params)`.
///
/// # Errors
/// Other shapes, NaN or infinity, not more summaries than parameters, a covariance without an inverse.
pub fn residual(
    observed: ArrayView1<'_, f64>,
    mu: ArrayView1<'_, f64>,
    c: ArrayView2<'_, f64>,
    dmu: ArrayView2<'_, f64>,
    shift: ArrayView1<'_, f64>,
) -> Result<Residual> {
    let (q, p) = dmu.dim();
    check::shape("observed", observed.shape(), &[q])?;
    check::shape("mu", mu.shape(), &[q])?;
    check::shape("C", c.shape(), &[q, q])?;
    check::shape("shift", shift.shape(), &[p])?;
    check::finite("observed", &observed)?;
    check::finite("mu", &mu)?;
    check::finite("C", &c)?;
    check::finite("dmu", &dmu)?;
    check::finite("shift", &shift)?;
    if q <= p {
        let allowed = format!("more than the {p} parameters: nothing is left over otherwise");
        return Err(InferError::setting("n_summaries", q, allowed));
    }
    let factor = Cholesky::new(c).ok_or_else(|| InferError::Singular {
        what: format!("the covariance of the summaries ({q} x {q})"),
        advice: "some summaries are (nearly) linear combinations of others".into(),
    })?;
    let r = &observed - &mu - dmu.dot(&shift);
    let (chi2, freedom) = (factor.squared_length(r.view()), (q - p) as f64);
    Ok(Residual { chi2, freedom, p: chi2_survival(freedom, chi2) })
}

impl Residual {
    /// Whether the estimate explains the summaries.
    pub fn verdict(&self) -> Verdict {
        let good = self.p >= 0.01;
        let said = if good { "are explained by" } else { "are not explained by" };
        let text = format!(
            "the summaries {said} the estimate: residual chi2 {:.1} for {} degrees of freedom (p = {:.2e})",
            self.chi2, self.freedom, self.p
        );
        Verdict { good, text }
    }
}
