//! Arrays that are read a few rows at a time, wherever they lie.

use std::ops::Range;

use imnn_sim::Real;

use crate::DataError;

/// An array of which a few rows are read at a time: the first axis counts the rows.
///
/// What it is read from was opened and its shape found when the value was made. Several threads read at once.
pub trait RowArray<E: Real>: Send + Sync {
    /// What messages call it: the file and key.
    fn label(&self) -> &str;

    /// The shape of the whole, `(n_rows, *row)`.
    fn shape(&self) -> &[usize];

    /// Reads `rows`, row-major, into `to`, which is as long as they are.
    ///
    /// Values are as in the file, NaN and infinities included; whoever hands them on checks them.
    ///
    /// # Errors
    /// Where the file cannot be read, is not what it was when it was opened, or holds a finite value beyond the range of
    /// `E`.
    ///
    /// # Panics
    /// If the rows are not there or `to` has another length: the caller has checked both.
    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError>;
}
