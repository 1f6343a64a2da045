//! Datasets of HDF5 files, which [`imnn_hdf5`] reads and writes.
//!
//! `file.h5:group/dataset` names a dataset; `file.h5` alone the only dataset of a file that has one. Files are known by
//! their endings `.h5`, `.hdf5`, `.hdf` and `.he5`, or by their first bytes.

use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};

use imnn_hdf5::{Dataset, Group, Hdf5Error, MAGIC, Options, Writer, datasets};
use imnn_io::Partial;
use imnn_sim::Real;

use super::foreign;
use super::format::{ArrayInfo, Created, Format, Location, Member, Opened, RowOptions, RowShape, Shelf};
use super::writing::{Progress, RowWriter, WriteOptions, Written, io};
use crate::file::open;
use crate::rows::{RowArray, RowSpec};
use crate::{ArrayPath, DataError};

pub(crate) struct Hdf5;

impl Format for Hdf5 {
    const ENDINGS: &'static [&'static str] = &["h5", "hdf5", "hdf", "he5"];
    const NAME: &'static str = "HDF5 dataset";
    const TARGET: Option<&'static str> = Some("file.h5:dataset");

    fn starts(start: &[u8]) -> bool {
        // MATLAB writes HDF5 files since its version 7.3, with bytes of its own in front.
        start == MAGIC || start == b"MATLAB 7"
    }

    fn keys(file: &Path) -> Result<Option<Vec<String>>, DataError> {
        let label = file.display().to_string();
        open(file)?;
        datasets(file).map(Some).map_err(|error| refused(file, &label, error))
    }

    fn shelf<E: Real>(file: &Path, group: &str) -> Result<Option<Box<dyn Shelf<E>>>, DataError> {
        let opened = Group::open(file, group).map_err(|error| refused(file, &label(file, group), error))?;
        Ok(Some(Box::new(Hdf5Group { file: file.to_owned(), group: opened })))
    }

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, _: &RowOptions) -> Opened<E> {
        Ok(Box::new(Hdf5Rows::open(at)?))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        open(&at.file)?;
        let keys = match at.key {
            Some(key) => vec![key.to_owned()],
            None => datasets(&at.file).map_err(|error| refused(&at.file, &at.path.to_string(), error))?,
        };
        let members = keys.iter().map(|key| {
            let path = ArrayPath::with_key(&at.file, key);
            let at = Location { path: &path, file: at.file.clone(), key: Some(key) };
            let info = Hdf5Rows::open(&at).map(|rows| ArrayInfo::of_rows::<f64>(path.clone(), Self::NAME, &rows));
            Member::of(path, info)
        });
        Ok(members.collect())
    }

    fn create<E: Real>(path: &ArrayPath, shape: &[usize], options: &WriteOptions) -> Created<E> {
        let (partial, file) = Partial::file(path.file(), options.replace)?;
        let key = path.key().unwrap_or("data").to_owned();
        let (writer, progress) = (Writer::new(BufWriter::new(file)), Progress::new(path.to_string(), shape));
        let mut writer = Hdf5Writer { partial, writer, progress, key };
        let options = Options { gzip: options.gzip, chunk: options.chunk };
        let begun = writer.writer.begin::<E>(&writer.key, shape, options);
        begun.map_err(|error| unwritten(&writer.progress.label, error))?;
        Ok(Box::new(writer))
    }
}

/// Why a file cannot be read, which may be no HDF5 file for all its name says.
fn refused(file: &Path, label: &str, error: Hdf5Error) -> DataError {
    match foreign::what(file).filter(|_| matches!(error, Hdf5Error::Unreadable(_))) {
        Some(other) => DataError::unusable(label, other),
        None => DataError::hdf5(file, label, error),
    }
}

fn label(file: &Path, key: &str) -> String {
    if key.is_empty() { file.display().to_string() } else { format!("{}:{key}", file.display()) }
}

/// A group of datasets.
struct Hdf5Group {
    file: PathBuf,
    group: Group,
}

impl<E: Real> Shelf<E> for Hdf5Group {
    fn names(&self) -> &[String] {
        self.group.names()
    }

    fn array(&self, name: &str, rest: &str, path: &ArrayPath, _: &RowOptions) -> Opened<E> {
        let dataset = self.group.dataset(name, rest);
        Ok(Box::new(Hdf5Rows::of(&self.file, path.to_string(), dataset)?))
    }
}

struct Hdf5Rows {
    file: PathBuf,
    spec: RowSpec,
    dataset: Dataset,
}

impl Hdf5Rows {
    fn open(at: &Location<'_>) -> Result<Self, DataError> {
        // Says what is there in place of a file that is missing.
        open(&at.file)?;
        Self::of(&at.file, at.path.to_string(), Dataset::open(&at.file, at.key))
    }

    fn of(file: &Path, label: String, dataset: Result<Dataset, Hdf5Error>) -> Result<Self, DataError> {
        let dataset = dataset.map_err(|error| refused(file, &label, error))?;
        let (shape, dtype) = (dataset.shape().to_vec(), dataset.dtype().to_owned());
        let spec = RowSpec { label, shape, dtype, ..RowSpec::default() };
        Ok(Self { file: file.to_owned(), spec, dataset })
    }
}

impl<E: Real> RowArray<E> for Hdf5Rows {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn memory(&self) -> usize {
        self.dataset.memory()
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        self.dataset.read(rows, to).map_err(|error| DataError::hdf5(&self.file, &self.spec.label, error))
    }
}

/// A file with one dataset, written as its rows come.
struct Hdf5Writer {
    partial: Partial,
    writer: Writer<BufWriter<File>>,
    progress: Progress,
    key: String,
}

impl<E: Real> RowWriter<E> for Hdf5Writer {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        self.progress.more(values.len())?;
        self.writer.write(values).map_err(|error| unwritten(&self.progress.label, error))
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        self.writer.finish().map_err(|error| unwritten(&self.progress.label, error))?;
        let array = ArrayPath::with_key(self.partial.path(), self.key);
        Ok(Written::new(self.partial, array))
    }
}

fn unwritten(label: &str, error: Hdf5Error) -> DataError {
    match error {
        Hdf5Error::Io(source) => io(label, source),
        other => DataError::target(label, other.to_string()),
    }
}
