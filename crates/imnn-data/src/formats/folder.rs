//! Folders with one simulation in each file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::ops::Range;
use std::path::Path;

use imnn_io::Partial;
use imnn_io::folder::names_if_there;
use imnn_io::npy::{descr, header, write_values};
use imnn_io::stamp::Stamp;
use imnn_io::text::tuple;
use imnn_sim::Real;

use super::format::{RowOptions, RowShape};
use super::open_file;
use super::writing::{Progress, RowWriter, WriteOptions, Written, io};
use crate::rows::{Numbered, Pattern, RowArray, RowSpec, check_read, row_len};
use crate::{ArrayPath, DataError};

/// The files of a pattern as the rows of one array, in the order of their seeds.
///
/// One file is open at a time, whatever their number.
pub(super) struct Folder {
    pattern: Pattern,
    spec: RowSpec,
    files: Vec<(Box<str>, Stamp)>,
    options: RowOptions,
}

const ALIKE: &str = "the files of a pattern have to be alike";

impl Folder {
    /// Opens each file once and compares them.
    pub(super) fn open<E: Real>(pattern: Pattern, options: &RowOptions) -> Result<Self, DataError> {
        let numbers = pattern.numbers()?;
        let (n_rows, seeds) = (numbers.len(), numbers.iter().map(|number| number.seed).collect());
        let spec = RowSpec { label: pattern.label().to_owned(), seeds: Some(seeds), ..RowSpec::default() };
        let mut folder = Self { spec, files: Vec::with_capacity(n_rows), options: *options, pattern };
        for Numbered { digits, .. } in numbers {
            let path = folder.pattern.path(&digits);
            let stamp = stamp(path.file())?;
            let array = open_file::<E>(&path, RowShape::AsStored, options)?;
            if folder.files.is_empty() {
                if array.shape().is_empty() {
                    let advice = "save a simulation of one number as np.atleast_1d(x)";
                    return Err(DataError::shape(array.label(), &[], "at least one axis", advice));
                }
                folder.spec.shape = [&[n_rows], array.shape()].concat();
                folder.spec.dtype = array.dtype().to_owned();
            } else {
                folder.check(&*array)?;
            }
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
        if array.shape() != &self.spec.shape[1..] {
            let expected = format!("{} as {} is", tuple(&self.spec.shape[1..]), self.path(0));
            return Err(DataError::shape(array.label(), array.shape(), expected, ALIKE));
        }
        if array.dtype() != self.spec.dtype {
            let (label, found, expected) = (array.label(), array.dtype(), &self.spec.dtype);
            return Err(DataError::Refused(format!(
                "{label} has elements of type {found}, expected {expected} as {} has; {ALIKE}",
                self.path(0)
            )));
        }
        Ok(())
    }
}

impl<E: Real> RowArray<E> for Folder {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn element(&self, index: &[usize]) -> String {
        match index {
            [row, rest @ ..] if *row < self.files.len() => format!("{}{rest:?}", self.path(*row)),
            _ => format!("{}{index:?}", self.spec.label),
        }
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let len = row_len(&self.spec.shape);
        for row in rows.clone() {
            let path = self.path(row);
            let array = open_file::<E>(&path, RowShape::AsStored, &self.options)?;
            self.check(&*array)?;
            array.read(0..self.spec.shape[1], &mut to[(row - rows.start) * len..][..len])?;
            if stamp(path.file())? != self.files[row].1 {
                return Err(DataError::Changed { label: path.to_string() });
            }
        }
        Ok(())
    }
}

fn stamp(file: &Path) -> Result<Stamp, DataError> {
    std::fs::metadata(file).map(Stamp::from).map_err(|source| DataError::read(file.display(), source))
}

/// A folder with a `.npy` file for each row, written as the rows come.
pub(super) struct FolderWriter<E> {
    partial: Partial,
    pattern: Pattern,
    seeds: Option<Vec<u64>>,
    progress: Progress,
    row_len: usize,
    file: Option<BufWriter<File>>,
    element: PhantomData<E>,
}

impl<E: Real> FolderWriter<E> {
    pub(super) fn create(pattern: Pattern, shape: &[usize], options: &WriteOptions) -> Result<Self, DataError> {
        let refuse = |reason: String| DataError::target(pattern.label(), reason);
        if !pattern.numbers_files(".npy") {
            return Err(refuse("one file for each row is written as folder/{seed}.npy".to_owned()));
        }
        let row_len = shape.iter().skip(1).product();
        if shape.len() < 2 || row_len == 0 || shape[0] == 0 {
            return Err(refuse(format!("an array of shape {shape:?} has no rows to be files of their own")));
        }
        if let Some(seeds) = options.seeds.as_ref().filter(|seeds| seeds.len() != shape[0]) {
            return Err(refuse(format!("{} seeds for {} rows", seeds.len(), shape[0])));
        }
        if options.replace {
            only_rows(&pattern)?;
        }
        let partial = Partial::folder(pattern.folder(), options.replace)?;
        let progress = Progress::new(pattern.label().to_owned(), shape);
        let seeds = options.seeds.clone();
        Ok(Self { partial, pattern, seeds, progress, row_len, file: None, element: PhantomData })
    }

    /// The file of the row that comes next.
    fn begin(&self) -> Result<BufWriter<File>, DataError> {
        let row = self.progress.done / self.row_len;
        let seed = self.seeds.as_ref().map_or(row as u64, |seeds| seeds[row]);
        let path = self.partial.path().join(self.pattern.name(seed));
        let file = File::create_new(&path).map_err(|source| io(path.display(), source))?;
        let mut file = BufWriter::new(file);
        file.write_all(&header(descr::<E>(), &self.progress.shape[1..]))
            .map_err(|source| io(path.display(), source))?;
        Ok(file)
    }
}

impl<E: Real> RowWriter<E> for FolderWriter<E> {
    fn write(&mut self, mut values: &[E]) -> Result<(), DataError> {
        if values.len() > self.progress.len - self.progress.done {
            return self.progress.more(values.len());
        }
        while !values.is_empty() {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => self.begin()?,
            };
            let left = self.row_len - self.progress.done % self.row_len;
            let (now, rest) = values.split_at(left.min(values.len()));
            write_values(now, &mut file).map_err(|source| io(self.pattern.label(), source))?;
            self.progress.more(now.len())?;
            values = rest;
            if now.len() == left {
                file.flush().map_err(|source| io(self.pattern.label(), source))?;
            } else {
                self.file = Some(file);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        let array = self.pattern.within(self.partial.path());
        Ok(Written::new(self.partial, array))
    }
}

/// Refuses to replace a folder in which there is anything but the files of a pattern.
fn only_rows(pattern: &Pattern) -> Result<(), DataError> {
    let folder = pattern.folder().display();
    let names = names_if_there(pattern.folder()).map_err(|source| DataError::read(&folder, source))?;
    let Some(name) = names.iter().find(|name| pattern.digits(name).is_none()) else { return Ok(()) };
    let reason = format!(
        "{folder} is not replaced, since \"{name}\" in it is not a file of the pattern; move it away, or choose another folder"
    );
    Err(DataError::target(pattern.label(), reason))
}
