//! One pass through an array, from the first row to the last.

use imnn_sim::Real;
use ndarray::ArrayD;

use super::{Kind, RowOptions, Visit, open_rows, read};
use crate::rows::{RowArray, is_pattern, pieces, row_len};
use crate::{ArrayPath, DataError};

/// Goes through an array from the first row to the last, a few rows at a time: `visit` takes the first row and the values.
///
/// Unlike [`open_rows`](crate::open_rows) it takes no more than these rows of memory for a compressed array too, unless
/// that is in Fortran order. An array without axes is one row.
///
/// ```
/// use imnn_data::{ArrayPath, RowOptions, arrays, for_each_rows};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("x.npy");
/// arrays::write_npy(&file, array![[1.0, 2.0], [3.0, 4.0]].into_dyn().view())?;
///
/// let mut sum = 0.0;
/// for_each_rows::<f64>(&ArrayPath::from(file), &RowOptions::default(), &mut |_, values| {
///     sum += values.iter().sum::<f64>();
///     Ok(())
/// })?;
/// assert_eq!(sum, 10.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of opening and reading the array, and those of `visit`.
pub fn for_each_rows<E: Real>(
    path: &ArrayPath,
    options: &RowOptions,
    visit: &mut Visit<'_, E>,
) -> Result<(), DataError> {
    let (kind, at) = Kind::of(path);
    if !is_pattern(path)? && kind.pass(&at, visit)? {
        return Ok(());
    }
    each_array(&*open_rows::<E>(path, options)?, || read(path, None), visit)
}

/// Goes through an array that is open; one without axes, which has no rows, is read by `read`.
pub(super) fn each_array<E: Real>(
    array: &dyn RowArray<E>,
    read: impl FnOnce() -> Result<ArrayD<E>, DataError>,
    visit: &mut Visit<'_, E>,
) -> Result<(), DataError> {
    if array.shape().is_empty() {
        return visit(0, &read()?.into_iter().collect::<Vec<E>>());
    }
    each_row(array, visit)
}

/// Goes through an array that is open, a few rows at a time.
///
/// # Errors
/// Those of reading the array, and those of `visit`.
pub fn each_row<E: Real>(array: &dyn RowArray<E>, visit: &mut Visit<'_, E>) -> Result<(), DataError> {
    let n_rows = array.shape().first().copied().unwrap_or(0);
    let row_len = row_len(array.shape());
    let mut values = vec![];
    for rows in pieces::<E>(0..n_rows, row_len) {
        let first = rows.start;
        values.resize(rows.len() * row_len, E::zero());
        array.read(rows, &mut values)?;
        visit(first, &values)?;
    }
    Ok(())
}
