//! Folders with one simulation in each file.

use std::ops::Range;
use std::path::Path;

use imnn_sim::Real;

use super::open::open_file;
use super::pattern::{Numbered, Pattern};
use super::stamp::Stamp;
use super::{RowArray, RowOptions, check_read, row_len};
use crate::{ArrayPath, DataError};

/// The files of a pattern as the rows of one array, in the order of their seeds.
///
/// One file is open at a time, whatever their number.
pub(super) struct Folder {
    pattern: Pattern,
    shape: Vec<usize>,
    dtype: String,
    seeds: Vec<u64>,
    files: Vec<(Box<str>, Stamp)>,
    options: RowOptions,
}

impl Folder {
    /// Opens each file once and compares them.
    pub(super) fn open<E: Real>(pattern: Pattern, options: &RowOptions) -> Result<Self, DataError> {
        let numbers = pattern.numbers()?;
        let mut folder = Self {
            shape: vec![],
            dtype: String::new(),
            seeds: Vec::with_capacity(numbers.len()),
            files: Vec::with_capacity(numbers.len()),
            options: *options,
            pattern,
        };
        let n_rows = numbers.len();
        for Numbered { seed, digits } in numbers {
            let path = folder.pattern.path(&digits);
            let stamp = stamp(path.file())?;
            let array = open_file::<E>(&path, options)?;
            if folder.seeds.is_empty() {
                if array.shape().is_empty() {
                    let advice = "save a simulation of one number as np.atleast_1d(x)".to_owned();
                    return Err(mismatch(&array, "at least one axis".to_owned(), advice));
                }
                folder.shape = [&[n_rows], array.shape()].concat();
                folder.dtype = array.dtype().to_owned();
            } else {
                folder.check(&array)?;
            }
            folder.seeds.push(seed);
            folder.files.push((digits, stamp));
        }
        // What was checked now is not checked again: a file that changes is refused.
        folder.options.checksums = false;
        Ok(folder)
    }

    fn path(&self, row: usize) -> ArrayPath {
        self.pattern.path(&self.files[row].0)
    }

    /// Refuses an array that is not like the first.
    fn check<E: Real>(&self, array: &dyn RowArray<E>) -> Result<(), DataError> {
        if array.shape() != &self.shape[1..] {
            let expected = format!("{} as {} is", imnn_io::text::tuple(&self.shape[1..]), self.path(0));
            return Err(mismatch(array, expected, "the files of a pattern have to be alike".to_owned()));
        }
        if array.dtype() != self.dtype {
            return Err(DataError::OtherDtype {
                label: array.label().to_owned(),
                found: array.dtype().to_owned(),
                first: self.path(0).to_string(),
                expected: self.dtype.clone(),
            });
        }
        Ok(())
    }
}

impl<E: Real> RowArray<E> for Folder {
    fn label(&self) -> &str {
        self.pattern.label()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn dtype(&self) -> &str {
        &self.dtype
    }

    fn seeds(&self) -> Option<&[u64]> {
        Some(&self.seeds)
    }

    fn element(&self, index: &[usize]) -> String {
        match index {
            [row, rest @ ..] if *row < self.files.len() => format!("{}{rest:?}", self.path(*row)),
            _ => format!("{}{index:?}", self.pattern.label()),
        }
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.shape, &rows, to);
        let len = row_len(&self.shape);
        for row in rows.clone() {
            let path = self.path(row);
            let array = open_file::<E>(&path, &self.options)?;
            self.check(&array)?;
            array.read(0..self.shape[1], &mut to[(row - rows.start) * len..][..len])?;
            if stamp(path.file())? != self.files[row].1 {
                return Err(DataError::Changed { label: path.to_string() });
            }
        }
        Ok(())
    }
}

fn stamp(file: &Path) -> Result<Stamp, DataError> {
    match std::fs::metadata(file) {
        Ok(metadata) => Ok(Stamp::of(&metadata)),
        Err(source) => Err(DataError::Io { action: "read", label: file.display().to_string(), source }),
    }
}

fn mismatch<E: Real>(array: &dyn RowArray<E>, expected: String, advice: String) -> DataError {
    DataError::Shape { label: array.label().to_owned(), found: array.shape().to_vec(), expected, advice }
}
