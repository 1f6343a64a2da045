//! Checks of borrowed arrays: shapes, finite entries, numbers of rows.

use ndarray::{ArrayView, ArrayView2, ArrayView3, Axis, Dimension, RemoveAxis};

use crate::columns::all_finite;
use crate::error::{Result, StatsError};

/// Refuses an array that does not have the expected shape.
pub(crate) fn shape<D: Dimension>(
    array: &'static str,
    found: &ArrayView<'_, f64, D>,
    expected: &[usize],
) -> Result<()> {
    if found.shape() == expected {
        return Ok(());
    }
    Err(StatsError::Shape { array, expected: format!("{expected:?}"), found: found.shape().to_vec() })
}

/// Refuses NaN and infinity, naming the first entry and how many rows are affected.
pub(crate) fn finite<D: Dimension + RemoveAxis>(array: &'static str, values: &ArrayView<'_, f64, D>) -> Result<()> {
    let fine = match values.as_slice_memory_order() {
        Some(values) => all_finite(values),
        None => values.iter().all(|value| value.is_finite()),
    };
    if fine {
        return Ok(());
    }
    let bad = |row: &ArrayView<'_, f64, D::Smaller>| row.iter().any(|value| !value.is_finite());
    let bad_rows = values.axis_iter(Axis(0)).filter(bad).count();
    let (position, &value) = values
        .iter()
        .enumerate()
        .find(|(_, value)| !value.is_finite())
        .expect("one of the entries was found not to be finite above");
    let index = unravel(position, values.shape());
    Err(StatsError::NonFinite { array, row: index[0], index, value, bad_rows, rows: values.len_of(Axis(0)) })
}

/// Refuses summaries of which no covariance with full rank can be formed.
pub(crate) fn summaries(x: &ArrayView2<'_, f64>) -> Result<()> {
    let (n_s, n_summaries) = x.dim();
    if n_summaries == 0 {
        return Err(StatsError::Shape {
            array: "x",
            expected: "(n_s, n_summaries) with at least one summary".into(),
            found: x.shape().to_vec(),
        });
    }
    if n_s < n_summaries + 1 {
        return Err(StatsError::TooFewSimulations {
            n_s,
            n_summaries,
            rank: n_s.saturating_sub(1),
            needed: n_summaries + 1,
        });
    }
    finite("x", x)
}

/// Refuses derivatives that do not belong to `n_s` simulations with `n_summaries` summaries.
pub(crate) fn derivatives(dx: &ArrayView3<'_, f64>, n_s: usize, n_summaries: usize) -> Result<()> {
    let (n_d, found, _) = dx.dim();
    if found != n_summaries {
        return Err(StatsError::Shape {
            array: "dx",
            expected: format!("(n_d, n_summaries, n_params) with n_summaries = {n_summaries} as in x"),
            found: dx.shape().to_vec(),
        });
    }
    if n_d == 0 || n_d > n_s {
        return Err(StatsError::DerivativeCount { n_d, n_s });
    }
    finite("dx", dx)
}

/// Refuses a mean derivative of which no Fisher matrix with full rank can be formed.
pub(crate) fn mean_derivative(dmu_dtheta: &ArrayView2<'_, f64>, n_summaries: usize) -> Result<()> {
    let (found, n_params) = dmu_dtheta.dim();
    if found != n_summaries || n_params == 0 {
        return Err(StatsError::Shape {
            array: "dmu_dtheta",
            expected: format!("({n_summaries}, n_params) with at least one parameter"),
            found: dmu_dtheta.shape().to_vec(),
        });
    }
    if n_params > n_summaries {
        return Err(StatsError::TooFewSummaries { n_params, n_summaries });
    }
    finite("dmu_dtheta", dmu_dtheta)
}

/// The index of the entry at a row-major position.
fn unravel(mut position: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = position % shape[axis];
        position /= shape[axis];
    }
    index
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn first_bad_entry_is_found_in_any_memory_order() {
        let mut values = Array3::<f64>::zeros((4, 3, 2));
        values[[2, 1, 0]] = f64::NAN;
        values[[3, 0, 1]] = f64::INFINITY;
        let transposed = values.view().permuted_axes([2, 1, 0]);
        for (view, expected) in [(values.view(), vec![2, 1, 0]), (transposed, vec![0, 1, 2])] {
            match finite("dx", &view) {
                Err(StatsError::NonFinite { index, row, bad_rows, .. }) => {
                    assert_eq!(row, expected[0]);
                    assert_eq!(index, expected);
                    assert_eq!(bad_rows, 2);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
