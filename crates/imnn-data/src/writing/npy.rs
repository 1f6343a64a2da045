//! A `.npy` file, written as its rows come.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::marker::PhantomData;
use std::path::Path;

use imnn_io::Partial;
use imnn_sim::Real;

use super::{Progress, RowWriter, Written, encode, header, io};
use crate::{ArrayPath, DataError};

pub(super) struct NpyWriter<E> {
    partial: Partial,
    writer: BufWriter<File>,
    progress: Progress,
    element: PhantomData<E>,
}

impl<E: Real> NpyWriter<E> {
    pub(super) fn create(path: &Path, shape: &[usize], replace: bool) -> Result<Self, DataError> {
        let (partial, file) = Partial::file(path, replace)?;
        let mut writer = BufWriter::new(file);
        writer.write_all(&header::<E>(shape)).map_err(|source| io(path, source))?;
        let progress = Progress::new(path.display().to_string(), shape);
        Ok(Self { partial, writer, progress, element: PhantomData })
    }

    fn io(&self, source: std::io::Error) -> DataError {
        io(Path::new(&self.progress.label), source)
    }
}

impl<E: Real> RowWriter<E> for NpyWriter<E> {
    fn write(&mut self, values: &[E]) -> Result<(), DataError> {
        self.progress.more(values.len())?;
        encode(values, &mut self.writer).map_err(|source| self.io(source))
    }

    fn finish(mut self: Box<Self>) -> Result<Written, DataError> {
        self.progress.end()?;
        let done = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        done.map_err(|source| self.io(source))?;
        let array = ArrayPath::of_file(self.partial.path());
        Ok(Written { partial: self.partial, array })
    }
}
