//! Cholesky factors of matrices so large that a LAPACK would share them among threads: the bits of its results then depend
//! on how many there are, and those of a training run must not.

use ndarray::{Array2, ArrayViewMut1};

use crate::columns::dot;

/// The lower triangular L of `A = L L^T`, row by row.
pub(crate) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// The factor of a symmetric matrix, of which the lower triangle is read; `None` where it is not positive definite.
    pub(crate) fn new(a: &Array2<f64>) -> Option<Self> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(a.nrows());
        for (i, a) in a.rows().into_iter().enumerate() {
            let mut row = Vec::with_capacity(i + 1);
            for j in 0..i {
                row.push((a[j] - dot(&row, &rows[j][..j])) / rows[j][j]);
            }
            let square = a[i] - dot(&row, &row);
            if square.is_nan() || square <= 0.0 {
                return None;
            }
            row.push(square.sqrt());
            rows.push(row);
        }
        Some(Cholesky { rows })
    }

    /// `A^-1 b`, in place.
    pub(crate) fn solve(&self, mut b: ArrayViewMut1<'_, f64>) {
        let n = self.rows.len();
        let mut x = b.to_vec();
        for i in 0..n {
            x[i] = (x[i] - dot(&self.rows[i][..i], &x[..i])) / self.rows[i][i];
        }
        for i in (0..n).rev() {
            let (before, rest) = x.split_at_mut(i);
            rest[0] /= self.rows[i][i];
            for (x, l) in before.iter_mut().zip(&self.rows[i]) {
                *x -= l * rest[0];
            }
        }
        b.iter_mut().zip(x).for_each(|(b, x)| *b = x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array1;

    #[test]
    fn solutions_solve() {
        for n in [1, 2, 7, 40] {
            let b = Array2::from_shape_fn((n, n), |(i, j)| ((i * 31 + j * 17) % 13) as f64 - 6.0);
            let a = b.dot(&b.t()) + Array2::<f64>::eye(n);
            let x = Array1::from_shape_fn(n, |i| i as f64 - 3.5);
            let mut solution = a.dot(&x);
            Cholesky::new(&a).unwrap().solve(solution.view_mut());
            approx::assert_abs_diff_eq!(solution, x, epsilon = 1e-9);
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        let matrix = |a: f64, b: f64, c: f64| ndarray::array![[a, b], [b, c]];
        assert!(Cholesky::new(&matrix(1.0, 0.5, 1.0)).is_some());
        for matrix in [matrix(1.0, 1.0, 1.0), matrix(-1.0, 0.0, 1.0), matrix(1.0, 2.0, 1.0), matrix(1.0, f64::NAN, 1.0)]
        {
            assert!(Cholesky::new(&matrix).is_none());
        }
    }
}
