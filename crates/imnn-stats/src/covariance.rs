//! Mean and covariance of the summaries.

use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Result, StatsError};
use crate::{check, columns};

/// Mean of the summaries over the simulations.
///
/// ```text
/// mu = sum_i x_i / n_s
/// ```
///
/// # Shapes
/// `x` `(n_s, n_summaries)`; the result `(n_summaries)`.
///
/// # Errors
/// No simulations, NaN or infinity.
pub fn mean(x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    if x.nrows() == 0 {
        return check::refuse_shape("x", "(n_s, n_summaries) with at least one simulation", x.shape());
    }
    check::finite("x", &x)?;
    let mu = mean_of_finite(x);
    check::in_range("the mean of x", &mu)?;
    Ok(mu)
}

/// Mean and covariance of the summaries, with divisor `n_s - 1`.
///
/// ```text
/// C = sum_i (x_i - mu) (x_i - mu)^T / (n_s - 1)
/// ```
///
/// This estimate of the covariance is unbiased; the inverse of it is not, see
/// [`hartlap_factor`](crate::hartlap_factor).
///
/// # Shapes
/// `x` `(n_s, n_summaries)`; the results `(n_summaries)` and `(n_summaries, n_summaries)`.
///
/// # Errors
/// Fewer than `n_summaries + 1` simulations, no summaries, NaN or infinity.
///
/// ```
/// use imnn_stats::covariance;
/// use ndarray::array;
///
/// let (mu, c) = covariance(array![[1.0, 0.0], [2.0, 2.0], [3.0, 1.0]].view())?;
/// assert_eq!(mu, array![2.0, 1.0]);
/// assert_eq!(c, array![[1.0, 0.5], [0.5, 1.0]]); // (1 + 0 + 1) / 2, ((-1)(-1) + 0 + 0) / 2
/// # Ok::<(), imnn_stats::StatsError>(())
/// ```
pub fn covariance(x: ArrayView2<'_, f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    check::summaries(&x)?;
    let mu = mean_of_finite(x);
    check::in_range("the mean of x", &mu)?;
    let mut c = columns::gram(x, mu.view());
    c /= (x.nrows() - 1) as f64;
    symmetrise(&mut c);
    check::in_range("the covariance matrix C", &c)?;
    constant_summary(x, &c)?;
    Ok((mu, c))
}

/// Mean over the first axis; the second pass removes most of the first one's rounding error.
pub(crate) fn mean_of_finite(x: ArrayView2<'_, f64>) -> Array1<f64> {
    let n = x.nrows() as f64;
    let first = columns::sums(x, Array1::zeros(x.ncols()).view()) / n;
    let correction = columns::sums(x, first.view()) / n;
    first + correction
}

/// Copies the mean of both triangles to both, since a matrix product may round them differently.
pub(crate) fn symmetrise(matrix: &mut Array2<f64>) {
    for row in 0..matrix.nrows() {
        for column in row + 1..matrix.ncols() {
            let value = 0.5 * matrix[[row, column]] + 0.5 * matrix[[column, row]];
            matrix[[row, column]] = value;
            matrix[[column, row]] = value;
        }
    }
}

/// Refuses a summary whose variance is no more than the rounding of its values.
fn constant_summary(x: ArrayView2<'_, f64>, c: &Array2<f64>) -> Result<()> {
    for (summary, largest) in columns::largest(x).into_iter().enumerate() {
        let variance = c[[summary, summary]];
        if variance.sqrt() <= 4.0 * f64::EPSILON * largest {
            return Err(StatsError::ConstantSummary { summary, variance });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn large_offsets_do_not_spoil_the_covariance() {
        // The variance of 0, 1, 2 is 1 whatever is added, as long as the sums are representable.
        let x = array![[1e9, 0.0], [1e9 + 1.0, 0.5], [1e9 + 2.0, 2.0]];
        let (mu, c) = covariance(x.view()).unwrap();
        assert_eq!(mu[0], 1e9 + 1.0);
        assert_eq!(c[[0, 0]], 1.0);
        assert_eq!(c[[0, 1]], 1.0); // ((-1)(-5/6) + 0 + (1)(7/6)) / 2
    }

    #[test]
    fn memory_order_does_not_matter() {
        let x = array![[1.0, 5.0], [2.5, 2.0], [-3.0, 1.0], [0.1, 0.2]];
        let columns_first = x.t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(covariance(x.view()).unwrap(), covariance(columns_first.view()).unwrap());
    }
}
