//! Datasets of HDF5 files, which [`imnn_hdf5`] reads and writes.
//!
//! `file.h5:group/dataset` names a dataset; `file.h5` alone the only dataset of a file that has one. Files are known by
//! their endings `.h5`, `.hdf5`, `.hdf` and `.he5`, or by their first bytes.

use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::PathBuf;

use imnn_hdf5::{Dataset, Hdf5Error, MAGIC, Options, Writer, datasets};
use imnn_io::Partial;
use imnn_sim::Real;

use super::format::{ArrayInfo, Created, Format, Location, Member, Opened, RowOptions, RowShape};
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
        start == MAGIC
    }

    fn rows<E: Real>(at: &Location<'_>, _: RowShape<'_>, _: &RowOptions) -> Opened<E> {
        Ok(Box::new(Hdf5Rows::open(at)?))
    }

    fn contents(at: &Location<'_>) -> Result<Vec<Member>, DataError> {
        open(&at.file)?;
        let keys = match at.key {
            Some(key) => vec![key.to_owned()],
            None => datasets(&at.file).map_err(|error| DataError::hdf5(&at.file, &at.path.to_string(), error))?,
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

struct Hdf5Rows {
    file: PathBuf,
    spec: RowSpec,
    dataset: Dataset,
}

impl Hdf5Rows {
    fn open(at: &Location<'_>) -> Result<Self, DataError> {
        // Says what is there in place of a file that is missing.
        open(&at.file)?;
        let (file, label) = (at.file.clone(), at.path.to_string());
        match Dataset::open(&file, at.key) {
            Ok(dataset) => {
                let (shape, dtype) = (dataset.shape().to_vec(), dataset.dtype().to_owned());
                Ok(Self { file, spec: RowSpec { label, shape, dtype, seeds: None }, dataset })
            }
            Err(error) => Err(DataError::hdf5(&file, &label, error)),
        }
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
