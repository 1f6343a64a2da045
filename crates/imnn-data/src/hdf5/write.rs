//! Writes arrays into HDF5 files.

use std::path::Path;

use hdf5_metno::{Dataset, File, H5Type};
use imnn_io::Partial;
use imnn_sim::Real;

use crate::rows::row_len;
use crate::{DataError, RowArray};

/// How a dataset is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hdf5Options {
    /// The level of gzip compression, 1 to 9; without it, as by default, data are not compressed.
    pub gzip: Option<u8>,
    /// The bytes of a chunk, roughly; 1 MiB by default, and one row at least.
    pub chunk: usize,
}

impl Default for Hdf5Options {
    fn default() -> Self {
        Self { gzip: None, chunk: 1 << 20 }
    }
}

/// Writes arrays as datasets, a few rows at a time, each with its name such as `train/fiducial`.
///
/// Datasets are chunked by rows, and each chunk has a checksum (fletcher32). The file appears whole or not at all.
///
/// # Errors
/// Where a name cannot be used, an array cannot be read, or the folder cannot be written to.
pub fn write_hdf5<E: Real + H5Type>(
    path: impl AsRef<Path>,
    arrays: &[(&str, &dyn RowArray<E>)],
    options: Hdf5Options,
) -> Result<(), DataError> {
    let path = path.as_ref();
    let partial = Partial::reserve(path, true)?;
    write(partial.path(), arrays, options).map_err(|fault| match fault {
        Fault::Data(error) => error,
        Fault::Library(error) => {
            DataError::Hdf5 { label: path.display().to_string(), reason: format!("cannot be written: {error}") }
        }
    })?;
    Ok(partial.finish()?)
}

enum Fault {
    Data(DataError),
    Library(hdf5_metno::Error),
}

impl From<hdf5_metno::Error> for Fault {
    fn from(error: hdf5_metno::Error) -> Self {
        Self::Library(error)
    }
}

fn write<E: Real + H5Type>(
    partial: &Path,
    arrays: &[(&str, &dyn RowArray<E>)],
    options: Hdf5Options,
) -> Result<(), Fault> {
    let file = File::create_excl(partial)?;
    for (name, array) in arrays {
        let shape = array.shape();
        let len = row_len(shape);
        let at_once =
            (options.chunk / (len * size_of::<E>()).max(1)).clamp(1, shape.first().copied().unwrap_or(1).max(1));
        let dataset = create::<E>(&file, name, shape, at_once, options.gzip)?;
        let Some(&n_rows) = shape.first() else { continue };
        let mut values = vec![E::zero(); at_once * len];
        for start in (0..n_rows).step_by(at_once) {
            let n = at_once.min(n_rows - start);
            array.read(start..start + n, &mut values[..n * len]).map_err(Fault::Data)?;
            let block = [&[n], &shape[1..]].concat();
            let view = ndarray::ArrayViewD::from_shape(block, &values[..n * len])
                .map_err(|error| hdf5_metno::Error::from(error.to_string()))?;
            let mut slab = vec![hdf5_metno::SliceOrIndex::from(start..start + n)];
            slab.extend(shape[1..].iter().map(|&axis| hdf5_metno::SliceOrIndex::from(0..axis)));
            dataset.write_slice(view, hdf5_metno::Hyperslab::from(slab))?;
        }
    }
    file.flush()?;
    file.close()?;
    Ok(())
}

fn create<E: H5Type>(
    file: &File,
    name: &str,
    shape: &[usize],
    at_once: usize,
    gzip: Option<u8>,
) -> Result<Dataset, hdf5_metno::Error> {
    let builder = file.new_dataset::<E>().create_intermediate_group(true).shape(shape.to_vec());
    if shape.is_empty() || shape.contains(&0) {
        return builder.create(name);
    }
    let builder = builder.chunk([&[at_once], &shape[1..]].concat());
    // The order in which filters are set is that in which they are applied: the checksum is of what is stored.
    match gzip {
        Some(level) => builder.shuffle().deflate(level.clamp(1, 9)).fletcher32().create(name),
        None => builder.fletcher32().create(name),
    }
}
