//! `.npz` archives written array by array.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use imnn_io::Partial;
use imnn_io::npy::{descr, write_values};
use imnn_io::npz::Writer;
use imnn_sim::Real;

use super::writing::{Progress, RowWriter, Written, io};
use crate::{ArrayPath, DataError};

/// Arrays of any size, one after the other, as an archive without compression; the same arrays give the same bytes.
///
/// The values of an array are written by [`RowWriter::write`] after [`begin`](Self::begin).
pub struct ArchiveWriter {
    partial: Partial,
    writer: Writer<BufWriter<File>>,
    progress: Option<Progress>,
    label: String,
    keys: Vec<String>,
}

impl ArchiveWriter {
    /// Begins an archive.
    ///
    /// # Errors
    /// If it is there already and not to be replaced, or its folder cannot be written to.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Self, DataError> {
        let label = path.as_ref().display().to_string();
        let (partial, file) = Partial::file(path.as_ref(), replace)?;
        Ok(Self { partial, writer: Writer::new(BufWriter::new(file)), progress: None, label, keys: vec![] })
    }

    /// Ends the array before, if there is one, and begins another.
    ///
    /// # Errors
    /// If there were too few values before, or the name is empty or used already.
    pub fn begin<E: Real>(&mut self, key: &str, shape: &[usize]) -> Result<(), DataError> {
        self.begin_as(key, descr::<E>(), shape)
    }

    fn begin_as(&mut self, key: &str, descr: &str, shape: &[usize]) -> Result<(), DataError> {
        self.end_array()?;
        let path = format!("{}:{key}", self.label);
        if key.is_empty() {
            return Err(DataError::target(path, "the name is empty"));
        }
        if self.keys.iter().any(|other| other == key) {
            return Err(DataError::target(path, "there is another array of that name"));
        }
        self.keys.push(key.to_owned());
        self.writer.begin(key, descr, shape).map_err(|source| io(&self.label, source))?;
        self.progress = Some(Progress::new(path, shape));
        Ok(())
    }

    /// Writes a whole array.
    pub(crate) fn array(
        &mut self,
        key: &str,
        (descr, shape): (&str, &[usize]),
        write: impl FnOnce(&mut Writer<BufWriter<File>>) -> std::io::Result<()>,
    ) -> Result<(), DataError> {
        self.begin_as(key, descr, shape)?;
        self.progress = None;
        write(&mut self.writer).map_err(|source| io(&self.label, source))
    }

    /// Ends the archive, which is then to be put in its place.
    ///
    /// # Errors
    /// If it cannot be written, or the last array lacks values.
    pub fn end(mut self) -> Result<Written, DataError> {
        self.end_array()?;
        self.writer.finish().map_err(|source| io(&self.label, source))?;
        let array = match &self.keys[..] {
            [key] => ArrayPath::with_key(self.partial.path(), key),
            _ => ArrayPath::of_file(self.partial.path()),
        };
        Ok(Written::new(self.partial, array))
    }

    fn end_array(&mut self) -> Result<(), DataError> {
        self.progress.take().map_or(Ok(()), |progress| progress.end())
    }
}

impl<E: Real> RowWriter<E> for ArchiveWriter {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        if let Some(progress) = &mut self.progress {
            progress.more(values.len())?;
        }
        write_values(values, &mut self.writer).map_err(|source| io(&self.label, source))
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.end()
    }
}
