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
    if found.shape() == expected { Ok(()) } else { refuse_shape(array, format!("{expected:?}"), found.shape()) }
}

/// The error for an array that has not the shape that is `expected`.
pub(crate) fn refuse_shape<T>(array: &'static str, expected: impl Into<String>, found: &[usize]) -> Result<T> {
    Err(StatsError::Shape { array, expected: expected.into(), found: found.to_vec() })
}

/// Refuses results that f64 cannot hold.
pub(crate) fn in_range<'a>(what: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(StatsError::OutOfRange { what }),
    }
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
    let entries = values.view().into_dyn();
    let Some((index, &value)) = entries.indexed_iter().find(|(_, value)| !value.is_finite()) else { return Ok(()) };
    let (row, index, rows) = (index[0], index.slice().to_vec(), values.len_of(Axis(0)));
    Err(StatsError::NonFinite { array, row, index, value, bad_rows, rows })
}

/// Refuses summaries of which no covariance with full rank can be formed.
pub(crate) fn summaries(x: &ArrayView2<'_, f64>) -> Result<()> {
    let (n_s, n_summaries) = x.dim();
    if n_summaries == 0 {
        return refuse_shape("x", "(n_s, n_summaries) with at least one summary", x.shape());
    }
    if n_s < n_summaries + 1 {
        return Err(StatsError::TooFewSimulations { n_s, n_summaries, needed: n_summaries + 1 });
    }
    finite("x", x)
}

/// Refuses derivatives that do not belong to `n_s` simulations with `n_summaries` summaries.
pub(crate) fn derivatives(dx: &ArrayView3<'_, f64>, n_s: usize, n_summaries: usize) -> Result<()> {
    let (n_d, found, _) = dx.dim();
    if found != n_summaries {
        let expected = format!("(n_d, n_summaries, n_params) with n_summaries = {n_summaries} as in x");
        return refuse_shape("dx", expected, dx.shape());
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
        let expected = format!("({n_summaries}, n_params) with at least one parameter");
        return refuse_shape("dmu_dtheta", expected, dmu_dtheta.shape());
    }
    if n_params > n_summaries {
        return Err(StatsError::TooFewSummaries { n_params, n_summaries });
    }
    finite("dmu_dtheta", dmu_dtheta)
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
