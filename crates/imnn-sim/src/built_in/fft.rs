//! Fourier transforms of square images.

use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

/// Two-dimensional transforms of `n x n` images, without any factor, planned once.
///
/// ```text
/// forward:  F(i, j) = sum_xy f(x, y) exp(-2 pi i (i x + j y) / n)
/// inverse:  f(x, y) = sum_ij F(i, j) exp(+2 pi i (i x + j y) / n)
/// ```
///
/// Images are row-major; modes are left **transposed**, `F(i, j)` at `j n + i`, which saves two
/// transpositions where they go back through a filter that is symmetric in `i` and `j`.
#[derive(Clone)]
pub(crate) struct SquareFft {
    n: usize,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl SquareFft {
    pub(crate) fn new(n: usize) -> Self {
        let mut planner = FftPlanner::new();
        SquareFft { n, forward: planner.plan_fft_forward(n), inverse: planner.plan_fft_inverse(n) }
    }

    /// The least length of `scratch` in the transforms.
    pub(crate) fn scratch_len(&self) -> usize {
        self.forward.get_inplace_scratch_len().max(self.inverse.get_inplace_scratch_len())
    }

    /// Image to transposed modes, in place.
    pub(crate) fn forward(&self, image: &mut [Complex64], scratch: &mut [Complex64]) {
        self.rows_then_columns(&*self.forward, image, scratch);
    }

    /// Transposed modes to image, in place.
    pub(crate) fn inverse(&self, modes: &mut [Complex64], scratch: &mut [Complex64]) {
        self.rows_then_columns(&*self.inverse, modes, scratch);
    }

    fn rows_then_columns(&self, fft: &dyn Fft<f64>, matrix: &mut [Complex64], scratch: &mut [Complex64]) {
        // A longer buffer is transformed piece by piece, so one call serves all rows.
        fft.process_with_scratch(matrix, scratch);
        transpose(matrix, self.n);
        fft.process_with_scratch(matrix, scratch);
    }
}

fn transpose(matrix: &mut [Complex64], n: usize) {
    // Blocks keep both sides of the swap in cache.
    const BLOCK: usize = 16;
    for row_block in (0..n).step_by(BLOCK) {
        for column_block in (row_block..n).step_by(BLOCK) {
            for i in row_block..(row_block + BLOCK).min(n) {
                for j in column_block.max(i + 1)..(column_block + BLOCK).min(n) {
                    matrix.swap(i * n + j, j * n + i);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::Key;

    fn random_image(n: usize) -> Vec<Complex64> {
        let mut noise = vec![0.0; 2 * n * n];
        Key::new(n as u64).fill_normal(&mut noise);
        noise.chunks_exact(2).map(|pair| Complex64::new(pair[0], pair[1])).collect()
    }

    #[track_caller]
    fn assert_near(left: &[Complex64], right: &[Complex64], tolerance: f64) {
        for (l, r) in left.iter().zip(right) {
            assert!((l - r).norm() < tolerance, "{l} {r}");
        }
    }

    /// The sums of the definition, term by term.
    #[test]
    fn the_transforms_are_the_sums() {
        for n in [2, 3, 7, 12] {
            let image = random_image(n);
            let sum = |sign: f64, at: &dyn Fn(usize, usize) -> Complex64, i: usize, j: usize| {
                let mut sum = Complex64::new(0.0, 0.0);
                for x in 0..n {
                    for y in 0..n {
                        let turns = ((i * x + j * y) % n) as f64 / n as f64;
                        sum += at(x, y) * Complex64::cis(sign * TAU * turns);
                    }
                }
                sum
            };
            let fft = SquareFft::new(n);
            let mut scratch = vec![Complex64::new(f64::NAN, 0.0); fft.scratch_len()];
            let mut modes = image.clone();
            fft.forward(&mut modes, &mut scratch);
            let expected: Vec<_> =
                (0..n * n).map(|mode| sum(-1.0, &|x, y| image[x * n + y], mode % n, mode / n)).collect();
            assert_near(&modes, &expected, 1e-12);
            let expected: Vec<_> =
                (0..n * n).map(|pixel| sum(1.0, &|i, j| modes[j * n + i], pixel / n, pixel % n)).collect();
            fft.inverse(&mut modes, &mut scratch);
            assert_near(&modes, &expected, 1e-10);
            let scaled: Vec<_> = image.iter().map(|z| z * (n * n) as f64).collect();
            assert_near(&modes, &scaled, 1e-10);
        }
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        for n in [1, 5, 16, 37] {
            let original = random_image(n);
            let mut matrix = original.clone();
            transpose(&mut matrix, n);
            for i in 0..n {
                for j in 0..n {
                    assert_eq!(matrix[i * n + j], original[j * n + i]);
                }
            }
            transpose(&mut matrix, n);
            assert_eq!(matrix, original);
        }
    }
}
