//! One pass through an array, from the first row to the last.

use imnn_sim::Real;
use zip::{CompressionMethod, ZipArchive};

use super::{RowOptions, is_pattern, open_rows, row_len};
use crate::arrays::archive::{find, unreadable};
use crate::arrays::npy::{Npy, truncated};
use crate::arrays::read::open;
use crate::tfrecord::is_tfrecord;
use crate::{ArrayPath, DataError};

/// What is done with a few rows: it takes the number of the first and the values.
pub type Visit<'a, E> = dyn FnMut(usize, &[E]) -> Result<(), DataError> + 'a;

/// The bytes read at once, or one row where that is longer.
const AT_ONCE: usize = 4 << 20;

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
    if !is_tfrecord(path) && !is_pattern(path)? && unpacked(path, visit)? {
        return Ok(());
    }
    let array = open_rows::<E>(path, options)?;
    let Some(&n_rows) = array.shape().first() else {
        let value = crate::arrays::read::<E>(path)?;
        return visit(0, &value.into_iter().collect::<Vec<E>>());
    };
    let at_once = rows_at_once::<E>(row_len(array.shape()));
    let mut values = vec![];
    for first in (0..n_rows).step_by(at_once) {
        let rows = first..n_rows.min(first + at_once);
        values.resize(rows.len() * row_len(array.shape()), E::zero());
        array.read(rows, &mut values)?;
        visit(first, &values)?;
    }
    Ok(())
}

/// The rows that are read at once.
pub(crate) fn rows_at_once<E>(row_len: usize) -> usize {
    (AT_ONCE / (row_len * size_of::<E>()).max(1)).max(1)
}

/// Goes through a compressed array in C order; says whether it was one.
fn unpacked<E: Real>(path: &ArrayPath, visit: &mut Visit<'_, E>) -> Result<bool, DataError> {
    let (file, key) = path.locate();
    let opened = open(&file)?;
    if !opened.zip {
        return Ok(false);
    }
    let unreadable = |error| unreadable(&file, error);
    let mut archive = ZipArchive::new(opened.reader).map_err(unreadable)?;
    let index = find(&archive, &file, key)?;
    let member = archive.by_index(index).map_err(unreadable)?;
    if member.compression() == CompressionMethod::Stored {
        return Ok(false);
    }
    let len = member.size();
    let mut npy = Npy { label: path.to_string(), reader: member, len, at_most: len };
    let header = npy.header()?;
    if header.shape.is_empty() || (header.fortran_order && header.shape.len() > 1) {
        return Ok(false);
    }
    let row_len = row_len(&header.shape);
    let (n_rows, at_once) = (header.shape[0], rows_at_once::<E>(row_len));
    let mut values: Vec<E> = vec![];
    let mut first = 0;
    while first < n_rows && row_len > 0 {
        let n = at_once.min(n_rows - first);
        let found = npy.some(&header, first * row_len, n * row_len, &mut values)?;
        if values.len() < n * row_len {
            return Err(truncated(&npy.label, header, found));
        }
        visit(first, &values)?;
        first += n;
    }
    npy.end(header)?;
    Ok(true)
}
