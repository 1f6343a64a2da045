//! Products of matrices inside slices, by the crate `gemm`: all bounds are checked before it is called.

use crate::number::Number;
use gemm::{Parallelism, gemm};

/// Tells gemm not to copy a left factor that it can read as it lies, however often it is read: for the shapes of layers the
/// copy costs more than it saves (3 % of an iteration). A setting of the whole process, of speed alone.
pub fn prepare() {
    gemm::set_lhs_packing_threshold_single_thread(256);
}

/// A matrix inside a slice: element `(i, j)` lies at `i row + j col`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, E> {
    data: &'a [E],
    rows: usize,
    cols: usize,
    row: usize,
    col: usize,
}

/// A matrix to be written, row-major with `ld >= cols` numbers from one row to the next: no two elements share a place.
#[derive(Debug)]
pub struct MatrixMut<'a, E> {
    data: &'a mut [E],
    rows: usize,
    cols: usize,
    ld: usize,
}

impl<'a, E> Matrix<'a, E> {
    /// `rows` rows of `cols` numbers, `ld` numbers from one row to the next.
    ///
    /// # Panics
    /// If the last row ends outside `data`, or rows overlap.
    pub fn new(data: &'a [E], rows: usize, cols: usize, ld: usize) -> Self {
        assert!(fits(data.len(), rows, cols, ld), "{rows} x {cols} by {ld} in {}", data.len());
        Matrix { data, rows, cols, row: ld, col: 1 }
    }

    /// Rows and columns exchanged.
    pub fn t(self) -> Self {
        Matrix { data: self.data, rows: self.cols, cols: self.rows, row: self.col, col: self.row }
    }
}

impl<'a, E> MatrixMut<'a, E> {
    /// `rows` rows of `cols` numbers, `ld` numbers from one row to the next.
    ///
    /// # Panics
    /// If the last row ends outside `data`, or rows overlap.
    pub fn new(data: &'a mut [E], rows: usize, cols: usize, ld: usize) -> Self {
        assert!(fits(data.len(), rows, cols, ld), "{rows} x {cols} by {ld} in {}", data.len());
        MatrixMut { data, rows, cols, ld }
    }
}

/// Whether the last element of the last row lies inside, and rows do not overlap.
fn fits(len: usize, rows: usize, cols: usize, ld: usize) -> bool {
    if rows == 0 || cols == 0 {
        return true;
    }
    let end = (rows - 1).checked_mul(ld).and_then(|start| start.checked_add(cols));
    ld >= cols && end.is_some_and(|end| end <= len) && len <= isize::MAX as usize
}

