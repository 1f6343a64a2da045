//! A folder with a `.npy` file for each row, written as the rows come.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::path::Path;

use imnn_io::Partial;
use imnn_sim::Real;

use super::{Progress, RowWriter, WriteOptions, Written, encode, header, io};
use crate::DataError;
use crate::rows::Pattern;

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
        let refuse = |reason: String| DataError::Target { path: pattern.label().to_owned(), reason };
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
        let file = File::create_new(&path).map_err(|source| io(&path, source))?;
        let mut file = BufWriter::new(file);
        file.write_all(&header::<E>(&self.progress.shape[1..])).map_err(|source| io(&path, source))?;
        Ok(file)
    }
}

impl<E: Real> RowWriter<E> for FolderWriter<E> {
    fn write(&mut self, mut values: &[E]) -> Result<(), DataError> {
        if values.len() > self.progress.len - self.progress.done {
            return self.progress.more(values.len());
        }
        let label = Path::new(self.pattern.label()).to_owned();
        while !values.is_empty() {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => self.begin()?,
            };
            let left = self.row_len - self.progress.done % self.row_len;
            let (now, rest) = values.split_at(left.min(values.len()));
            encode(now, &mut file).map_err(|source| io(&label, source))?;
            self.progress.more(now.len())?;
            values = rest;
            if now.len() == left {
                file.flush().map_err(|source| io(&label, source))?;
            } else {
                self.file = Some(file);
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        let array = self.pattern.within(self.partial.path());
        Ok(Written { partial: self.partial, array })
    }
}

/// Refuses to replace a folder in which there is anything but the files of a pattern.
fn only_rows(pattern: &Pattern) -> Result<(), DataError> {
    let Ok(entries) = std::fs::read_dir(pattern.folder()) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !pattern.has_name(&name) {
            let reason = format!(
                "{} is not replaced, there is \"{name}\" in it, which is no file of the pattern; move that away, or choose another folder",
                pattern.folder().display()
            );
            return Err(DataError::Target { path: pattern.label().to_owned(), reason });
        }
    }
    Ok(())
}
