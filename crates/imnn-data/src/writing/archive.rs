//! A `.npz` archive, written as the rows of its arrays come.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use imnn_io::Partial;
use imnn_sim::Real;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Progress, RowWriter, Written, encode, header, io};
use crate::{ArrayPath, DataError};

/// Arrays of any size, one after the other, as an archive without compression; the same arrays give the same bytes.
pub struct ArchiveWriter {
    partial: Partial,
    zip: ZipWriter<BufWriter<File>>,
    progress: Option<Progress>,
    label: String,
    keys: Vec<String>,
}

impl ArchiveWriter {
    /// Begins an archive.
    ///
    /// # Errors
    /// Where it is there already and not to be replaced, or its folder cannot be written to.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Self, DataError> {
        let path = path.as_ref();
        let (partial, file) = Partial::file(path, replace)?;
        let label = path.display().to_string();
        Ok(Self { partial, zip: ZipWriter::new(BufWriter::new(file)), progress: None, label, keys: vec![] })
    }

    /// Ends the array before, if there is one, and begins another.
    ///
    /// # Errors
    /// Where there were too few values before, or the name is empty or used already.
    pub fn begin<E: Real>(&mut self, key: &str, shape: &[usize]) -> Result<(), DataError> {
        self.end_array()?;
        let path = format!("{}:{key}", self.label);
        if key.is_empty() || self.keys.iter().any(|other| other == key) {
            let reason = "each array of an archive needs a name of its own".to_owned();
            return Err(DataError::Target { path, reason });
        }
        self.keys.push(key.to_owned());
        // Lets a single array pass 4 GiB, as numpy does.
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        let begun = self.zip.start_file(format!("{key}.npy"), stored).map_err(std::io::Error::from);
        begun.and_then(|()| self.zip.write_all(&header::<E>(shape))).map_err(|source| self.io(source))?;
        self.progress = Some(Progress::new(path, shape));
        Ok(())
    }

    /// Writes the next values of the array, row-major.
    ///
    /// # Errors
    /// Where they cannot be written, or are more than the shape has.
    pub fn values<E: Real>(&mut self, values: &[E]) -> Result<(), DataError> {
        if let Some(progress) = &mut self.progress {
            progress.more(values.len())?;
        }
        encode(values, &mut self.zip).map_err(|source| self.io(source))
    }

    /// Ends the archive, which is then to be put in its place.
    ///
    /// # Errors
    /// Where it cannot be written, or the last array lacks values.
    pub fn end(mut self) -> Result<Written, DataError> {
        self.end_array()?;
        let place = Path::new(&self.label);
        let io = |source| io(place, source);
        let mut writer = self.zip.finish().map_err(|error| io(error.into()))?;
        writer.flush().and_then(|()| writer.get_ref().sync_all()).map_err(io)?;
        let array = match &self.keys[..] {
            [key] => ArrayPath::with_key(self.partial.path(), key),
            _ => ArrayPath::of_file(self.partial.path()),
        };
        Ok(Written { partial: self.partial, array })
    }

    fn end_array(&mut self) -> Result<(), DataError> {
        self.progress.take().map_or(Ok(()), |progress| progress.end())
    }

    fn io(&self, source: std::io::Error) -> DataError {
        io(Path::new(&self.label), source)
    }
}

impl<E: Real> RowWriter<E> for ArchiveWriter {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        self.values(values)
    }

    fn finish(self: Box<Self>) -> Result<Written, DataError> {
        self.end()
    }
}
