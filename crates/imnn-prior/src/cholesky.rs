//! Cholesky factors of small symmetric matrices.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// The lower triangular `L` of a positive definite matrix `A = L L^T`.
///
/// For the few parameters and summaries of an inference. Sums are made in one order, so that the bits do not depend on
/// how many threads a LAPACK has.
///
/// ```
/// use imnn_prior::Cholesky;
/// use ndarray::array;
///
/// let factor = Cholesky::new(array![[4.0, 2.0], [2.0, 5.0]].view()).unwrap();
/// assert_eq!(factor.lower(), array![[2.0, 0.0], [1.0, 2.0]]);
/// assert_eq!(factor.ln_det(), 16.0_f64.ln());
/// assert_eq!(factor.solve(array![2.0, 5.0].view()), array![0.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// The factor of a symmetric matrix, of which the lower triangle is read; none where it is not positive definite,
    /// or so nearly singular that a diagonal entry of L loses all but three of its digits.
    ///
    /// # Shapes
    /// `a` is square.
    pub fn new(a: ArrayView2<'_, f64>) -> Option<Self> {
        let n = a.nrows();
        let mut lower = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
                let rest = a[[i, j]] - sum;
                lower[[i, j]] = match i == j {
                    false => rest / lower[[j, j]],
                    true if rest > 1e-13 * a[[i, i]].abs() && rest.is_finite() => f64::sqrt(rest),
                    true => return None,
                };
            }
        }
        Some(Cholesky { lower })
    }

    /// The factor, `(n, n)`; zero above the diagonal.
    pub fn lower(&self) -> ArrayView2<'_, f64> {
        self.lower.view()
    }

    /// `ln det A`.
    pub fn ln_det(&self) -> f64 {
        2.0 * self.lower.diag().iter().map(|l| l.ln()).sum::<f64>()
    }

    /// `L z`.
    pub fn times(&self, z: ArrayView1<'_, f64>) -> Array1<f64> {
        (0..z.len()).map(|i| (0..=i).map(|k| self.lower[[i, k]] * z[k]).sum()).collect()
    }

    /// `L^T z`.
    pub fn transposed_times(&self, z: ArrayView1<'_, f64>) -> Array1<f64> {
        (0..z.len()).map(|i| (i..z.len()).map(|k| self.lower[[k, i]] * z[k]).sum()).collect()
    }

    /// `L^-1 b`.
    pub fn whiten(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut x = b.to_owned();
        for i in 0..x.len() {
            let sum: f64 = (0..i).map(|k| self.lower[[i, k]] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[[i, i]];
        }
        x
    }

    /// `A^-1 b`.
    pub fn solve(&self, b: ArrayView1<'_, f64>) -> Array1<f64> {
        let mut x = self.whiten(b);
        for i in (0..x.len()).rev() {
            let sum: f64 = (i + 1..x.len()).map(|k| self.lower[[k, i]] * x[k]).sum();
            x[i] = (x[i] - sum) / self.lower[[i, i]];
        }
        x
    }

    /// `A^-1`, symmetric to the last bit.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.lower.nrows();
        let mut inverse = Array2::zeros((n, n));
        for j in 0..n {
            let unit = Array1::from_shape_fn(n, |i| if i == j { 1.0 } else { 0.0 });
            inverse.column_mut(j).assign(&self.solve(unit.view()));
        }
        Array2::from_shape_fn((n, n), |(i, j)| 0.5 * (inverse[[i, j]] + inverse[[j, i]]))
    }

    /// `b^T A^-1 b`, the squared Mahalanobis length.
    pub fn squared_length(&self, b: ArrayView1<'_, f64>) -> f64 {
        self.whiten(b).iter().map(|x| x * x).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn inverses_and_solutions_agree() {
        let a = array![[2.0, 0.3, 0.1], [0.3, 1.5, -0.4], [0.1, -0.4, 0.7]];
        let factor = Cholesky::new(a.view()).unwrap();
        let product = a.dot(&factor.inverse());
        for ((i, j), value) in product.indexed_iter() {
            assert!((value - f64::from(u8::from(i == j))).abs() < 1e-14);
        }
        let b = array![1.0, -2.0, 0.5];
        let length = b.dot(&factor.solve(b.view()));
        assert!((factor.squared_length(b.view()) - length).abs() < 1e-14);
        let back = factor.times(factor.whiten(b.view()).view());
        assert!((&back - &b).iter().all(|x| x.abs() < 1e-15));
        assert_eq!(factor.transposed_times(b.view()), factor.lower().t().dot(&b));
    }

    #[test]
    fn singular_matrices_have_none() {
        assert!(Cholesky::new(array![[1.0, 1.0], [1.0, 1.0]].view()).is_none());
        assert!(Cholesky::new(array![[-1.0]].view()).is_none());
        assert!(Cholesky::new(array![[f64::NAN]].view()).is_none());
        assert!(Cholesky::new(array![[0.0]].view()).is_none());
    }
}