/// `c = a b`, or `c += a b`. Runs on the calling thread; the same shapes and strides give the same bits.
///
/// # Panics
/// If the shapes do not fit each other.
#[allow(unsafe_code)]
pub fn product<E: Number>(c: MatrixMut<'_, E>, accumulate: bool, a: Matrix<'_, E>, b: Matrix<'_, E>) {
    let (m, n, k) = (a.rows, b.cols, a.cols);
    assert_eq!((m, n, k), (c.rows, c.cols, b.rows), "shapes of a matrix product");
    if m == 0 || n == 0 {
        return;
    }
    let alpha = if accumulate { E::one() } else { E::zero() };
    // SAFETY: `gemm` reads a[i, l] and b[l, j] and writes c[i, j] at the strides given, for i < m, j < n, l < k, which are
    // the shapes of the three matrices (checked above). The constructors have checked that each matrix lies inside its
    // slice (and k = 0 touches neither a nor b), and that the elements of c are distinct; strides fit isize because slice
    // lengths do. c is borrowed mutably, so it overlaps neither a nor b.
    unsafe {
        gemm(
            m,
            n,
            k,
            c.data.as_mut_ptr(),
            1,
            c.ld as isize,
            accumulate,
            a.data.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.col as isize,
            b.row as isize,
            alpha,
            E::one(),
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 37 % 101) as f64 - 50.0) / 17.0).collect()
    }

    #[test]
    fn products_of_all_orientations_agree_with_the_definition() {
        for (m, n, k) in [(1, 1, 1), (3, 2, 5), (17, 16, 9), (40, 3, 130), (5, 33, 1)] {
            let (lda, ldb, ldc) = (k + 2, n + 1, n + 3);
            let (a, b) = (numbers(m * lda), numbers(k * ldb));
            let expected = |i: usize, j: usize| (0..k).map(|l| a[i * lda + l] * b[l * ldb + j]).sum::<f64>();
            let mut c = numbers(m * ldc);
            let before = c.clone();
            product(MatrixMut::new(&mut c, m, n, ldc), true, Matrix::new(&a, m, k, lda), Matrix::new(&b, k, n, ldb));
            for (i, row) in c.chunks(ldc).enumerate() {
                for (j, &value) in row.iter().enumerate() {
                    let sum = before[i * ldc + j] + if j < n { expected(i, j) } else { 0.0 };
                    assert!((value - sum).abs() < 1e-12 * (1.0 + sum.abs()), "{m} {n} {k}: {value} {sum}");
                }
            }
            let mut t = vec![f64::NAN; n * m];
            let (at, bt) = (Matrix::new(&a, m, k, lda).t(), Matrix::new(&b, k, n, ldb).t());
            product(MatrixMut::new(&mut t, n, m, m), false, bt, at);
            for (j, row) in t.chunks(m).enumerate() {
                for (i, &value) in row.iter().enumerate() {
                    assert!((value - expected(i, j)).abs() < 1e-12 * (1.0 + value.abs()));
                }
            }
        }
    }

    /// Both precisions, all orientations, sums and kernels, on matrices that end with their allocation: a sanitiser sees what
    /// is read or written behind (`cargo xtask sanitise`).
    fn products_at_the_end_of_memory<E: Number>() {
        fn ends<E: Number>(rows: usize, cols: usize, ld: usize) -> Box<[E]> {
            numbers((rows - 1) * ld + cols).into_iter().map(E::of).collect()
        }
        for size in 0..1500_usize {
            // Sizes around those of the kernels' tiles; now and then many rows.
            let m = if size % 50 == 0 { 250 + size / 10 } else { 1 + size * 7 % 67 };
            let (n, k) = (1 + size * 11 % 53, 1 + size * 13 % 59);
            let [turn_a, turn_b, accumulate, pad] = [1, 2, 4, 8].map(|bit| (size / 3) & bit != 0);
            let pad = usize::from(pad) * 3;
            let ((rows_a, cols_a), (rows_b, cols_b)) =
                (if turn_a { (k, m) } else { (m, k) }, if turn_b { (n, k) } else { (k, n) });
            let (lda, ldb, ldc) = (cols_a + pad, cols_b + pad, n + pad);
            let (a, b) = (ends::<E>(rows_a, cols_a, lda), ends::<E>(rows_b, cols_b, ldb));
            let mut c = ends::<E>(m, n, ldc);
            let before = c.clone();
            let a_matrix = Matrix::new(&a, rows_a, cols_a, lda);
            let b_matrix = Matrix::new(&b, rows_b, cols_b, ldb);
            let a_matrix = if turn_a { a_matrix.t() } else { a_matrix };
            let b_matrix = if turn_b { b_matrix.t() } else { b_matrix };
            product(MatrixMut::new(&mut c, m, n, ldc), accumulate, a_matrix, b_matrix);
            for (at, (value, before)) in c.iter().zip(&before).enumerate() {
                let (i, j) = (at / ldc, at % ldc);
                if j >= n {
                    assert_eq!(value, before, "between two rows");
                    continue;
                }
                let term = |l: usize| {
                    let a = if turn_a { a[l * lda + i] } else { a[i * lda + l] };
                    let b = if turn_b { b[j * ldb + l] } else { b[l * ldb + j] };
                    a.f64() * b.f64()
                };
                let sum = (0..k).map(term).sum::<f64>() + if accumulate { before.f64() } else { 0.0 };
                let allowed = 16.0 * E::epsilon().f64() * (k as f64 + 1.0) * 9.0;
                assert!((value.f64() - sum).abs() <= allowed, "{m} {n} {k}, {i} {j}: {value} instead of {sum}");
            }
        }
    }

    #[test]
    fn products_stay_inside_matrices_that_end_with_their_memory() {
        prepare();
        products_at_the_end_of_memory::<f32>();
        products_at_the_end_of_memory::<f64>();
    }

    #[test]
    fn nothing_times_nothing_is_zero() {
        let mut c = vec![f32::NAN; 6];
        product(MatrixMut::new(&mut c, 2, 3, 3), false, Matrix::new(&[], 2, 0, 0), Matrix::new(&[], 0, 3, 3));
        assert_eq!(c, [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "in 5")]
    fn a_matrix_beyond_its_slice_is_refused() {
        let _ = Matrix::new(&[0.0_f32; 5], 2, 3, 3);
    }
}
