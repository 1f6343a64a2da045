//! Fisher information as a number with its error.

mod compressed;
mod convergence;
mod functions;
mod law;
mod scatter;
mod shown;
mod unknown;
mod verdict;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayView3, ArrayView4, Axis, Slice};

use crate::check;
use crate::covariance::{covariance, mean_of_finite, symmetrise};
use crate::derivative::{mean_derivative, numerical_derivative};
use crate::error::{Matrix, Result, StatsError};
use crate::finite_samples::hartlap_factor;
use crate::linalg::Positive;

pub use compressed::geometric_mean;
pub use convergence::{Convergence, Part};
use functions::Functions;
use law::Law;
use scatter::{Scatter, Whitened};
pub use unknown::Unknown;
pub use verdict::Verdict;

/// A number with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// One standard error.
    pub error: f64,
}

/// The Fisher matrix without the biases of finite numbers of simulations, with errors.
///
/// ```text
/// f = h dmu^T C^-1 dmu - noise,     h = (n_s - n_summaries - 2) / (n_s - 1)
/// noise[p, q] = h tr(C^-1 S_pq) / n_d + t[p, q] / (n_s (n_s - 1))
/// ```
///
/// with `S_pq` the sample covariance of the derivatives with respect to p and q, and `t = tr(B_p B_q) + tr B_p tr B_q` of
/// the regression `dx_p = B_p x + rest`: derivatives that belong to the same seeds as the simulations follow them.
/// Its mean is the true F for Gaussian summaries. Errors have two parts: of C by the Wishart law of F, of the derivatives
/// from their scatter.
///
/// # References
/// Hartlap, Simon & Schneider 2007, [arXiv:astro-ph/0608064](https://arxiv.org/abs/astro-ph/0608064), eq. 17; Coulton &
/// Wandelt 2023, [arXiv:2305.08994](https://arxiv.org/abs/2305.08994), eqs. 6, 10 and 18. `docs/fisher.md` derives the rest.
///
/// ```
/// use imnn_stats::FisherEstimate;
/// use ndarray::{Array2, Array3};
///
/// // Twelve simulations of one summary, C = 12/11, with exact derivatives: F_raw = 11/3, h = 9/11.
/// let x = Array2::from_shape_fn((12, 1), |(i, _)| if i % 2 == 0 { 1.0 } else { -1.0 });
/// let estimate = FisherEstimate::new(x.view(), Array3::from_elem((12, 1, 1), 2.0).view())?;
/// assert!((estimate.raw[[0, 0]] - 11.0 / 3.0).abs() < 1e-14);
/// assert!((estimate.f.unwrap()[[0, 0]] - 3.0).abs() < 1e-14);
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FisherEstimate {
    /// Number of simulations.
    pub n_s: usize,
    /// How many of them have derivatives.
    pub n_d: usize,
    /// Number of summaries.
    pub n_summaries: usize,
    /// `dmu^T C^-1 dmu` as it is, `(n_params, n_params)`: `F` of [`Statistics`](crate::Statistics).
    pub raw: Array2<f64>,
    /// The factor h, where there is one.
    pub hartlap: Option<f64>,
    /// What the scatter of the derivatives adds to `h raw`; not known of one derivative.
    pub noise: Option<Array2<f64>>,
    /// F without bias, `(n_params, n_params)`, symmetric and possibly not positive definite. Of one derivative `h raw`;
    /// absent where `C^-1` has no mean.
    pub f: Option<Array2<f64>>,
    /// The standard error of each entry of `f`; of one derivative, without what its noise adds.
    pub f_errors: Option<Array2<f64>>,
    /// `ln det F`, without the bias that a logarithm has, or why it is not known.
    pub log_det_f: Result<Measured, Unknown>,
    /// The forecast one-sigma errors of the parameters, `sqrt diag F^-1`, without their bias, with errors of their own.
    pub errors: Result<Vec<Measured>, Unknown>,
    /// The compressed Fisher matrix times h, which noise in the derivatives makes too small: the mean over which half of
    /// them, even or odd rows, compresses.
    pub compressed: Option<Array2<f64>>,
    /// The geometric mean of `h raw` and `compressed`.
    pub combined: Option<Array2<f64>>,
    /// F against the numbers of simulations and derivatives.
    pub convergence: Convergence,
}

