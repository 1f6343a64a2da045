//! Simulations below and above in arrays of their own, seen as one.

use std::ops::Range;

use imnn_io::text::{plural, tuple};
use imnn_sim::Real;

use super::matching::{Lacking, common, picked};
use super::{RowArray, RowSpec, check_read, row_len};
use crate::DataError;

/// Arrays `(n_d, *input)` below and above the fiducial, one of each for each parameter, or two arrays `(n_d, n_params, *input)`,
/// as `(n_d, 2, n_params, *input)`.
///
/// Rows belong together by their seeds where the arrays have seeds, and by their places where none has.
///
/// ```
/// use imnn_data::{HeldRows, RowArray, StackedRows};
/// use ndarray::array;
///
/// let rows = |x: f32| -> Box<dyn RowArray<f32>> { Box::new(HeldRows::new("x", array![[x], [x + 0.5]].into_dyn())) };
/// let stacked = StackedRows::new(vec![rows(1.0), rows(2.0)], vec![rows(3.0), rows(4.0)], None)?;
/// assert_eq!(stacked.shape(), [2, 2, 2, 1]);
/// let mut second = [0.0; 4];
/// stacked.read(1..2, &mut second)?;
/// assert_eq!(second, [1.5, 2.5, 3.5, 4.5]);
/// # Ok::<(), imnn_data::DataError>(())
/// ```
pub struct StackedRows<E> {
    spec: RowSpec,
    /// Whether there is an array for each parameter.
    per_parameter: bool,
    /// Below for each parameter, then above for each; or below for all, then above.
    arrays: Vec<Box<dyn RowArray<E>>>,
}

impl<E: Real> StackedRows<E> {
    /// The arrays below and above for each parameter; `n_d` is how many rows are asked for, where that is said.
    ///
    /// # Errors
    /// If there are not as many below as above, their rows differ in shape, or some have rows that others have not and
    /// `n_d` does not ask for fewer.
    pub fn new(
        below: Vec<Box<dyn RowArray<E>>>,
        above: Vec<Box<dyn RowArray<E>>>,
        n_d: Option<usize>,
    ) -> Result<Self, DataError> {
        Self::per_parameter(below, above, Lacking::Refused(n_d))
    }

    /// The same, where it is said what becomes of rows that only some have.
    pub(crate) fn per_parameter(
        below: Vec<Box<dyn RowArray<E>>>,
        above: Vec<Box<dyn RowArray<E>>>,
        lacking: Lacking,
    ) -> Result<Self, DataError> {
        let n_params = below.len();
        if n_params == 0 || above.len() != n_params {
            let (below, above) = (plural(n_params, "array"), plural(above.len(), "array"));
            let reason = format!("{below} below and {above} above; one of each is needed for each parameter");
            return Err(DataError::Refused(reason));
        }
        let mut arrays = below;
        arrays.extend(above);
        let label = format!("below and above ({}, ...)", arrays[0].label());
        let first = &arrays[0];
        let row = first.shape().get(1..).unwrap_or_default().to_vec();
        for array in &arrays {
            if array.shape().is_empty() || array.shape()[1..] != row {
                let expected = format!("(n_d, *input) as {} is {}", first.label(), tuple(first.shape()));
                let advice = "below and above need simulations of the same shape for all parameters";
                return Err(DataError::shape(array.label(), array.shape(), expected, advice));
            }
        }
        let (spec, arrays) = side_by_side(label, arrays, &[&[2, n_params], &row[..]].concat(), lacking)?;
        Ok(Self { spec, per_parameter: true, arrays })
    }

    /// Two arrays `(n_d, n_params, *input)`, below and above; `n_d` is how many rows are asked for, where that is said.
    ///
    /// # Errors
    /// If their rows differ in shape, or one has rows that the other has not and `n_d` does not ask for fewer.
    pub fn pair(
        below: Box<dyn RowArray<E>>,
        above: Box<dyn RowArray<E>>,
        n_d: Option<usize>,
    ) -> Result<Self, DataError> {
        Self::for_all(below, above, Lacking::Refused(n_d))
    }

