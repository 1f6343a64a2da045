//! Transposes of weights.

use imnn_compute::{Number, vectorised};

vectorised! {
    /// `to[j, i] = from[i, j]` for `rows` rows of `from`, a square at a time, so that both sides stay in the nearest cache.
    pub(super) fn transpose<'a, E>(from: &'a [E], rows: usize, to: &'a mut [E]) {
        const SIDE: usize = 16;
        let cols = from.len() / rows;
        let (whole_rows, whole_cols) = (rows - rows % SIDE, cols - cols % SIDE);
        for i in (0..whole_rows).step_by(SIDE) {
            for j in (0..whole_cols).step_by(SIDE) {
                let mut square = [[E::zero(); SIDE]; SIDE];
                for (k, square) in square.iter_mut().enumerate() {
                    square.copy_from_slice(&from[(i + k) * cols + j..][..SIDE]);
                }
                for l in 0..SIDE {
                    let to = &mut to[(j + l) * rows + i..][..SIDE];
                    to.iter_mut().zip(&square).for_each(|(to, row)| *to = row[l]);
                }
            }
        }
        for i in 0..rows {
            let from_col = if i < whole_rows { whole_cols } else { 0 };
            (from_col..cols).for_each(|j| to[j * rows + i] = from[i * cols + j]);
        }
    }
}

/// `to[i, j] += from[j, i]` for `rows` rows of `to`.
pub(super) fn add_transposed<E: Number>(from: &[E], rows: usize, to: &mut [E]) {
    let cols = from.len() / rows;
    for (i, row) in to.chunks_exact_mut(cols).enumerate() {
        row.iter_mut().enumerate().for_each(|(j, x)| *x += from[j * rows + i]);
    }
}
