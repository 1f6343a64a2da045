//! Writes simulations as the Python package `imnn` does.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use imnn_io::atomic::FileSet;
use prost::Message;

use super::example::Example;
use super::frame::framed;
use crate::formats::writing::io;
use crate::DataError;

/// How records are divided into files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TfRecordOptions {
    /// The size in megabytes (10^6 bytes) beyond which another file is begun; 150 by default.
    pub record_size: f64,
    /// The digits in the names of the files; 5 by default.
    pub padding: usize,
}

impl Default for TfRecordOptions {
    fn default() -> Self {
        Self { record_size: 150.0, padding: 5 }
    }
}

/// Writes TFRecord files `name_00000.tfrecords`, `name_00001.tfrecords`, ... that TensorFlow and the Python package `imnn`
/// read.
///
/// The files appear when [`TfRecordWriter::finish`] is called; without it there are none. While they are put in their
/// places there is a file `name_incomplete.tfrecords` too, which is no file of records: no reader takes a part of them for
/// the whole, whatever is killed when. The next writer of that name removes what is left of an incomplete set.
#[derive(Debug)]
pub struct TfRecordWriter {
    stem: PathBuf,
    options: TfRecordOptions,
    open: Option<(BufWriter<File>, u64)>,
    files: FileSet,
    n_files: usize,
}

impl TfRecordWriter {
    /// Files whose names begin with `stem`.
    ///
    /// # Errors
    /// If there is such a file already: what was left of an earlier set would be read as part of this one.
    pub fn new(stem: impl Into<PathBuf>, options: TfRecordOptions) -> Result<Self, DataError> {
        let stem = stem.into();
        let named = |number: &str| named(&stem, number);
        let (pattern, first) = (named("*"), named(""));
        let start = first.file_name().and_then(|name| name.to_str()?.strip_suffix(ENDING)).unwrap_or_default();
        let is_part = |name: &str| {
            let number = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(ENDING));
            number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        };
        let files = FileSet::new(named(INCOMPLETE), is_part)?;
        if let Ok(there) = super::rows::expanded(&pattern)
            && let Some(file) = there.first()
        {
            let reason = format!("{} is there already; remove the old files, or choose another name", file.display());
            return Err(DataError::unusable(pattern.display(), reason));
        }
        Ok(Self { stem, options, open: None, files, n_files: 0 })
    }

    /// Writes a simulation, or its exact derivative `(*input, n_params)`.
    ///
    /// # Errors
    /// [`DataError::File`] if the folder cannot be written to or the disk is full.
    pub fn write(&mut self, seed: u64, data: &[f32]) -> Result<(), DataError> {
        let seed = self.number(seed)?;
        self.example(&Example::new(data, &[("seed", seed)]))
    }

    /// Writes a simulation below (`above` is false) or above the fiducial in one parameter.
    ///
    /// # Errors
    /// As [`TfRecordWriter::write`].
    pub fn write_side(&mut self, seed: u64, above: bool, parameter: usize, data: &[f32]) -> Result<(), DataError> {
        let (seed, parameter) = (self.number(seed)?, self.number(parameter as u64)?);
        self.example(&Example::new(data, &[("seed", seed), ("derivative", i64::from(above)), ("parameter", parameter)]))
    }

    /// Gives the files their names, which it returns.
    ///
    /// # Errors
    /// As [`TfRecordWriter::write`].
    pub fn finish(self) -> Result<Vec<PathBuf>, DataError> {
        Ok(self.end()?.finish()?)
    }

    /// Ends the files, which are then to be put in their places.
    pub(super) fn end(mut self) -> Result<FileSet, DataError> {
        self.close()?;
        Ok(self.files)
    }

    fn example(&mut self, example: &Example) -> Result<(), DataError> {
        let record = framed(&example.encode_to_vec());
        let (mut writer, size) = match self.open.take() {
            Some(open) => open,
            None => (self.next()?, 0),
        };
        writer.write_all(&record).map_err(|source| self.io(source))?;
        let size = size + record.len() as u64;
        self.open = Some((writer, size));
        if size as f64 > self.options.record_size * 1e6 {
            self.close()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<BufWriter<File>, DataError> {
        let name = self.named(&format!("{:0width$}", self.n_files, width = self.options.padding));
        self.n_files += 1;
        let path = self.files.path().join(name.file_name().unwrap_or_default());
        File::create_new(path).map(BufWriter::new).map_err(|source| self.io(source))
    }

    fn close(&mut self) -> Result<(), DataError> {
        let Some((writer, _)) = self.open.take() else { return Ok(()) };
        writer.into_inner().map_err(|error| self.io(error.into_error()))?;
        Ok(())
    }

    fn named(&self, number: &str) -> PathBuf {
        named(&self.stem, number)
    }

    fn number(&self, number: u64) -> Result<i64, DataError> {
        let reason = || format!("{number} is beyond the range of int64, in which records hold it");
        i64::try_from(number).map_err(|_| DataError::unusable(self.named("*").display(), reason()))
    }

    fn io(&self, source: std::io::Error) -> DataError {
        io(self.named("*").display(), source)
    }
}

const ENDING: &str = ".tfrecords";

/// In place of the number in the name of the marker of a set that is put in its place.
const INCOMPLETE: &str = "incomplete";

fn named(stem: &Path, number: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_owned();
    name.push(format!("_{number}{ENDING}"));
    stem.with_file_name(name)
}

/// The name of the marker of the set that a file is of, if it has the name of one.
pub(super) fn marker(name: &str) -> Option<String> {
    let (stem, _) = name.strip_suffix(ENDING)?.rsplit_once('_')?;
    Some(format!("{stem}_{INCOMPLETE}{ENDING}"))
}
