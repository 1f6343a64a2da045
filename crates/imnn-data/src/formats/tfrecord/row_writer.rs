//! An array written as records, one for each row, or for each simulation below and above.

use std::path::{Path, PathBuf};

use imnn_sim::Real;

use super::writer::{TfRecordOptions, TfRecordWriter};
use crate::formats::writing::{Progress, RowWriter, WriteOptions, Written};
use crate::{ArrayPath, DataError};

pub(super) struct Records {
    path: ArrayPath,
    writer: TfRecordWriter,
    /// The values of a row, and in how many records.
    row: usize,
    n_params: usize,
    progress: Progress,
    /// Values that do not fill a row yet.
    pending: Vec<f32>,
}

impl Records {
    pub(super) fn create<E: Real>(
        path: &ArrayPath,
        shape: &[usize],
        options: &WriteOptions,
    ) -> Result<Self, DataError> {
        let refuse = |reason: &str| Err(DataError::target(path, reason));
        if size_of::<E>() != size_of::<f32>() {
            return refuse("these files hold single precision and the array has double; ask for f32 to have it rounded");
        }
        let Some(stem) = stem(path.file()).filter(|_| path.key().is_none()) else {
            return refuse("write name_*.tfrecords: files name_00000.tfrecords, name_00001.tfrecords, ... are written");
        };
        let row = shape.iter().skip(1).product();
        if shape.len() < 2 || row == 0 {
            return refuse("each record is a row, and this array has none");
        }
        let n_params = match (options.numerical, &shape[1..]) {
            (false, _) => 0,
            (true, [2, n_params, _, ..]) if *n_params > 0 => *n_params,
            (true, _) => return refuse("a numerical derivative has the shape (n, 2, n_params, *input)"),
        };
        let writer = TfRecordWriter::new(stem, TfRecordOptions::default())?;
        let progress = Progress::new(path.to_string(), shape);
        Ok(Self { path: path.clone(), writer, row, n_params, progress, pending: vec![] })
    }

    fn record(&mut self, number: usize, values: &[f32]) -> Result<(), DataError> {
        // Seeds have to follow each other without a gap, which those of the files that are read may not.
        let seed = number as u64;
        if self.n_params == 0 {
            return self.writer.write(seed, values);
        }
        let simulations = values.chunks_exact(self.row / (2 * self.n_params)).enumerate();
        simulations.into_iter().try_for_each(|(k, values)| {
            self.writer.write_side(seed, k >= self.n_params, k % self.n_params, values)
        })
    }
}

impl<E: Real> RowWriter<E> for Records {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        let first = (self.progress.done - self.pending.len()) / self.row;
        self.progress.more(values.len())?;
        let mut pending = std::mem::take(&mut self.pending);
        // Exact: the values are in single precision already.
        pending.extend(values.iter().map(|value| value.f64() as f32));
        let rows = pending.chunks_exact(self.row);
        self.pending = rows.remainder().to_vec();
        rows.enumerate().try_for_each(|(k, values)| self.record(first + k, values))
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        let set = self.writer.end()?;
        let pattern = set.path().join(self.path.file().file_name().unwrap_or_default());
        Ok(Written::in_set(set, ArrayPath::of_file(pattern)))
    }
}

/// What the names of the files begin with.
fn stem(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix("_*.tfrecords")?;
    (!stem.is_empty() && !stem.contains('*')).then(|| path.with_file_name(stem))
}
