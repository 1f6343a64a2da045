//! Rows of both arrays of a set, written as a set of their own.

use std::path::Path;

use imnn_sim::Real;

use super::SplitFormat;
use crate::inspect::fits_single;
use imnn_data::arrays::{AnyArray, write_npy};
use imnn_data::writing::{ArchiveWriter, RowWriter, WriteOptions, create_rows};
use imnn_data::{ArrayPath, ArraySet, DataError, RowArray, pieces};
use imnn_io::FileError;
use imnn_io::folder::names_if_there;

/// The paths of the arrays of a part.
pub(super) fn paths(folder: &Path, name: &str, format: SplitFormat) -> (ArrayPath, ArrayPath) {
    let path = |array: &str| match format {
        SplitFormat::Npy => ArrayPath::of_file(folder.join(name).join(format!("{array}.npy"))),
        SplitFormat::Npz => ArrayPath::with_key(folder.join(format!("{name}.npz")), array),
    };
    (path("fiducial"), path("derivative"))
}

/// Writes rows of a set, the first `n_with` of them with derivatives.
pub(super) fn part(
    folder: &Path,
    name: &str,
    set: &ArraySet<f64>,
    (rows, n_with): (&[usize], usize),
    format: SplitFormat,
) -> Result<(), DataError> {
    let (fiducial, derivative) = paths(folder, name, format);
    let arrays = [
        (&fiducial, &*set.fiducial, rows, fits_single(&set.dtypes[0])),
        (&derivative, &*set.derivative, &rows[..n_with], fits_single(&set.dtypes[1])),
    ];
    let seeds = match format {
        SplitFormat::Npy => {
            let folder = folder.join(name);
            std::fs::create_dir(&folder).map_err(FileError::of("create", &folder))?;
            for (path, array, rows, single) in arrays {
                if single { write::<f32>(path, array, rows)? } else { write::<f64>(path, array, rows)? }
            }
            folder.join("seeds.npy")
        }
        SplitFormat::Npz => {
            let mut to = ArchiveWriter::create(fiducial.file(), false)?;
            for (path, array, rows, single) in arrays {
                if single { add::<f32>(&mut to, path, array, rows)? } else { add::<f64>(&mut to, path, array, rows)? }
            }
            to.end()?.keep()?;
            folder.join(format!("{name}_seeds.npy"))
        }
    };
    let Some(all) = &set.seeds else { return Ok(()) };
    let of_rows: Result<Vec<i64>, _> = rows.iter().map(|&row| all[row].try_into()).collect();
    // NumPy's own integers end there too; a seed beyond is in the names of the files that were read.
    let Ok(of_rows) = of_rows else { return Ok(()) };
    let of_rows = ndarray::Array1::from(of_rows).into_dyn();
    write_npy(seeds, AnyArray::I64(of_rows.view()))
}

fn write<E: Real>(path: &ArrayPath, array: &dyn RowArray<f64>, rows: &[usize]) -> Result<(), DataError> {
    let mut writer = create_rows::<E>(path, &shape(array, rows), &WriteOptions::default())?;
    each_run(array, rows, &mut |values: &[E]| writer.write(values))?;
    writer.finish()?.keep()
}

fn add<E: Real>(
    archive: &mut ArchiveWriter,
    path: &ArrayPath,
    array: &dyn RowArray<f64>,
    rows: &[usize],
) -> Result<(), DataError> {
    archive.begin::<E>(path.key().unwrap_or_default(), &shape(array, rows))?;
    each_run(array, rows, &mut |values: &[E]| archive.write(values))
}

fn shape(array: &dyn RowArray<f64>, rows: &[usize]) -> Vec<usize> {
    [&[rows.len()], array.shape().get(1..).unwrap_or_default()].concat()
}

/// Reads ascending rows, several at once where they follow each other.
fn each_run<E: Real>(
    array: &dyn RowArray<f64>,
    rows: &[usize],
    visit: &mut dyn FnMut(&[E]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let len: usize = array.shape().iter().skip(1).product();
    let (mut values, mut narrow) = (vec![], vec![]);
    let runs = rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0]..run[0] + run.len());
    for rows in runs.flat_map(|run| pieces::<f64>(run, len)) {
        values.resize(rows.len() * len, 0.0);
        array.read(rows, &mut values)?;
        narrow.clear();
        // Exact: single precision is chosen where it was single precision, or less, in the file.
        narrow.extend(values.iter().map(|&value| E::of(value)));
        visit(&narrow)?;
    }
    Ok(())
}

/// Refuses to replace a folder in which there is anything but parts.
pub(super) fn only_parts(folder: &Path) -> Result<(), DataError> {
    const FILES: [&str; 4] = ["train.npz", "validation.npz", "train_seeds.npy", "validation_seeds.npy"];
    const IN_FOLDERS: [&str; 3] = ["fiducial.npy", "derivative.npy", "seeds.npy"];
    let names = |folder: &Path| names_if_there(folder).map_err(|source| DataError::read(folder.display(), source));
    for name in names(folder)? {
        let path = folder.join(&name);
        let other = if ["train", "validation"].contains(&name.as_str()) {
            let inside = names(&path)?.into_iter();
            inside.map(|name| path.join(name)).find(|file| IN_FOLDERS.iter().all(|name| !file.ends_with(name)))
        } else {
            Some(path).filter(|_| !FILES.contains(&name.as_str()))
        };
        if let Some(other) = other {
            let reason = format!("there is {} in it, which is not one of the parts; move it away", other.display());
            return Err(DataError::target(folder.display(), reason));
        }
    }
    Ok(())
}
