//! The compressed and the combined Fisher matrix of Coulton & Wandelt, which frame the standard one.

use ndarray::{Array1, Array2, ArrayView2};
use ndarray_linalg::{Eigh, UPLO};

use crate::covariance::symmetrise;

/// The Fisher matrix of summaries that one half of the derivatives compresses and the other half differentiates.
///
/// ```text
/// t = dmu_1^T C^-1 x,     F_compressed = M^T (dmu_1^T C^-1 dmu_1)^-1 M,     M = dmu_1^T C^-1 dmu_2
/// ```
///
/// `first` and `second` `(n_params, n_summaries)` are the whitened mean derivatives; `None` where the compression is singular.
///
/// # References
/// Coulton & Wandelt 2023, [arXiv:2305.08994](https://arxiv.org/abs/2305.08994), eq. 10.
pub(super) fn compressed(first: ArrayView2<'_, f64>, second: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    let (values, vectors) = first.dot(&first.t()).eigh(UPLO::Lower).ok()?;
    let largest = values.fold(0.0_f64, |largest, &value| largest.max(value));
    if values.iter().any(|&value| value.is_nan() || value <= 1e-13 * largest) {
        return None;
    }
    let across = vectors.t().dot(&first.dot(&second.t()));
    let scaled = &across / &values.mapv(f64::sqrt).insert_axis(ndarray::Axis(1));
    let mut f = scaled.t().dot(&scaled);
    symmetrise(&mut f);
    Some(f)
}

/// The geometric mean `A^(1/2) (A^(-1/2) B A^(-1/2))^(1/2) A^(1/2)` of two positive definite matrices, `None` of others.
///
/// The noise of the derivatives makes the standard Fisher matrix too large and the compressed one too small; in their
/// geometric mean this cancels to first order.
///
/// # References
/// Coulton & Wandelt 2023, [arXiv:2305.08994](https://arxiv.org/abs/2305.08994), eq. 18.
///
/// ```
/// use imnn_stats::geometric_mean;
/// use ndarray::array;
///
/// let mean = geometric_mean(array![[4.0]].view(), array![[9.0]].view()).unwrap();
/// assert!((mean[[0, 0]] - 6.0).abs() < 1e-14);
/// assert!(geometric_mean(array![[4.0]].view(), array![[-9.0]].view()).is_none());
/// ```
pub fn geometric_mean(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Option<Array2<f64>> {
    if !a.is_square() || a.dim() != b.dim() || a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    let root = power(a, f64::sqrt)?;
    let inverse_root = power(a, |value| value.sqrt().recip())?;
    let mut between = inverse_root.dot(&b).dot(&inverse_root);
    symmetrise(&mut between);
    let mut mean = root.dot(&power(between.view(), f64::sqrt)?).dot(&root);
    symmetrise(&mut mean);
    Some(mean)
}

/// A function of a positive definite matrix, applied to its eigenvalues.
fn power(matrix: ArrayView2<'_, f64>, function: impl Fn(f64) -> f64) -> Option<Array2<f64>> {
    let (values, vectors) = matrix.eigh(UPLO::Lower).ok()?;
    if values.iter().any(|&value| value.is_nan() || value <= 0.0) {
        return None;
    }
    let values: Array1<f64> = values.mapv(function);
    Some((&vectors * &values).dot(&vectors.t()))
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    #[test]
    fn equal_halves_compress_without_loss() {
        let y = array![[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]];
        assert_relative_eq!(compressed(y.view(), y.view()).unwrap(), y.dot(&y.t()), epsilon = 1e-12);
        // Halves at right angles have nothing in common.
        let f = compressed(array![[1.0, 0.0]].view(), array![[0.0, 5.0]].view()).unwrap();
        assert_eq!(f[[0, 0]], 0.0);
        assert_eq!(compressed(array![[1.0, 1.0], [2.0, 2.0]].view(), array![[1.0, 0.0], [0.0, 1.0]].view()), None);
    }

    #[test]
    fn the_geometric_mean_solves_its_equation() {
        let (a, b) = (array![[4.0, 1.0], [1.0, 3.0]], array![[1.0, -0.5], [-0.5, 2.0]]);
        let mean = geometric_mean(a.view(), b.view()).unwrap();
        // X A^-1 X = B, and the mean does not know which of the two is first.
        let inverse = array![[3.0, -1.0], [-1.0, 4.0]] / 11.0;
        assert_relative_eq!(mean.dot(&inverse).dot(&mean), b, epsilon = 1e-12);
        assert_relative_eq!(geometric_mean(b.view(), a.view()).unwrap(), mean, epsilon = 1e-12);
        assert_eq!(geometric_mean(a.view(), array![[1.0]].view()), None);
        assert_eq!(geometric_mean(a.view(), array![[f64::NAN, 0.0], [0.0, 1.0]].view()), None);
    }
}
