//! Simulations in TFRecord files, read by rows.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use imnn_io::folder::names;
use imnn_io::text::{plural, saturating_product, tuple};
use imnn_sim::Real;

use super::doubles::are_doubles;
use super::example::{Example, Place};
use super::frame;
use super::index::{Index, Shard};
use super::writer::marker;
use crate::rows::{RowArray, RowSpec, check_read};
use crate::{ArrayPath, DataError};

/// Simulations in one or several TFRecord files, as one array.
///
/// Opening goes through the files once and keeps some 24 bytes for each record; both checksums of a record are compared
/// whenever it is read. Rows are in the order of their seeds, which have to follow each other without a gap, each
/// once; records without seeds are in the order of the files, which are sorted by name.
///
/// ```
/// use imnn_data::{RowArray, tfrecord::{TfRecordOptions, TfRecordWriter, TfRecords}};
///
/// let folder = tempfile::tempdir()?;
/// let mut writer = TfRecordWriter::new(folder.path().join("fiducial"), TfRecordOptions::default())?;
/// writer.write(0, &[1.0, 2.0, 3.0, 4.0])?;
/// writer.write(1, &[5.0, 6.0, 7.0, 8.0])?;
/// writer.finish()?;
///
/// let rows = TfRecords::open(&folder.path().join("fiducial_*.tfrecords").into())?.with_input_shape(&[2, 2])?;
/// assert_eq!(RowArray::<f64>::shape(&rows), [2, 2, 2]);
/// let mut second = [0.0; 4];
/// RowArray::<f64>::read(&rows, 1..2, &mut second)?;
/// assert_eq!(second, [5.0, 6.0, 7.0, 8.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TfRecords {
    spec: RowSpec,
    index: Index,
}

/// As many records are looked at, and no more values than these.
const LOOKED_AT: usize = 64;
const ENOUGH: usize = 4096;

impl TfRecords {
    /// The records of a file, or of all files whose name is that of the path with anything in place of `*`.
    ///
    /// Each row is flat: `(n, values)`, or `(n, 2, n_params, values)` where the records are a numerical derivative.
    ///
    /// # Errors
    /// If there is no such file or no record in it, where records are damaged, not alike, there twice or missing.
    pub fn open(path: &ArrayPath) -> Result<Self, DataError> {
        let label = path.to_string();
        Self::of_files(label, &expanded(path.file())?)
    }

    /// The records of these files; `label` is what messages call them.
    ///
    /// # Errors
    /// As [`TfRecords::open`].
    pub fn of_files(label: impl Into<String>, files: &[PathBuf]) -> Result<Self, DataError> {
        let label = label.into();
        let mut index = Index::build(&label, files)?;
        let shape = match index.n_params {
            Some(n_params) => vec![index.entries.len() / (2 * n_params), 2, n_params, index.len],
            None => vec![index.entries.len(), index.len],
        };
        let seeds = index.seeds.take();
        let records = Self { spec: RowSpec { label, shape, dtype: "<f4".to_owned(), seeds, ..RowSpec::default() }, index };
        records.refuse_doubles()?;
        Ok(records)
    }

    /// Refuses records whose data are the bytes of float64, by looking at a few of them.
    fn refuse_doubles(&self) -> Result<(), DataError> {
        let n = self.index.entries.len();
        let (mut values, mut one) = (vec![], vec![0.0_f32; self.index.len]);
        if !self.index.len.is_multiple_of(2) {
            return Ok(());
        }
        for record in (0..n).step_by(n.div_ceil(LOOKED_AT).max(1)) {
            if values.len() >= ENOUGH || self.record(record, &mut one).is_err() {
                // What is damaged is said where it is read.
                break;
            }
            values.extend_from_slice(&one);
        }
        if !are_doubles(&values) {
            return Ok(());
        }
        let reason = "its feature `data` holds the bytes of float64, twice as many as of float32, which records are read as; write x.astype('<f4').tobytes()";
        Err(DataError::unusable(&self.spec.label, reason))
    }

    /// The number of parameters, where the records are a numerical derivative.
    pub fn n_params(&self) -> Option<usize> {
        self.index.n_params
    }

    /// The same with simulations of this shape: `(n, *input)` or `(n, 2, n_params, *input)`.
    ///
    /// # Errors
    /// If the records have another number of values.
    pub fn with_input_shape(mut self, input: &[usize]) -> Result<Self, DataError> {
        let len = saturating_product(input);
        if len != self.index.len {
            let (shape, values) = (tuple(input), plural(len, "value"));
            return Err(self.other_shape(format!("simulations of shape {shape} have {values}")));
        }
        self.spec.shape.pop();
        self.spec.shape.extend(input);
        Ok(self)
    }

