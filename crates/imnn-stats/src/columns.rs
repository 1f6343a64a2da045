//! Sums over simulations, in blocks of rows turned into columns, so that loops run along memory however few the columns are.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Rows of a block: a few columns of them stay in the first-level cache.
const ROWS: usize = 256;
/// Partial sums kept apart, so that several additions are under way at once.
const LANES: usize = 8;
/// From this many columns on, products of blocks are worth the general matrix product.
const WIDE: usize = 16;

/// The sum of each column of `x - shift`.
pub(crate) fn sums(x: ArrayView2<'_, f64>, shift: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut sums = Array1::zeros(x.ncols());
    blocks(x, shift, |_, n, columns| {
        for (sum, column) in sums.iter_mut().zip(columns.chunks_exact(n)) {
            *sum += sum_of(column);
        }
    });
    sums
}

/// The largest magnitude in each column of `x`.
pub(crate) fn largest(x: ArrayView2<'_, f64>) -> Array1<f64> {
    let mut largest = Array1::zeros(x.ncols());
    blocks(x, Array1::zeros(x.ncols()).view(), |_, n, columns| {
        for (largest, column) in largest.iter_mut().zip(columns.chunks_exact(n)) {
            *largest = column.iter().fold(*largest, |largest: f64, value| largest.max(value.abs()));
        }
    });
    largest
}

/// The Gram matrix `(x - mu)^T (x - mu)`.
pub(crate) fn gram(x: ArrayView2<'_, f64>, mu: ArrayView1<'_, f64>) -> Array2<f64> {
    let width = x.ncols();
    let mut gram = Array2::zeros((width, width));
    blocks(x, mu, |_, n, columns| {
        if width >= WIDE {
            // The columns are `width` times `n` numbers, as `blocks` makes them.
            let columns = ArrayView2::from_shape((width, n), columns).expect("columns of a block");
            return general_mat_mul(1.0, &columns, &columns.t(), 1.0, &mut gram);
        }
        for (a, first) in columns.chunks_exact(n).enumerate() {
            for (b, second) in columns.chunks_exact(n).enumerate().skip(a) {
                gram[[a, b]] += dot(first, second);
                gram[[b, a]] = gram[[a, b]];
            }
        }
    });
    gram
}

/// `(x - mu) matrix`, written into the memory of `to` if that has the right shape.
pub(crate) fn product(
    x: ArrayView2<'_, f64>,
    mu: ArrayView1<'_, f64>,
    matrix: ArrayView2<'_, f64>,
    to: Array2<f64>,
) -> Array2<f64> {
    let mut to = if to.dim() == (x.nrows(), matrix.ncols()) && to.is_standard_layout() {
        to
    } else {
        Array2::zeros((x.nrows(), matrix.ncols()))
    };
    let width = matrix.ncols();
    let out = to.as_slice_mut().unwrap_or_default();
    let mut combined = vec![0.0; ROWS];
    blocks(x, mu, |start, n, columns| {
        let out = &mut out[start * width..(start + n) * width];
        for (b, weights) in matrix.columns().into_iter().enumerate() {
            let combined = &mut combined[..n];
            combined.fill(0.0);
            for (column, &weight) in columns.chunks_exact(n).zip(weights) {
                for (sum, value) in combined.iter_mut().zip(column) {
                    *sum += weight * value;
                }
            }
            for (out, &value) in out[b..].iter_mut().step_by(width).zip(&*combined) {
                *out = value;
            }
        }
    });
    to
}

/// Whether all numbers are finite; all are looked at, several together.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.iter().fold(true, |finite, value| finite & value.is_finite())
}

/// Calls `f(start, n, columns)` for consecutive blocks of `n` rows of `x - shift`; `columns` is `(x.ncols(), n)`, row-major.
fn blocks(x: ArrayView2<'_, f64>, shift: ArrayView1<'_, f64>, mut f: impl FnMut(usize, usize, &[f64])) {
    let (n_rows, width) = x.dim();
    if width == 0 {
        return;
    }
    let x = x.as_standard_layout();
    let x = x.as_slice().unwrap_or_default();
    let mut columns = vec![0.0; width * ROWS.min(n_rows)];
    for (block, rows) in x.chunks(width * ROWS).enumerate() {
        let n = rows.len() / width;
        let columns = &mut columns[..width * n];
        for (k, (column, &shift)) in columns.chunks_exact_mut(n).zip(shift).enumerate() {
            for (value, row) in column.iter_mut().zip(rows.chunks_exact(width)) {
                *value = row[k] - shift;
            }
        }
        f(block * ROWS, n, columns);
    }
}

/// `sum_k a_k b_k`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sums, whole) = ([0.0; LANES], a.len() - a.len() % LANES);
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for k in 0..LANES {
            sums[k] += a[k] * b[k];
        }
    }
    let rest: f64 = a[whole..].iter().zip(&b[whole..]).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

fn sum_of(values: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f64 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for k in 0..LANES {
            sums[k] += chunk[k];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// Against the definitions, for numbers of rows beside and beyond a block and few and many columns.
    #[test]
    fn blocks_make_what_the_whole_makes() {
        for rows in [0, 1, 7, ROWS, ROWS + 1, 3 * ROWS + 5] {
            for width in [0, 1, 2, 3, WIDE, WIDE + 1] {
                let entry = |(i, k): (usize, usize)| ((i * 31 + k * 17) % 101) as f64 / 50.0 - 1.0;
                let x = Array2::from_shape_fn((rows, width), entry);
                let mu = Array1::from_shape_fn(width, |k| 0.1 * k as f64);
                let matrix = Array2::from_shape_fn((width, width), |(a, b)| entry((b, a)));
                let centred = &x - &mu;
                let close = |found: &Array2<f64>, expected: Array2<f64>| {
                    assert_abs_diff_eq!(found, &expected, epsilon = 1e-11 * (1 + rows) as f64);
                };
                // Transposed back, the same numbers lie in another order in memory.
                let other = x.t().as_standard_layout().into_owned().reversed_axes();
                for x in [x.view(), other.view()] {
                    let n = (1, width);
                    let row = |sums: Array1<f64>| sums.into_shape_with_order(n).unwrap();
                    close(&row(sums(x, mu.view())), row(centred.sum_axis(ndarray::Axis(0))));
                    let magnitudes = x.map(|value| value.abs());
                    close(&row(largest(x)), row(magnitudes.fold_axis(ndarray::Axis(0), 0.0, |a, b| a.max(*b))));
                    close(&gram(x, mu.view()), centred.t().dot(&centred));
                    for to in [Array2::zeros((0, 0)), Array2::from_elem((rows, width), f64::NAN)] {
                        close(&product(x, mu.view(), matrix.view(), to), centred.dot(&matrix));
                    }
                }
            }
        }
    }
}
