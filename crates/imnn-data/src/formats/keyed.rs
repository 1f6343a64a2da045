//! Files with many arrays, one for each simulation.

use std::ops::Range;

use imnn_sim::Real;

use super::alike;
use super::format::{Opened, RowOptions, Shelf};
use crate::rows::{Pattern, RowArray, RowSpec, check_read, row_len};
use crate::{ArrayPath, DataError};

/// The arrays of a pattern in one file as the rows of one array, in the order of their seeds.
pub(super) struct Keyed<E> {
    pattern: Pattern,
    shelf: Box<dyn Shelf<E>>,
    spec: RowSpec,
    /// What follows the numbered group in the names of the arrays.
    rest: String,
    /// The number of each row as it is written.
    digits: Vec<Box<str>>,
    options: RowOptions,
}

impl<E: Real> Keyed<E> {
    /// Looks at each array once and compares them.
    pub(super) fn open(
        pattern: Pattern,
        rest: String,
        shelf: Box<dyn Shelf<E>>,
        options: &RowOptions,
    ) -> Result<Self, DataError> {
        let numbers = pattern.among(shelf.names())?;
        let seeds = Some(numbers.iter().map(|number| number.seed).collect());
        let digits: Vec<Box<str>> = numbers.into_iter().map(|number| number.digits).collect();
        let spec = RowSpec { label: pattern.label().to_owned(), seeds, ..RowSpec::default() };
        let mut keyed = Self { pattern, shelf, spec, rest, digits, options: *options };
        for row in 0..keyed.digits.len() {
            let array = keyed.array(row)?;
            if row == 0 {
                let shape = array.shape().to_vec();
                keyed.spec.shape = [&[keyed.digits.len()], alike::row(&*array, &shape)?].concat();
                keyed.spec.dtype = array.dtype().to_owned();
            }
            alike::check(&*array, &keyed.spec.shape[1..], &keyed.spec.dtype, || keyed.path(0))?;
        }
        // What was checked now is not checked again: a file that changes is refused.
        keyed.options.checksums = false;
        Ok(keyed)
    }

    fn path(&self, row: usize) -> ArrayPath {
        self.pattern.path(&self.digits[row])
    }

    fn array(&self, row: usize) -> Opened<E> {
        let digits = &self.digits[row];
        let rest = self.rest.replace("{seed}", digits);
        self.shelf.array(&self.pattern.part(digits), &rest, &self.path(row), &self.options)
    }
}

impl<E: Real> RowArray<E> for Keyed<E> {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn element(&self, index: &[usize]) -> String {
        match index {
            [row, rest @ ..] if *row < self.digits.len() => format!("{}{rest:?}", self.path(*row)),
            _ => format!("{}{index:?}", self.spec.label),
        }
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let len = row_len(&self.spec.shape);
        for (k, row) in rows.enumerate() {
            let array = self.array(row)?;
            alike::check(&*array, &self.spec.shape[1..], &self.spec.dtype, || self.path(0))?;
            array.read(0..self.spec.shape[1], &mut to[k * len..][..len])?;
        }
        Ok(())
    }
}
