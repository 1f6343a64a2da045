//! Arrays written as datasets of HDF5 files.

use std::ops::Range;

use hdf5_metno::H5Type;
use imnn_io::Partial;
use imnn_sim::Real;

use super::Job;
use crate::hdf5::{Hdf5Options, write_hdf5};
use crate::{ArrayPath, DataError, RowArray, open_rows};

pub(super) fn write<E: Real>(job: &Job<'_>) -> Result<(), DataError> {
    if size_of::<E>() == 4 { write_as::<f32>(job) } else { write_as::<f64>(job) }
}

fn write_as<E: Real + H5Type>(job: &Job<'_>) -> Result<(), DataError> {
    let settings = job.settings;
    // Refuses what would be rounded, which the writer does not look for.
    if job.dtype.ends_with("i8") || job.dtype.ends_with("u8") {
        job.each::<E>(&mut |_, _| Ok(()))?;
    }
    let array = Viewed { array: open_rows::<E>(job.from, &settings.rows)?, shape: job.shape.clone() };
    let key = job.to.key().unwrap_or("data");
    let partial = Partial::reserve(job.to.file(), settings.replace)?;
    let options = Hdf5Options { gzip: settings.gzip, chunk: settings.chunk };
    write_hdf5::<E>(partial.path(), &[(key, &array)], options)?;
    if settings.verify {
        settings.compare::<E>(job.from, &ArrayPath::with_key(partial.path(), key), job.to)?;
    }
    Ok(partial.finish()?)
}

/// The same rows with another shape.
struct Viewed<E> {
    array: Box<dyn RowArray<E>>,
    shape: Vec<usize>,
}

impl<E: Real> RowArray<E> for Viewed<E> {
    fn label(&self) -> &str {
        self.array.label()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        self.array.read(rows, to)
    }
}
