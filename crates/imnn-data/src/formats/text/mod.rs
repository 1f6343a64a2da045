//! Tables of numbers as text, read as numpy's `loadtxt` reads them.
//!
//! ```text
//! # k [h/Mpc]   P(k)          comments begin with #, % or !; the last one may name the columns
//! 0.01          1.0375D+05    values are separated by blanks, tabs, commas or semicolons
//! 0.02          9.87e4        Fortran's exponents are exponents; nan and inf are read as such
//! ```
//!
//! `table.txt` is the whole table, `(n_rows, n_columns)`; of a table with one column or one row it is that column or row,
//! as `loadtxt` has it. `table.txt:1` is the second column, `table.txt:P(k)` the column of that name, and
//! `table.txt:1,2` or `table.txt:1-2` several, `(n_rows, 2)`. Where a header names columns with a unit behind,
//! `k [h/Mpc]`, the name alone is enough.
//!
//! A table is read as a whole, so it takes the memory of its numbers in the precision of the network.

mod cells;
mod columns;
mod table;

use imnn_sim::Real;
use ndarray::ArrayD;

use self::table::{Table, Limits};
use super::format::{ArrayInfo, Format, Location, Member, Opened, RowOptions, RowShape, TEXT_TABLE};
use crate::DataError;
use crate::rows::HeldRows;

pub(crate) struct Text;

/// The type that the numbers have when they are read.
const DTYPE: &str = "<f8";

impl Format for Text {
    const ENDINGS: &'static [&'static str] = &["txt", "dat", "csv", "tsv"];
    const NAME: &'static str = TEXT_TABLE;

    fn may_start(start: &[u8]) -> bool {
        cells::may_start(start)
    }

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, options: &RowOptions) -> Opened<E> {
        let table = Table::read(at, Limits { memory: options.memory, n_rows: usize::MAX })?;
        let (label, shape) = (at.path.to_string(), table.shape());
        Ok(Box::new(HeldRows::new(label, array(shape, table.values)?).with_dtype(DTYPE.to_owned())))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        let table = Table::<f64>::read(at, Limits { memory: usize::MAX, n_rows: usize::MAX })?;
        let (shape, bytes) = (table.shape(), 8 * table.values.len() as u64);
        let (path, format, dtype) = (at.path.clone(), Self::NAME, DTYPE.to_owned());
        let columns = table.names;
        let info = ArrayInfo { path, format, dtype, shape, columns, seeds: None, fortran_order: false, bytes, compressed: None };
        Ok(vec![Member::Array(info)])
    }

    fn read<E: Real>(at: &Location<'_>, n_rows: Option<usize>) -> Result<ArrayD<E>, DataError> {
        let table = Table::read(at, Limits { memory: usize::MAX, n_rows: n_rows.unwrap_or(usize::MAX) })?;
        array(table.shape(), table.values)
    }
}

/// There are as many values as the shape has.
fn array<E: Real>(shape: Vec<usize>, values: Vec<E>) -> Result<ArrayD<E>, DataError> {
    ArrayD::from_shape_vec(shape, values).map_err(|error| DataError::other(error.to_string()))
}

#[cfg(test)]
mod tests;