impl FisherEstimate {
    /// The estimate from summaries and their derivatives: those of the first `n_d` simulations.
    ///
    /// # Shapes
    /// `x` `(n_s, n_summaries)`, `dx` `(n_d, n_summaries, n_params)` with `1 <= n_d <= n_s`.
    ///
    /// # Errors
    /// Shapes that do not match, `n_params > n_summaries`, `n_s <= n_summaries`, NaN or infinity, singular `C`. A singular
    /// or indefinite F is none: what is not known then says why.
    pub fn new(x: ArrayView2<'_, f64>, dx: ArrayView3<'_, f64>) -> Result<Self> {
        let (n_s, n_summaries) = x.dim();
        let (n_d, _, n_params) = dx.dim();
        if n_params > n_summaries && n_summaries > 0 {
            return Err(StatsError::TooFewSummaries { n_params, n_summaries });
        }
        check::derivatives(&dx, n_s, n_summaries)?;
        let (mu, c) = covariance(x)?;
        let covariance = Positive::new(Matrix::Covariance, c.view())?;
        let dmu = mean_derivative(dx)?;
        let y = Whitened::new(&covariance, dx, dmu.view());
        let mut raw = y.mean.dot(&y.mean.t());
        symmetrise(&mut raw);
        check::in_range("the Fisher matrix F", &raw)?;
        let mut estimate = FisherEstimate::without_law(n_s, n_d, n_summaries, raw);
        let Some(law) = Law::new(n_s, n_summaries, n_params) else { return Ok(estimate) };
        let factor = hartlap_factor(n_s, n_summaries)?;
        let first = x.slice_axis(Axis(0), Slice::from(..n_d));
        let whitened = |mean: Array1<f64>| covariance.whiten((&first - &mean).t()).reversed_axes();
        let scatter = (n_d > 1).then(|| Scatter::new(&y, whitened(mu).view(), law, factor));
        let noise = (n_d > 1).then(|| {
            let following = y.following(whitened(mean_of_finite(first)).view()) / (n_s as f64 * (n_s - 1) as f64);
            y.traces() * (factor / n_d as f64) + following
        });
        estimate.correct(factor, law, scatter.as_ref(), noise);
        estimate.compress(&y, factor);
        if let Ok(standard) = Positive::new(Matrix::Fisher, (&estimate.raw * factor).view()) {
            let t = standard.inverse / n_params as f64;
            estimate.convergence.simulations = convergence::of_simulations(x, dmu.view(), &t, law);
            if let Some(scatter) = &scatter {
                estimate.convergence.derivatives = convergence::of_derivatives(&y, scatter, factor, &t);
            }
        }
        if n_d >= 4 {
            let mut extrapolated = (2.0 * &estimate.raw - convergence::mean_of_parts(&y, 2)) * factor;
            symmetrise(&mut extrapolated);
            estimate.convergence.extrapolated = Some(extrapolated);
        }
        Ok(estimate)
    }

    /// The same for simulations below and above the fiducial parameters.
    ///
    /// # Shapes
    /// As [`Statistics::numerical`](crate::Statistics::numerical).
    ///
    /// # Errors
    /// As [`FisherEstimate::new`], and widths that are not positive.
    pub fn numerical(
        x: ArrayView2<'_, f64>,
        x_mp: ArrayView4<'_, f64>,
        delta_theta: ArrayView1<'_, f64>,
    ) -> Result<Self> {
        Self::new(x, numerical_derivative(x_mp, delta_theta)?.view())
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.raw.nrows()
    }

    fn without_law(n_s: usize, n_d: usize, n_summaries: usize, raw: Array2<f64>) -> Self {
        let unknown = Unknown::TooFewSimulations { n_s, n_summaries };
        FisherEstimate {
            n_s,
            n_d,
            n_summaries,
            raw,
            hartlap: None,
            noise: None,
            f: None,
            f_errors: None,
            log_det_f: Err(unknown),
            errors: Err(unknown),
            compressed: None,
            combined: None,
            convergence: Convergence::default(),
        }
    }

    /// Takes both biases away.
    fn correct(&mut self, factor: f64, law: Law, scatter: Option<&Scatter>, noise: Option<Array2<f64>>) {
        let mut f = &self.raw * factor;
        if let Some(mut noise) = noise {
            symmetrise(&mut noise);
            f -= &noise;
            self.noise = Some(noise);
        }
        self.hartlap = Some(factor);
        let of_derivatives = |t: &Array2<f64>| scatter.map_or(0.0, |scatter| scatter.squared_error(t));
        let entry = |p: usize, q: usize| symmetric(&unit(f.nrows(), p), &unit(f.nrows(), q));
        self.f_errors = Some(Array2::from_shape_fn(f.dim(), |(p, q)| {
            let of_c = 0.5 * law.relative_variance() * (f[[p, p]] * f[[q, q]] + f[[p, q]] * f[[p, q]]);
            (of_c.max(0.0) + of_derivatives(&entry(p, q))).sqrt()
        }));
        let functions = Functions::new(&f, law, scatter);
        self.log_det_f = functions.as_ref().map(Functions::log_det).map_err(|unknown| *unknown);
        self.errors = functions.map(|functions| functions.forecast());
        self.f = Some(f);
    }

    /// The other two estimators of Coulton & Wandelt.
    fn compress(&mut self, y: &Whitened, factor: f64) {
        if self.n_d < 2 {
            return;
        }
        let (even, odd) = (y.mean_of(0, 2), y.mean_of(1, 2));
        let one = compressed::compressed(even.view(), odd.view());
        let other = compressed::compressed(odd.view(), even.view());
        self.compressed = one.zip(other).map(|(one, other)| (one + other) * (0.5 * factor));
        let standard = &self.raw * factor;
        self.combined =
            self.compressed.as_ref().and_then(|compressed| geometric_mean(standard.view(), compressed.view()));
    }
}

/// `(a b^T + b a^T) / 2`
fn symmetric(a: &Array1<f64>, b: &Array1<f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.len(), b.len()), |(p, q)| 0.5 * (a[p] * b[q] + a[q] * b[p]))
}

fn unit(n: usize, p: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |q| f64::from(p == q))
}
