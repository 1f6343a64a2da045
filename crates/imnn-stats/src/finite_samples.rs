//! What a finite number of simulations does to the Fisher information. Nothing here is applied unless you call it.

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};

use crate::check;
use crate::derivative::mean_derivative;
use crate::error::{Result, StatsError};

/// Factor that makes the inverse of the sample covariance of Gaussian summaries unbiased.
///
/// ```text
/// E[C^-1] = (n_s - 1) / (n_s - n_summaries - 2) C_true^-1,      factor = (n_s - n_summaries - 2) / (n_s - 1)
/// ```
///
/// Multiply `C^-1` and `F` by it. [`Statistics`](crate::Statistics) does not, in keeping with the original: while a
/// network trains, the covariance of its summaries is of its own making, and the factor is a constant of the loss.
///
/// # Errors
/// `n_s <= n_summaries + 2`: the mean of the inverse does not exist.
///
/// # References
/// Hartlap, Simon & Schneider 2007, A&A 464, 399, eq. 17 (there `n` is our `n_s` and `p` our `n_summaries`),
/// [arXiv:astro-ph/0608064](https://arxiv.org/abs/astro-ph/0608064).
///
/// ```
/// assert_eq!(imnn_stats::hartlap_factor(11, 4)?, 0.5); // (11 - 4 - 2) / 10
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
pub fn hartlap_factor(n_s: usize, n_summaries: usize) -> Result<f64> {
    if n_s <= n_summaries + 2 {
        return Err(StatsError::TooFewSimulations { n_s, n_summaries, needed: n_summaries + 3 });
    }
    Ok((n_s - n_summaries - 2) as f64 / (n_s - 1) as f64)
}

/// Factor that makes the raw standard errors, `sqrt diag F^-1`, those with which estimates scatter.
///
/// ```text
/// factor^2 = (n_s - 1) / (n_s - n_summaries + n_params - 1)  (n_s - 2) / (n_s - n_summaries + n_params - 2)
/// ```
///
/// Two things are wrong with them where C comes from few Gaussian simulations, even with exact derivatives. The raw `F^-1`
/// is too small: it has a Wishart law with `n_s - n_summaries + n_params - 1` degrees of freedom over `n_s - 1`, which is
/// the first ratio. And estimates made with weights from C scatter more than the best ones, which have `F^-1`: the second.
/// With the first alone it is the error that an exact C would allow, a forecast:
/// [`FisherEstimate::errors`](crate::FisherEstimate::errors).
///
/// # Errors
/// `n_s <= n_summaries + 2`.
///
/// # References
/// Rao 1967, Proc. Fifth Berkeley Symp. 1, 355, for the second, of which Dodelson & Schneider 2013,
/// [arXiv:1304.2593](https://arxiv.org/abs/1304.2593), and Percival et al. 2014,
/// [arXiv:1312.4841](https://arxiv.org/abs/1312.4841), give the expansion `1 + B (n_summaries - n_params)`.
///
/// ```
/// let factor = imnn_stats::raw_error_factor(50, 10, 1)?; // 49/40 48/39
/// assert!((factor * factor - 49.0 / 40.0 * 48.0 / 39.0).abs() < 1e-14);
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
pub fn raw_error_factor(n_s: usize, n_summaries: usize, n_params: usize) -> Result<f64> {
    hartlap_factor(n_s, n_summaries)?;
    if n_params == 0 || n_params > n_summaries {
        return Err(StatsError::TooFewSummaries { n_params, n_summaries });
    }
    let (n, rest) = (n_s as f64, (n_s - n_summaries + n_params) as f64);
    Ok(((n - 1.0) / (rest - 1.0) * (n - 2.0) / (rest - 2.0)).sqrt())
}

/// What the scatter of `n_d` derivatives adds to the Fisher matrix on average.
///
/// ```text
/// E[F] = F_true + N,     N[p, q] = tr(C^-1 Cov(dx_p, dx_q)) / n_d
/// ```
///
/// With `C^-1` known, the mean of `n_d` independent derivatives has covariance `Cov(dx) / n_d`, and the quadratic form
/// `dmu^T C^-1 dmu` picks it up as a positive bias. Small against `F` means that `n_d` is large enough.
/// [`FisherEstimate`](crate::FisherEstimate) takes it away, also where `C` comes from the same simulations.
///
/// # Shapes
/// `dx` `(n_d, n_summaries, n_params)`, `inv_c` `(n_summaries, n_summaries)`; the result `(n_params, n_params)`.
///
/// # Errors
/// Fewer than two derivatives, shapes that do not match, NaN or infinity.
///
/// ```
/// use imnn_stats::derivative_noise;
/// use ndarray::array;
///
/// let dx = array![[[1.0]], [[3.0]]]; //          variance 2, of the mean of two 1
/// assert_eq!(derivative_noise(dx.view(), array![[0.5]].view())?, array![[0.5]]);
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
pub fn derivative_noise(dx: ArrayView3<'_, f64>, inv_c: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let (n_d, n_summaries, n_params) = dx.dim();
    if n_d < 2 {
        return check::refuse_shape("dx", "(n_d, n_summaries, n_params) with n_d at least 2", dx.shape());
    }
    check::shape("C^-1", &inv_c, &[n_summaries, n_summaries])?;
    check::finite("C^-1", &inv_c)?;
    let mean = mean_derivative(dx)?;
    let deviations: Vec<Array2<f64>> = (0..n_params).map(|p| &dx.index_axis(Axis(2), p) - &mean.column(p)).collect();
    let divisor = n_d as f64 * (n_d - 1) as f64;
    Ok(Array2::from_shape_fn((n_params, n_params), |(p, q)| {
        (&deviations[p].dot(&inv_c) * &deviations[q]).sum() / divisor
    }))
}
