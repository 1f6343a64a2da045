//! A few rows, and a few values of each, of simulations and derivatives in memory.

use std::ops::Range;

use imnn_sim::Key;
use ndarray::Array2;
use rand::Rng;

use imnn_data::ArraySet;
use imnn_data::DataError;

/// The values of all arrays together, at most.
const VALUES: usize = 1 << 24;

/// The values of a row, at most.
const COLUMNS: usize = 4096;

/// The rows that are compared at least, however large they are.
pub(super) const LEAST: usize = 16;

/// Consecutive rows that are looked at together.
const RUN: usize = 16;

/// All rows, or runs of rows drawn by the key if these would be more values than `values`.
pub(super) fn rows(n_rows: usize, row_len: usize, values: u64, key: Key) -> Vec<Range<usize>> {
    let most = usize::try_from(values / (row_len as u64).max(1)).unwrap_or(usize::MAX).max(2 * RUN);
    if n_rows <= most {
        return std::iter::once(0..n_rows).collect();
    }
    spread(n_rows / RUN, most / RUN, key).into_iter().map(|run| run * RUN..(run + 1) * RUN).collect()
}

/// One number below `n` in each of as many equal parts: spread over the whole, and never twice the same.
fn spread(n: usize, parts: usize, key: Key) -> Vec<usize> {
    let mut rng = key.rng();
    let start = |k: usize| (k as u128 * n as u128 / parts as u128) as usize;
    let draw = |k| {
        let (low, high) = (start(k), start(k + 1));
        low + ((u128::from(rng.next_u64()) * (high - low) as u128) >> 64) as usize
    };
    (0..parts).map(draw).collect()
}

/// Rows with derivatives, and what was read of them: arrays `(rows, values)`, all of the same values.
pub(super) struct Sample {
    pub(super) rows: Vec<usize>,
    pub(super) fiducial: Array2<f64>,
    /// For each parameter the exact derivative, or the simulations below and above.
    pub(super) changes: Vec<Vec<Array2<f64>>>,
}

pub(super) fn gather(set: &ArraySet<f64>, n_rows: usize, key: Key) -> Result<Sample, DataError> {
    let [of_rows, of_columns] = key.split();
    let spec = &set.spec;
    let (row_len, n_params, sides) = (spec.row_len(), spec.n_params, spec.derivatives.sides());
    let runs = rows(spec.n_d, 1, n_rows as u64, of_rows);
    let all: Vec<usize> = runs.into_iter().flatten().take(n_rows.max(2)).collect();
    let columns = columns(row_len, (VALUES / (1 + sides * n_params) / all.len().max(1)).clamp(16, COLUMNS), of_columns);
    let (mut values, mut changes) = (vec![0.0; row_len], vec![0.0; spec.change_len()]);
    let mut rows = vec![];
    let mut fiducial = vec![];
    let mut of_all: Vec<Vec<f64>> = vec![vec![]; sides * n_params];
    for row in all {
        set.fiducial.read(row..row + 1, &mut values)?;
        set.derivative.read(row..row + 1, &mut changes)?;
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        if !finite(&values) || !finite(&changes) {
            // Reported already where the array was looked at.
            continue;
        }
        rows.push(row);
        fiducial.extend(columns.iter().map(|&at| values[at]));
        for (k, of) in of_all.iter_mut().enumerate() {
            // (2, n_params, *input), or (*input, n_params)
            let place = |at: usize| if sides == 2 { k * row_len + at } else { at * n_params + k };
            of.extend(columns.iter().map(|&at| changes[place(at)]));
        }
    }
    let (n, m) = (rows.len(), columns.len());
    // As many values were taken of each row.
    let array = |values: Vec<f64>| Array2::from_shape_vec((n, m), values).unwrap_or_else(|_| Array2::zeros((n, m)));
    let mut arrays: Vec<Option<Array2<f64>>> = of_all.into_iter().map(|values| Some(array(values))).collect();
    let changes =
        (0..n_params).map(|a| (0..sides).filter_map(|side| arrays[side * n_params + a].take()).collect()).collect();
    Ok(Sample { rows, fiducial: array(fiducial), changes })
}

/// The places of at most `most` values of a row.
fn columns(row_len: usize, most: usize, key: Key) -> Vec<usize> {
    if row_len <= most { (0..row_len).collect() } else { spread(row_len, most, key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_all_or_spread_runs() {
        assert_eq!(rows(100, 10, 1000, Key::new(0)).first(), Some(&(0..100)));
        let some = rows(1000, 10, 640, Key::new(0));
        assert_eq!(some.len(), 4);
        for (k, run) in some.iter().enumerate() {
            assert!(run.len() == RUN && run.start >= k * 240 && run.end <= (k + 1) * 250 + RUN, "{some:?}");
        }
        assert_ne!(some, rows(1000, 10, 640, Key::new(1)));
        assert_eq!(rows(1000, 1 << 40, 1, Key::new(0)).len(), 2);
    }
    #[test]
    fn columns_are_spread_and_different() {
        assert_eq!(columns(5, 10, Key::new(0)), [0, 1, 2, 3, 4]);
        let some = columns(1000, 30, Key::new(0));
        assert!(some.len() == 30 && some.windows(2).all(|pair| pair[0] < pair[1]) && some[29] < 1000);
    }
}
