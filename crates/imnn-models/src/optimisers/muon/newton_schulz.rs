//! The orthogonal matrix nearest to a matrix, nearly.

use crate::optimisers::clip::norm;
use imnn_compute::Number;
use imnn_compute::matrix::{Matrix, MatrixMut, product};

/// `a, b, c` of the quintic `a s + b s^3 + c s^5` that each step applies to the singular values: at 0 as steep as can be, and
/// from 0 to 1 never far from 1 after a few steps. It has no fixed point at 1.
const QUINTIC: [f64; 3] = [3.4445, -4.7750, 2.0315];

const STEPS: usize = 5;

/// Memory of the iteration for matrices up to a size.
pub(super) struct NewtonSchulz<E> {
    gram: Vec<E>,
    polynomial: Vec<E>,
    next: Vec<E>,
}

impl<E: Number> NewtonSchulz<E> {
    /// Memory for matrices of these rows and columns.
    pub(super) fn new(shapes: impl Iterator<Item = [usize; 2]> + Clone) -> Self {
        let zeros = |len: usize| vec![E::zero(); len];
        let square = shapes.clone().map(|[rows, cols]| rows.min(cols).pow(2)).max().unwrap_or(0);
        let whole = shapes.map(|[rows, cols]| rows * cols).max().unwrap_or(0);
        NewtonSchulz { gram: zeros(square), polynomial: zeros(square), next: zeros(whole) }
    }

