//! Cholesky factorisation of a covariance or Fisher matrix, with its condition.

use ndarray::{Array1, Array2, ArrayView2, Axis, OwnedRepr};
use ndarray_linalg::cholesky::{CholeskyFactorized, FactorizeC, InverseC};
use ndarray_linalg::{EigValsh, UPLO};

use crate::check;
use crate::covariance::symmetrise;
use crate::error::{LARGEST_CONDITION, Matrix, Result, StatsError};

/// The smallest diagonal entry of a matrix that is inverted: a smaller square has lost digits to underflow.
pub const SMALLEST_DIAGONAL: f64 = f64::MIN_POSITIVE / f64::EPSILON;

/// A symmetric positive definite matrix `A = D L L^T D`.
///
/// `D` is diagonal with powers of two, so that scaling is exact: no range is lost to the squares in `det`, and the
/// condition number speaks of the correlations and not of units.
pub(crate) struct Positive {
    scale: Array1<f64>,
    factor: CholeskyFactorized<OwnedRepr<f64>>,
    pub(crate) inverse: Array2<f64>,
}

impl Positive {
    /// Factorises and inverts; `name` is for errors.
    pub(crate) fn new(name: Matrix, matrix: ArrayView2<'_, f64>) -> Result<Self> {
        let scale = scale(name, matrix)?;
        let scaled = rescale(matrix.to_owned(), &scale, |value, scale| value / scale);
        let lapack = |source| StatsError::Lapack { matrix: name, source };
        let nearest = || nearest(&scaled);
        let singular =
            |condition| StatsError::Singular { matrix: name, size: matrix.nrows(), condition, nearest: nearest() };
        let Ok(factor) = scaled.factorizec(UPLO::Lower) else {
            return Err(singular(spectral_condition(&scaled).map_err(lapack)?));
        };
        let mut inverse = factor.invc().map_err(lapack)?;
        symmetrise(&mut inverse);
        let condition = one_norm(&scaled) * one_norm(&inverse);
        if condition.is_nan() || condition > LARGEST_CONDITION {
            return Err(singular(condition));
        }
        let inverse = rescale(inverse, &scale, |value, scale| value / scale);
        let what = match name {
            Matrix::Covariance => "the inverse of the covariance matrix C",
            Matrix::Fisher => "the inverse of the Fisher matrix F",
        };
        check::in_range(what, &inverse)?;
        Ok(Positive { scale, factor, inverse })
    }

    /// `L^-1 D^-1 b`, the whitened columns of `b`: its Gram matrix is `b^T A^-1 b`.
    ///
    /// Forward substitution in place of LAPACK's `dtrtrs`: OpenBLAS wakes all its threads for that, even for two rows, and
    /// they spin for milliseconds beside the threads that run the network.
    pub(crate) fn whiten(&self, b: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut whitened = &b / &self.scale.view().insert_axis(Axis(1));
        let lower = &self.factor.factor;
        for column in 0..whitened.ncols() {
            for i in 0..whitened.nrows() {
                let known: f64 = (0..i).map(|k| lower[[i, k]] * whitened[[k, column]]).sum();
                whitened[[i, column]] = (whitened[[i, column]] - known) / lower[[i, i]];
            }
        }
        whitened
    }

    pub(crate) fn log_det(&self) -> f64 {
        self.pivots().map(|(pivot, scale)| 2.0 * (pivot.ln() + scale.ln())).sum()
    }

    /// The determinant; 0 or infinite where f64 cannot hold it.
    pub(crate) fn det(&self) -> f64 {
        self.pivots().map(|(pivot, scale)| (pivot * scale) * (pivot * scale)).product()
    }

    /// The determinant of the inverse; 0 or infinite where f64 cannot hold it.
    pub(crate) fn det_of_inverse(&self) -> f64 {
        self.pivots().map(|(pivot, scale)| 1.0 / ((pivot * scale) * (pivot * scale))).product()
    }

    fn pivots(&self) -> impl Iterator<Item = (f64, f64)> {
        self.factor.factor.diag().to_vec().into_iter().zip(self.scale.to_vec())
    }
}

/// The power of two nearest to the square root of each diagonal entry.
fn scale(name: Matrix, matrix: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    let diagonal = matrix.diag();
    if let Some(index) = diagonal.iter().position(|&value| value.is_nan() || value < SMALLEST_DIAGONAL) {
        let value = diagonal[index];
        return Err(match name {
            Matrix::Covariance => StatsError::ConstantSummary { summary: index, variance: value },
            Matrix::Fisher => StatsError::InsensitiveSummaries { parameter: index, information: value },
        });
    }
    Ok(diagonal.mapv(|value| 2.0_f64.powi((0.5 * value.log2()).round() as i32)))
}

/// Applies `operation` with the scale of the row, then with that of the column.
fn rescale(mut matrix: Array2<f64>, scale: &Array1<f64>, operation: impl Fn(f64, f64) -> f64) -> Array2<f64> {
    for ((row, column), value) in matrix.indexed_iter_mut() {
        *value = operation(operation(*value, scale[row]), scale[column]);
    }
    matrix
}

