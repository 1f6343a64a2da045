//! Arrays that are rows of one: all of them have to be alike.

use imnn_io::text::tuple;
use imnn_sim::Real;

use crate::rows::RowArray;
use crate::{ArrayPath, DataError};

/// What is said of arrays that are not.
pub(super) const ALIKE: &str = "the files of a pattern have to be alike";

/// The shape of a row that is an array of this shape.
pub(super) fn row<'a, E: Real>(array: &dyn RowArray<E>, shape: &'a [usize]) -> Result<&'a [usize], DataError> {
    if !shape.is_empty() {
        return Ok(shape);
    }
    let advice = "save a simulation of one number as np.atleast_1d(x)";
    Err(DataError::shape(array.label(), array.shape(), "at least one axis", advice))
}

/// Refuses an array of another shape or type than these, which `first` has.
pub(super) fn check<E: Real>(
    array: &dyn RowArray<E>,
    shape: &[usize],
    dtype: &str,
    first: impl Fn() -> ArrayPath,
) -> Result<(), DataError> {
    if array.shape() != shape {
        let expected = format!("{} as {} is", tuple(shape), first());
        return Err(DataError::shape(array.label(), array.shape(), expected, ALIKE));
    }
    if array.dtype() != dtype {
        let (label, found) = (array.label(), array.dtype());
        return Err(DataError::Refused(format!(
            "{label} has elements of type {found}, expected {dtype} as {} has; {ALIKE}",
            first()
        )));
    }
    Ok(())
}