    /// Puts `U p(S) V^T` in place of the row-major matrix `X = U S V^T`, with p near 1.
    ///
    /// ```text
    /// X = X / |X|_F,   then five times   A = X X^T,   X = (a + b A + c A^2) X
    /// ```
    ///
    /// or with `A = X^T X` and `X (a + b A + c A^2)`, which is the same, where that is the smaller matrix. A matrix of zeros
    /// stays as it is, and one that is not finite becomes NaN.
    pub(super) fn orthogonalise(&mut self, x: &mut [E], [rows, cols]: [usize; 2]) {
        let norm = norm(x);
        if norm == 0.0 {
            return;
        }
        x.iter_mut().for_each(|x| *x = E::of(x.f64() / norm));
        let n = rows.min(cols);
        let [a, b, c] = QUINTIC.map(E::of);
        let (gram, polynomial) = (&mut self.gram[..n * n], &mut self.polynomial[..n * n]);
        let next = &mut self.next[..rows * cols];
        for _ in 0..STEPS {
            let whole = Matrix::new(x, rows, cols, cols);
            let (left, right) = if rows > cols { (whole.t(), whole) } else { (whole, whole.t()) };
            product(MatrixMut::new(gram, n, n, n), false, left, right);
            let gram_matrix = Matrix::new(gram, n, n, n);
            product(MatrixMut::new(polynomial, n, n, n), false, gram_matrix, gram_matrix);
            for (p, &g) in polynomial.iter_mut().zip(&*gram) {
                *p = b * g + c * *p;
            }
            polynomial.iter_mut().step_by(n + 1).for_each(|p| *p += a);
            let p = Matrix::new(polynomial, n, n, n);
            let (left, right) = if rows > cols { (whole, p) } else { (p, whole) };
            product(MatrixMut::new(next, rows, cols, cols), false, left, right);
            x.copy_from_slice(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;
    use imnn_sim::Key;

    const SHAPES: [[usize; 2]; 7] = [[1, 1], [1, 7], [7, 1], [6, 6], [5, 20], [20, 5], [40, 17]];

    fn random(shape: [usize; 2]) -> Vec<f64> {
        let mut x = vec![0.0; shape[0] * shape[1]];
        Key::new(3).fold_in((100 * shape[0] + shape[1]) as u64).fill_normal(&mut x);
        x
    }

    fn transposed(x: &[f64], cols: usize) -> Vec<f64> {
        (0..cols).flat_map(|j| x.iter().skip(j).step_by(cols).copied()).collect()
    }

    fn orthogonal(mut x: Vec<f64>, shape: [usize; 2]) -> Vec<f64> {
        NewtonSchulz::new([shape].into_iter()).orthogonalise(&mut x, shape);
        x
    }

    /// `s` after all steps of the quintic.
    fn p(s: f64) -> f64 {
        let [a, b, c] = QUINTIC;
        (0..STEPS).fold(s, |s, _| s * (a + s * s * (b + s * s * c)))
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// The singular values with the rows of U^T and V^T, by Jacobi's rotations of pairs of columns until all are orthogonal.
    fn svd(x: &[f64], cols: usize) -> Vec<(f64, Vec<f64>, Vec<f64>)> {
        if x.len() / cols < cols {
            let turned = svd(&transposed(x, cols), x.len() / cols);
            return turned.into_iter().map(|(s, u, v)| (s, v, u)).collect();
        }
        // Columns of X, with those of the identity below: the rotations make X V of the one and V of the other.
        let unit = |j: usize| (0..cols).map(move |i| f64::from(u8::from(i == j)));
        let column = |j: usize| x.iter().skip(j).step_by(cols).copied();
        let mut columns: Vec<(Vec<f64>, Vec<f64>)> =
            (0..cols).map(|j| (column(j).collect(), unit(j).collect())).collect();
        for _ in 0..30 {
            for k in 1..cols {
                for j in 0..k {
                    let (head, tail) = columns.split_at_mut(k);
                    let (a, b) = (&mut head[j], &mut tail[0]);
                    let angle = 0.5 * (2.0 * dot(&a.0, &b.0)).atan2(dot(&a.0, &a.0) - dot(&b.0, &b.0));
                    let (sin, cos) = angle.sin_cos();
                    for (a, b) in [(&mut a.0, &mut b.0), (&mut a.1, &mut b.1)] {
                        for (a, b) in a.iter_mut().zip(b) {
                            (*a, *b) = (cos * *a + sin * *b, cos * *b - sin * *a);
                        }
                    }
                }
            }
        }
        let parts = columns.into_iter().map(|(us, v)| {
            let s = dot(&us, &us).sqrt();
            (s, us.into_iter().map(|u| u / s).collect(), v)
        });
        parts.collect()
    }

    /// `sum_k f(s_k) u_k v_k^T`.
    fn put_together(parts: &[(f64, Vec<f64>, Vec<f64>)], f: impl Fn(f64) -> f64) -> Vec<f64> {
        let (rows, cols) = (parts[0].1.len(), parts[0].2.len());
        let at = |i: usize, j: usize| parts.iter().map(|(s, u, v)| f(*s) * u[i] * v[j]).sum();
        (0..rows * cols).map(|k| at(k / cols, k % cols)).collect()
    }

    #[test]
    fn singular_vectors_stay_and_singular_values_come_near_one() {
        for shape in SHAPES {
            let x = random(shape);
            let parts = svd(&x, shape[1]);
            assert_eq!(parts.len(), shape[0].min(shape[1]));
            assert_abs_diff_eq!(put_together(&parts, |s| s)[..], x[..], epsilon = 1e-12);
            let norm = dot(&x, &x).sqrt();
            let found = orthogonal(x, shape);
            assert_abs_diff_eq!(found[..], put_together(&parts, |s| p(s / norm))[..], epsilon = 1e-10);
            for (s, ..) in svd(&found, shape[1]) {
                assert!(s > 0.68 && s < 1.21, "{shape:?}: {s}");
            }
        }
    }

    /// The bounds that the documentation of Muon gives.
    #[test]
    fn the_quintic_keeps_its_bounds() {
        for s in (2..=1000).map(|k| f64::from(k) / 1000.0) {
            assert!(p(s) > 0.68 && p(s) < 1.21, "{s}: {}", p(s));
        }
    }

    #[test]
    fn a_transposed_matrix_gives_the_transposed_matrix() {
        for [rows, cols] in SHAPES {
            let x = random([rows, cols]);
            let turned = orthogonal(transposed(&x, cols), [cols, rows]);
            assert_abs_diff_eq!(transposed(&turned, rows)[..], orthogonal(x, [rows, cols])[..], epsilon = 1e-12);
        }
    }

    /// Single precision, gradients as small as they come, and memory that others have used.
    #[test]
    fn the_scale_does_not_matter_and_memory_may_be_used_again() {
        let mut memory = NewtonSchulz::<f32>::new(SHAPES.into_iter());
        for scale in [1e-30, 1.0, 1e30] {
            for shape in SHAPES {
                let mut x: Vec<f32> = random(shape).into_iter().map(|x| (scale * x) as f32).collect();
                memory.orthogonalise(&mut x, shape);
                let x: Vec<f64> = x.into_iter().map(f64::from).collect();
                // The quintic amplifies the rounding of the smallest singular values by up to 3.4445^5 = 485.
                assert_abs_diff_eq!(x[..], orthogonal(random(shape), shape)[..], epsilon = 485.0 * 6e-8 * 4.0);
            }
        }
    }

    #[test]
    fn nothing_stays_nothing_and_what_is_not_finite_is_seen() {
        assert_eq!(orthogonal(vec![0.0; 6], [2, 3]), [0.0; 6]);
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(orthogonal(vec![1.0, bad, 3.0, 4.0], [2, 2]).iter().all(|x| x.is_nan()));
        }
    }
}
