//! The Gaussian approximation of the likelihood, times the prior.

mod likelihood;
mod marginals;
mod options;
mod sampling;

use imnn_prior::{Cholesky, Prior};
use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis};

use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};
use likelihood::Likelihood;

pub use options::{GaussianOptions, Widening};

/// The Fisher information of the estimates: one matrix, or one for each target.
#[derive(Clone, Copy, Debug)]
pub enum Fisher<'a> {
    /// `(p, p)`, the same for all targets.
    Same(ArrayView2<'a, f64>),
    /// `(n_targets, p, p)`.
    Each(ArrayView3<'a, f64>),
}

/// The posterior of a Gaussian likelihood of the estimates:
///
/// ```text
/// p(theta | x_o) = p(theta) N(theta_hat; theta, F^-1) / Z,      theta_hat = theta_fid + F^-1 dmu^T C^-1 (x_o - mu)
/// ```
///
/// It needs no simulations beside those that F is from, and is right near the fiducial, where F was computed. With a
/// normal prior it is a normal law in closed form. With any other prior samples, evidence and marginals take the prior
/// as it is.
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537); Alsing & Wandelt 2018,
/// [arXiv:1712.00012](https://arxiv.org/abs/1712.00012), eq. 6.
///
/// ```
/// use imnn_infer::{Fisher, GaussianApproximation, GaussianOptions};
/// use imnn_prior::{Normal, Prior};
/// use ndarray::array;
///
/// // Prior and likelihood of variance 1: the posterior has the mean 1 and the variance 1/2.
/// let prior = Prior::builder().law("m", Normal::new(0.0, 1.0)?).build()?;
/// let fisher = array![[1.0]];
/// let gaussian = GaussianApproximation::new(
///     array![[2.0]].view(), Fisher::Same(fisher.view()), &prior, &GaussianOptions::default(),
/// )?;
/// let (mean, covariance) = gaussian.normal(0)?.unwrap();
/// assert!((mean[0] - 1.0).abs() < 1e-15 && (covariance[[0, 0]] - 0.5).abs() < 1e-15);
/// # Ok::<(), imnn_infer::InferError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussianApproximation<'a> {
    prior: &'a Prior,
    estimates: Array2<f64>,
    likelihoods: Vec<Likelihood>,
    fiducial: Option<Array1<f64>>,
}

impl<'a> GaussianApproximation<'a> {
    /// The approximation for these estimates, one target in each row.
    ///
    /// # Shapes
    /// `estimates` `(n_targets, p)`, `n_targets` at least 1, `p` that of the prior.
    ///
    /// # Errors
    /// Other shapes, NaN or infinity, a Fisher matrix that is not symmetric and positive definite, options that
    /// contradict each other.
    pub fn new(
        estimates: ArrayView2<'_, f64>,
        fisher: Fisher<'_>,
        prior: &'a Prior,
        options: &GaussianOptions,
    ) -> Result<Self> {
        let (n_targets, p) = (estimates.nrows(), prior.n_params());
        if estimates.ncols() != p || n_targets == 0 {
            let expected = format!("[n_targets, {p}], one column for each of {}", prior.names().join(", "));
            return Err(InferError::shape("estimates", estimates.shape(), expected));
        }
        check::finite("estimates", &estimates)?;
        let of = |fisher: ArrayView2<'_, f64>| -> Result<Likelihood> {
            check::finite("F", &fisher)?;
            Likelihood::new(fisher, options)
        };
        let likelihoods = match fisher {
            Fisher::Same(fisher) => {
                check::shape("F", fisher.shape(), &[p, p])?;
                vec![of(fisher)?; n_targets]
            }
            Fisher::Each(fisher) => {
                check::shape("F", fisher.shape(), &[n_targets, p, p])?;
                fisher.axis_iter(Axis(0)).map(of).collect::<Result<_>>()?
            }
        };
        let fiducial = options.fiducial.clone();
        if let Some(fiducial) = &fiducial {
            check::shape("fiducial", fiducial.shape(), &[p])?;
            check::finite("fiducial", fiducial)?;
        }
        Ok(GaussianApproximation { prior, estimates: estimates.to_owned(), likelihoods, fiducial })
    }

    /// The number of targets.
    pub fn n_targets(&self) -> usize {
        self.estimates.nrows()
    }

    fn target(&self, target: usize) -> Result<(Array1<f64>, &Likelihood)> {
        match self.likelihoods.get(target) {
            Some(likelihood) => Ok((self.estimates.row(target).to_owned(), likelihood)),
            None => Err(InferError::setting("target", target, format!("a number below {}", self.n_targets()))),
        }
    }

    /// `ln p(theta) + ln N(theta_hat; theta, F^-1)`, without the evidence.
    ///
    /// # Errors
    /// If there is no such target.
    pub fn ln_density(&self, target: usize, theta: &[f64]) -> Result<f64> {
        let (estimate, likelihood) = self.target(target)?;
        let prior = self.prior.ln_density(theta);
        Ok(if prior.is_finite() { prior + likelihood.ln_density(&estimate, theta) } else { prior })
    }

    /// Mean and covariance of the posterior where the prior is normal and the likelihood too:
    /// `Lambda = P^-1 + F`, mean `Lambda^-1 (P^-1 m + F theta_hat)`. None with any other prior.
    ///
    /// # Errors
    /// If there is no such target.
    pub fn normal(&self, target: usize) -> Result<Option<(Array1<f64>, Array2<f64>)>> {
        let (estimate, likelihood) = self.target(target)?;
        let Some((mean, covariance)) = self.prior.as_normal().filter(|_| likelihood.is_normal()) else {
            return Ok(None);
        };
        let prior = Cholesky::new(covariance.view());
        let Some(prior) = prior else { return Ok(None) };
        let precision = prior.inverse() + likelihood.fisher();
        let pull = prior.solve(mean.view()) + likelihood.fisher().dot(&estimate);
        Ok(Cholesky::new(precision.view()).map(|factor| (factor.solve(pull.view()), factor.inverse())))
    }

    /// The distance of the estimate from the fiducial, `sqrt((theta_hat - theta_fid)^T F (theta_hat - theta_fid))`;
    /// none where no fiducial was given.
    ///
    /// # Errors
    /// If there is no such target.
    pub fn distance(&self, target: usize) -> Result<Option<f64>> {
        let (estimate, likelihood) = self.target(target)?;
        Ok(self.fiducial.as_ref().map(|fiducial| {
            let d = estimate - fiducial;
            d.dot(&likelihood.fisher().dot(&d)).sqrt()
        }))
    }

    fn cautions(&self, target: usize, outside: f64) -> Result<Vec<Caution>> {
        let mut cautions = vec![];
        if let Some(sigma) = self.distance(target)?.filter(|sigma| *sigma > 3.0) {
            cautions.push(Caution::FarFromFiducial { sigma });
        }
        if outside > 1e-4 {
            cautions.push(Caution::PriorCuts { share: outside });
        }
        Ok(cautions)
    }
}
