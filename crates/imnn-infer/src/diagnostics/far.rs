//! Whether the posterior is too far from the fiducial for the network that made the summaries.

use imnn_prior::Cholesky;
use ndarray::{ArrayView1, ArrayView2};

use super::Verdict;
use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};
use crate::posterior::Posterior;

/// How far a posterior is from the fiducial, where the network was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Far {
    /// `sqrt((theta_hat - theta_fid)^T F (theta_hat - theta_fid))`.
    pub sigma: f64,
    /// `sqrt(det Cov_post det F)`: the volume of the posterior over that of `F^-1`; 1 near the fiducial under a wide
    /// prior.
    pub volume: f64,
    /// The largest shift of the posterior mean against the estimate, in posterior standard deviations.
    pub shift: f64,
    /// The posterior mean, where to train anew.
    pub mean: Vec<f64>,
}

/// Compares a posterior with estimate, fiducial and F.
///
/// # Shapes
/// `estimate` and `fiducial` `(p)`, `fisher` `(p, p)`.
///
/// # Errors
/// Other shapes, NaN or infinity, a posterior or F without an inverse.
pub fn far(
    posterior: &Posterior,
    estimate: ArrayView1<'_, f64>,
    fiducial: ArrayView1<'_, f64>,
    fisher: ArrayView2<'_, f64>,
) -> Result<Far> {
    let p = posterior.n_params();
    check::shape("estimate", estimate.shape(), &[p])?;
    check::shape("fiducial", fiducial.shape(), &[p])?;
    check::shape("F", fisher.shape(), &[p, p])?;
    check::finite("estimate", &estimate)?;
    check::finite("fiducial", &fiducial)?;
    check::finite("F", &fisher)?;
    let factor = |matrix: ArrayView2<'_, f64>, what: &str| {
        Cholesky::new(matrix).ok_or_else(|| InferError::Singular {
            what: what.into(),
            advice: "a parameter has no spread, or two are one".into(),
        })
    };
    let covariance = posterior.covariance();
    let volume =
        0.5 * (factor(covariance.view(), "the posterior covariance")?.ln_det() + factor(fisher, "F")?.ln_det());
    let d = &estimate - &fiducial;
    let mean = posterior.mean();
    let shift = (&mean - &estimate) / covariance.diag().mapv(f64::sqrt);
    Ok(Far {
        sigma: d.dot(&fisher.dot(&d)).max(0.0).sqrt(),
        volume: volume.exp(),
        shift: shift.iter().fold(0.0, |largest: f64, s| largest.max(s.abs())),
        mean: mean.to_vec(),
    })
}

impl Far {
    /// What is to know.
    pub fn cautions(&self) -> Vec<Caution> {
        let far = (self.sigma > 3.0).then_some(Caution::FarFromFiducial { sigma: self.sigma });
        let retrain = (!(0.5..=2.0).contains(&self.volume) || self.shift > 1.0).then(|| Caution::Retrain {
            volume: self.volume,
            shift: self.shift,
            at: self.mean.clone(),
        });
        far.into_iter().chain(retrain).collect()
    }

    /// Whether the network was trained near enough.
    pub fn verdict(&self) -> Verdict {
        let cautions: Vec<String> = self.cautions().iter().map(ToString::to_string).collect();
        match cautions.is_empty() {
            true => Verdict {
                good: true,
                text: format!(
                    "{:.1} sigma from the fiducial; the posterior has {:.2} times the volume that F gives",
                    self.sigma, self.volume
                ),
            },
            false => Verdict { good: false, text: cautions.join("; ") },
        }
    }
}