/// From this correlation on two rows are collinear by themselves.
const COLLINEAR: f64 = 1.0 - 1e-6;

/// The two rows of a symmetric matrix that are nearest to multiples of each other, with their correlation, if they are collinear.
fn nearest(matrix: &Array2<f64>) -> Option<(usize, usize, f64)> {
    let pairs = (0..matrix.nrows()).flat_map(|j| (0..j).map(move |i| (i, j)));
    let correlations = pairs.map(|(i, j)| (i, j, matrix[[i, j]] / (matrix[[i, i]].sqrt() * matrix[[j, j]].sqrt())));
    correlations.filter(|(_, _, r)| r.abs() > COLLINEAR).max_by(|a, b| a.2.abs().total_cmp(&b.2.abs()))
}

/// Largest absolute column sum.
fn one_norm(matrix: &Array2<f64>) -> f64 {
    matrix.columns().into_iter().map(|column| column.fold(0.0, |sum, value| sum + value.abs())).fold(0.0, f64::max)
}

/// Ratio of the largest to the smallest eigenvalue, infinite where one is not positive.
fn spectral_condition(matrix: &Array2<f64>) -> std::result::Result<f64, ndarray_linalg::error::LinalgError> {
    let eigenvalues = matrix.eigvalsh(UPLO::Lower)?;
    let smallest = eigenvalues.fold(f64::INFINITY, |smallest, &value| smallest.min(value));
    let largest = eigenvalues.fold(0.0_f64, |largest, &value| largest.max(value));
    Ok(if smallest > 0.0 { largest / smallest } else { f64::INFINITY })
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::array;

    use super::*;

    #[test]
    fn inverse_and_determinants_by_hand() {
        let a = array![[4.0, 2.0], [2.0, 3.0]]; // det 8
        let positive = Positive::new(Matrix::Covariance, a.view()).unwrap();
        let inverse = array![[3.0, -2.0], [-2.0, 4.0]] / 8.0;
        assert_relative_eq!(positive.inverse, inverse, epsilon = 1e-15);
        assert_relative_eq!(positive.det(), 8.0, epsilon = 1e-14);
        assert_relative_eq!(positive.det_of_inverse(), 0.125, epsilon = 1e-15);
        assert_relative_eq!(positive.log_det(), 8.0_f64.ln(), epsilon = 1e-15);
        let b = array![[1.0], [5.0]];
        let whitened = positive.whiten(b.view());
        let expected = b.t().dot(&inverse).dot(&b);
        assert_relative_eq!(whitened.t().dot(&whitened), expected, epsilon = 1e-13);
    }

    #[test]
    fn units_do_not_matter() {
        let a = array![[1.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.0]];
        let d = [1e-100, 1.0, 1e120];
        let scaled = Array2::from_shape_fn((3, 3), |(row, column)| a[[row, column]] * d[row] * d[column]);
        let plain = Positive::new(Matrix::Fisher, a.view()).unwrap();
        let scaled = Positive::new(Matrix::Fisher, scaled.view()).unwrap();
        for ((row, column), &value) in plain.inverse.indexed_iter() {
            let found = scaled.inverse[[row, column]] * d[row] * d[column];
            assert_relative_eq!(found, value, max_relative = 1e-13, epsilon = 1e-15);
        }
    }

    #[test]
    fn size_one_works() {
        let positive = Positive::new(Matrix::Fisher, array![[9.0]].view()).unwrap();
        assert_relative_eq!(positive.inverse[[0, 0]], 1.0 / 9.0, max_relative = 1e-15);
        assert_relative_eq!(positive.det(), 9.0);
    }

    #[test]
    fn the_nearest_pair_has_the_largest_correlation_of_either_sign() {
        let near = |first: f64, second: f64| {
            // Deviations 2, 3 and 5; 0 with 1, and 1 with 2.
            let a = array![[4.0, 6.0 * first, 0.0], [6.0 * first, 9.0, 15.0 * second], [0.0, 15.0 * second, 25.0]];
            nearest(&a)
        };
        assert_eq!(near(0.9, -0.9999), None);
        let r = 1.0 - 1e-8;
        for (first, second, pair) in
            [(r, 0.5, (0, 1)), (0.5, -r, (1, 2)), (1.0 - 1e-7, -r, (1, 2)), (-r, 1.0 - 1e-7, (0, 1))]
        {
            let (i, j, found) = near(first, second).unwrap();
            assert_eq!((i, j), pair);
            assert_relative_eq!(found, if pair == (0, 1) { first } else { second }, max_relative = 1e-15);
        }
    }

    #[test]
    fn the_condition_is_that_of_the_eigenvalues() {
        let condition = |a: Array2<f64>| spectral_condition(&a).unwrap();
        assert_relative_eq!(condition(array![[2.0, 1.0], [1.0, 2.0]]), 3.0, max_relative = 1e-14);
        assert_eq!(condition(array![[1.0, 2.0], [2.0, 1.0]]), f64::INFINITY);
        assert_eq!(condition(array![[-3.0, 0.0], [0.0, -1.0]]), f64::INFINITY);
        assert_eq!(one_norm(&array![[1.0, -2.0], [-3.0, 1.0]]), 4.0);
    }
}