    /// The same as exact derivatives of simulations of this shape: `(n, *input, n_params)`.
    ///
    /// # Errors
    /// If the records are a numerical derivative, or their number of values is no multiple of the input's.
    pub fn with_exact_shape(mut self, input: &[usize]) -> Result<Self, DataError> {
        if let Some(n_params) = self.index.n_params {
            let n = plural(n_params, "parameter");
            let reason = format!("the records are simulations below and above in {n}; use kind = \"numerical\"");
            return Err(DataError::unusable(self.spec.label, reason));
        }
        let len = saturating_product(input);
        if len == 0 || !self.index.len.is_multiple_of(len) {
            let (shape, values) = (tuple(input), plural(len, "value"));
            let expected = format!("exact derivatives of simulations of shape {shape} have a multiple of {values}");
            return Err(self.other_shape(expected));
        }
        self.spec.shape.pop();
        self.spec.shape.extend(input);
        self.spec.shape.push(self.index.len / len);
        Ok(self)
    }

    fn other_shape(&self, expected: String) -> DataError {
        let reason = format!(
            "each record has {}, and {expected}; records do not say what shape they have, so check input_shape",
            plural(self.index.len, "value")
        );
        DataError::unusable(&self.spec.label, reason)
    }

    /// The records that make up a row.
    fn per_row(&self) -> usize {
        2 * self.index.n_params.unwrap_or(0) + usize::from(self.index.n_params.is_none())
    }

    fn place(&self, record: usize) -> Place {
        let per_row = self.per_row();
        let side = self.index.n_params.map(|n_params| {
            let k = record % per_row;
            ((k / n_params) as u32, (k % n_params) as u32)
        });
        Place { seed: self.spec.seeds.as_ref().map(|seeds| seeds[record / per_row]), side }
    }

    fn record<E: Real>(&self, number: usize, to: &mut [E]) -> Result<(), DataError> {
        let entry = self.index.entries[number];
        let shard: &Shard = &self.index.files[entry.file as usize];
        shard.with(|file| {
            let damaged = |reason: String| shard.damaged(entry.offset, reason);
            let bytes = frame::data(file, entry.offset, entry.len).map_err(damaged)?;
            let (place, values) = Example::parts(bytes).map_err(damaged)?;
            if place != self.place(number) {
                return Err(damaged("it is of another seed or parameter than when the file was opened".to_owned()));
            }
            if values.len() != to.len() {
                let (found, expected) = (values.len(), to.len());
                return Err(damaged(format!("its feature `data` has {found} values in place of {expected}")));
            }
            to.iter_mut().zip(values).for_each(|(to, value)| *to = E::of(f64::from(value)));
            Ok(())
        })
    }
}

impl<E: Real> RowArray<E> for TfRecords {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let per_row = self.per_row();
        let records = rows.start * per_row..rows.end * per_row;
        records.zip(to.chunks_exact_mut(self.index.len)).try_for_each(|(number, to)| self.record(number, to))
    }
}

/// The files that a path names, sorted.
pub(super) fn expanded(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.is_file() || !name.contains('*') {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let missing = |hint: String| DataError::Missing { path: path.to_owned(), hint };
    let mut names = names(folder).map_err(|error| match error.kind() {
        ErrorKind::NotFound => missing(format!("; its folder {} does not exist", folder.display())),
        _ => DataError::read(folder.display(), error),
    })?;
    let found: Vec<String> = names.iter().filter(|entry| matches(name, entry)).cloned().collect();
    // The names are sorted.
    let is_there = |marker: &String| names.binary_search(marker).is_ok();
    if let Some(marker) = found.iter().filter_map(|file| marker(file)).find(is_there) {
        let marker = folder.join(marker);
        let reason = format!(
            "the set is incomplete, as {} says: its files are just being put in their places, or whoever wrote them was stopped while they were; write it again, as with `imnn data convert`",
            marker.display()
        );
        return Err(DataError::unusable(path.display(), reason));
    }
    names = found;
    if names.is_empty() {
        return Err(missing("; no name fits the pattern".to_owned()));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Whether `name` is `pattern` with anything in place of each `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, fits) in [
            ("f_*.tfrecords", "f_00001.tfrecords", true),
            ("f_*.tfrecords", "f_.tfrecords", true),
            ("f_*.tfrecords", "g_0.tfrecords", false),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("*.x", ".f.1.partial.x", false),
            ("a*a", "a", false),
            ("f", "f", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
