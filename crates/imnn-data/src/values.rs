//! The values of arrays: checked, and brought into the order in which they are used.

use imnn_io::text::unravel;
use imnn_sim::Real;
use ndarray::ArrayD;

use crate::DataError;
use crate::scratch::{NUMBERS, first, lend};

/// The values in row-major order.
pub(crate) fn row_major<E: Real>(array: ArrayD<E>) -> Vec<E> {
    if !array.is_standard_layout() {
        return array.iter().copied().collect();
    }
    let len = array.len();
    let (mut values, offset) = array.into_raw_vec_and_offset();
    // An array that was sliced may have a longer vector behind it.
    values.truncate(offset.unwrap_or(0) + len);
    values.drain(..offset.unwrap_or(0));
    values
}

/// The values in row-major order, all of them finite.
pub(crate) fn finite<E: Real>(label: &str, array: ArrayD<E>) -> Result<Vec<E>, DataError> {
    let shape = array.shape().to_vec();
    let values = row_major(array);
    let element = |first: usize| format!("{label}{:?}", unravel(first, &shape, false));
    check_finite(&values, element, |it| format!("; remove or replace {it}"))?;
    Ok(values)
}

/// Refuses values that are not finite; `what` names the first such, and `note` says more, about "it" or "them".
pub(crate) fn check_finite<E: Real>(
    values: &[E],
    what: impl FnOnce(usize) -> String,
    note: impl FnOnce(&'static str) -> String,
) -> Result<(), DataError> {
    if all_finite(values) {
        return Ok(());
    }
    let first = values.iter().position(|value| !value.is_finite()).unwrap_or(0);
    let count = values[first..].iter().filter(|value| !value.is_finite()).count();
    let note = note(if count == 1 { "it" } else { "them" });
    Err(DataError::NotFinite { what: what(first), value: values[first].f64(), count, len: values.len(), note })
}

/// So many zeros for the values of `label`, if the memory has room for them.
pub(crate) fn zeros<E: Real>(label: &str, len: usize) -> Result<Vec<E>, DataError> {
    let mut zeros = vec![];
    let full = |_| DataError::io("hold in memory", label, std::io::ErrorKind::OutOfMemory.into());
    zeros.try_reserve_exact(len).map_err(full)?;
    zeros.resize(len, E::zero());
    Ok(zeros)
}

pub(crate) fn all_finite<E: Real>(values: &[E]) -> bool {
    // Without a branch for each value the compiler takes many at once.
    values.chunks(1024).all(|chunk| chunk.iter().fold(true, |finite, value| finite & value.is_finite()))
}

/// Turns rows of `(len, n_params)` into rows of `(n_params, len)`.
pub(crate) fn parameters_first<E: Real>(values: &mut [E], n_params: usize, len: usize) {
    if n_params <= 1 || len <= 1 {
        return;
    }
    lend(&NUMBERS, |numbers| {
        let row = first(numbers, n_params * len);
        for values in values.chunks_exact_mut(n_params * len) {
            // To f64 and back is exact, and the one buffer serves both precisions.
            row.iter_mut().zip(&*values).for_each(|(to, value)| *to = value.f64());
            for (a, values) in values.chunks_exact_mut(len).enumerate() {
                let of_parameter = row[a..].iter().step_by(n_params);
                values.iter_mut().zip(of_parameter).for_each(|(to, value)| *to = E::of(*value));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, IxDyn, ShapeBuilder};

    use super::*;

    #[test]
    fn values_come_in_row_major_order() {
        let counting = ArrayD::from_shape_fn(IxDyn(&[3, 2]), |i| (2 * i[0] + i[1]) as f64);
        let expected: Vec<f64> = (0..6).map(f64::from).collect();
        assert_eq!(finite("x", counting.clone()).unwrap(), expected);
        let mut fortran = ArrayD::zeros(IxDyn(&[3, 2]).f());
        fortran.assign(&counting);
        assert_eq!(finite("x", fortran).unwrap(), expected);
        let mut sliced = counting.clone();
        sliced.slice_axis_inplace(Axis(0), (1..2).into());
        assert_eq!(finite("x", sliced).unwrap(), [2.0, 3.0]);
        let mut reversed = counting;
        reversed.invert_axis(Axis(0));
        assert_eq!(finite("x", reversed).unwrap(), [4.0, 5.0, 2.0, 3.0, 0.0, 1.0]);
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        let mut array = ArrayD::<f32>::zeros(IxDyn(&[3, 2]));
        array[[1, 1].as_slice()] = f32::NAN;
        let message = |array| finite("x.npy", array).unwrap_err().to_string();
        assert_eq!(message(array.clone()), "x.npy[1, 1] is NaN: 1 of 6 values is not finite; remove or replace it");
        array[[1, 0].as_slice()] = f32::NEG_INFINITY;
        assert_eq!(message(array), "x.npy[1, 0] is -inf: 2 of 6 values are not finite; remove or replace them");
    }

    #[test]
    fn parameters_move_before_the_data() {
        let values = [0.0, 10.0, 1.0, 11.0, 2.0, 12.0, 100.0, 110.0, 101.0, 111.0, 102.0, 112.0];
        let mut turned = values;
        parameters_first(&mut turned, 2, 3);
        assert_eq!(turned[..6], [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
        assert_eq!(turned[6..], [100.0, 101.0, 102.0, 110.0, 111.0, 112.0]);
        parameters_first(&mut turned, 3, 2);
        assert_eq!(turned, values);
    }
}
