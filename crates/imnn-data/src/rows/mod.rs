//! Arrays that are read a few rows at a time, wherever they lie.

mod held;
mod matching;
mod pattern;
mod stack;

use std::ops::Range;

use imnn_io::text::unravel;
use imnn_sim::Real;

use crate::DataError;
use crate::values::check_finite;

pub use held::HeldRows;
pub(crate) use matching::{Lacking, chosen_rows, lacking_of, lacking_seeds, matched, seeds_of_any};
pub(crate) use pattern::hint;
pub use pattern::{Numbered, Pattern, consecutive, is_pattern};
pub use stack::StackedRows;

/// What an array of rows is, apart from the numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowSpec {
    /// What messages call it: the file and key.
    pub label: String,
    /// The shape of the whole, `(n_rows, *row)`.
    pub shape: Vec<usize>,
    /// The type of the elements as the file writes it; empty where there is no such text.
    pub dtype: String,
    /// The random seed of each row where the rows have them, ascending and each once.
    pub seeds: Option<Vec<u64>>,
    /// The seeds of files that are damaged and were left out.
    pub damaged: Vec<u64>,
}

/// An array of which a few rows are read at a time: the first axis counts the rows.
///
/// What it is read from was opened and its shape found when the value was made, and the same row is the same numbers
/// whenever it is read. Several threads read at once.
pub trait RowArray<E: Real>: Send + Sync {
    /// What it is, apart from the numbers.
    fn spec(&self) -> &RowSpec;

    /// What messages call it: the file and key.
    fn label(&self) -> &str {
        &self.spec().label
    }

    /// The shape of the whole, `(n_rows, *row)`.
    fn shape(&self) -> &[usize] {
        &self.spec().shape
    }

    /// The type of the elements as the file writes it; nothing where there is no such text.
    fn dtype(&self) -> &str {
        &self.spec().dtype
    }

    /// The random seed of each row where the rows have them, ascending and each once; arrays are then matched by seed.
    fn seeds(&self) -> Option<&[u64]> {
        self.spec().seeds.as_deref()
    }

    /// What messages call the element at `index`: `file.npy[3, 0, 1]`.
    fn element(&self, index: &[usize]) -> String {
        format!("{}{index:?}", self.label())
    }

    /// The bytes of simulations that it keeps in memory.
    fn memory(&self) -> usize {
        0
    }

    /// Reads `rows`, row-major, into `to`, which is as long as they are.
    ///
    /// Values are as in the file, NaN and infinities included; whoever hands them on checks them.
    ///
    /// # Errors
    /// If the file cannot be read, is not what it was when it was opened, or holds a finite value beyond the range of
    /// `E`.
    ///
    /// # Panics
    /// If the rows are not there or `to` has another length: the caller has checked both.
    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError>;
}

pub(crate) fn row_len(shape: &[usize]) -> usize {
    shape.iter().skip(1).product()
}

/// Panics where `rows` are not there or `to` has another length, as [`RowArray::read`] says.
#[track_caller]
pub(crate) fn check_read<E>(shape: &[usize], rows: &Range<usize>, to: &[E]) {
    let n_rows = shape.first().copied().unwrap_or(0);
    assert!(rows.start <= rows.end && rows.end <= n_rows, "rows {rows:?} of {n_rows}");
    assert_eq!(to.len(), rows.len() * row_len(shape), "the length of rows {rows:?} of shape {shape:?}");
}

/// Reads rows, all of whose values have to be finite.
pub(crate) fn read_finite<E: Real>(array: &dyn RowArray<E>, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
    if rows.is_empty() {
        return Ok(());
    }
    array.read(rows.clone(), to)?;
    let row_len = to.len() / rows.len();
    let element = |first: usize| array.element(&unravel(rows.start * row_len + first, array.shape(), false));
    check_finite(to, element, |it| format!(" in rows {}..{}; remove or replace {it}", rows.start, rows.end))
}

/// The bytes read at once, or one row where that is longer.
const AT_ONCE: usize = 4 << 20;

/// The pieces in which `rows` of so many values are read where all are read one after the other.
pub fn pieces<E>(rows: Range<usize>, row_len: usize) -> impl Iterator<Item = Range<usize>> {
    let at_once = (AT_ONCE / (row_len * size_of::<E>()).max(1)).max(1);
    rows.clone().step_by(at_once).map(move |first| first..rows.end.min(first + at_once))
}