    /// The same, where it is said what becomes of rows that only one has.
    pub(crate) fn for_all(
        below: Box<dyn RowArray<E>>,
        above: Box<dyn RowArray<E>>,
        lacking: Lacking,
    ) -> Result<Self, DataError> {
        let row = below.shape().get(1..).unwrap_or_default().to_vec();
        if above.shape().get(1..) != Some(&row) {
            let expected = format!("(n_d, n_params, *input) as {} is {}", below.label(), tuple(below.shape()));
            let advice = "below and above need simulations of the same shape for the same parameters";
            return Err(DataError::shape(above.label(), above.shape(), expected, advice));
        }
        let label = format!("below and above ({}, {})", below.label(), above.label());
        let (spec, arrays) = side_by_side(label, vec![below, above], &[&[2], &row[..]].concat(), lacking)?;
        Ok(Self { spec, per_parameter: false, arrays })
    }
}

type Stack<E> = (RowSpec, Vec<Box<dyn RowArray<E>>>);

/// Arrays whose rows, one behind the other, are a row of this shape; matched by their seeds.
fn side_by_side<E: Real>(
    label: String,
    mut arrays: Vec<Box<dyn RowArray<E>>>,
    row: &[usize],
    lacking: Lacking,
) -> Result<Stack<E>, DataError> {
    let parts: Vec<&dyn RowArray<E>> = arrays.iter().map(|array| &**array).collect();
    let seeds = common(&parts, lacking)?;
    let n = match &seeds {
        Some(seeds) => seeds.len(),
        None => rows_of_all(&parts, lacking)?,
    };
    if let Some(seeds) = &seeds {
        arrays = arrays.into_iter().map(|array| picked(array, seeds)).collect();
    }
    let dtype = arrays.first().map(|array| array.dtype().to_owned()).unwrap_or_default();
    Ok((RowSpec { label, shape: [&[n], row].concat(), dtype, seeds, ..RowSpec::default() }, arrays))
}

/// The number of rows of arrays without seeds.
fn rows_of_all<E: Real>(arrays: &[&dyn RowArray<E>], lacking: Lacking) -> Result<usize, DataError> {
    let rows = |array: &&&dyn RowArray<E>| array.shape()[0];
    let (Some(least), Some(most)) = (arrays.iter().min_by_key(rows), arrays.iter().max_by_key(rows)) else {
        return Ok(0);
    };
    let (n, more) = (least.shape()[0], most.shape()[0]);
    if n == more || matches!(lacking, Lacking::Refused(Some(n_d)) if n_d <= n) {
        return Ok(n);
    }
    Err(DataError::Refused(format!(
        "{} has {} and {} has {}: row i of each has to be of the same random seed; write those again that lack rows, or set n_d = {n} if the first rows belong together",
        most.label(),
        plural(more, "row"),
        least.label(),
        plural(n, "row"),
    )))
}

impl<E: Real> RowArray<E> for StackedRows<E> {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn element(&self, index: &[usize]) -> String {
        let n_params = self.spec.shape[2];
        match index {
            [row, side, a, rest @ ..] if *side < 2 && *a < n_params => match self.per_parameter {
                true => self.arrays[side * n_params + a].element(&[&[*row], rest].concat()),
                false => self.arrays[*side].element(&[&[*row, *a], rest].concat()),
            },
            _ => format!("{}{index:?}", self.spec.label),
        }
    }

    fn memory(&self) -> usize {
        self.arrays.iter().map(|array| array.memory()).sum()
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let n_arrays = self.arrays.len();
        let len = row_len(&self.spec.shape) / n_arrays.max(1);
        if to.is_empty() {
            return Ok(());
        }
        // Large rows go to their places one by one, small ones through a buffer, several with one read.
        let at_once = (SMALL / (len * size_of::<E>())).clamp(1, rows.len());
        let mut several = if at_once > 1 { vec![E::zero(); at_once * len] } else { vec![] };
        for (k, array) in self.arrays.iter().enumerate() {
            for start in rows.clone().step_by(at_once) {
                let n = at_once.min(rows.end - start);
                let place = |row: usize| ((row - rows.start) * n_arrays + k) * len;
                if at_once == 1 {
                    array.read(start..start + 1, &mut to[place(start)..][..len])?;
                    continue;
                }
                let several = &mut several[..n * len];
                array.read(start..start + n, several)?;
                for (row, values) in (start..).zip(several.chunks_exact(len)) {
                    to[place(row)..][..len].copy_from_slice(values);
                }
            }
        }
        Ok(())
    }
}

/// The bytes of rows that are read together.
const SMALL: usize = 1 << 14;
