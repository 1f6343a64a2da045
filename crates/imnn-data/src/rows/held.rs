//! Arrays in memory, read by rows like any other.

use std::ops::Range;

use imnn_sim::Real;
use ndarray::ArrayD;

use super::{RowArray, RowSpec, check_read, row_len};
use crate::DataError;
use crate::values::row_major;

/// An array in memory.
///
/// ```
/// use imnn_data::{HeldRows, RowArray};
/// use ndarray::array;
///
/// let rows = HeldRows::new("x", array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].into_dyn());
/// let mut two = [0.0; 4];
/// rows.read(1..3, &mut two)?;
/// assert_eq!(two, [3.0, 4.0, 5.0, 6.0]);
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HeldRows<E> {
    spec: RowSpec,
    values: Vec<E>,
}

impl<E: Real> HeldRows<E> {
    /// The array with what messages call it.
    pub fn new(label: impl Into<String>, array: ArrayD<E>) -> Self {
        let spec = RowSpec { label: label.into(), shape: array.shape().to_vec(), ..RowSpec::default() };
        Self { spec, values: row_major(array) }
    }
}

impl<E> HeldRows<E> {
    /// Says what the type of the elements is in the file that they were read from.
    pub(crate) fn with_dtype(mut self, dtype: String) -> Self {
        self.spec.dtype = dtype;
        self
    }
}

impl<E: Real> RowArray<E> for HeldRows<E> {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn memory(&self) -> usize {
        self.values.capacity() * size_of::<E>()
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let len = row_len(&self.spec.shape);
        to.copy_from_slice(&self.values[rows.start * len..rows.end * len]);
        Ok(())
    }
}
