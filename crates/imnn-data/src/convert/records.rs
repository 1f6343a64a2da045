//! Arrays written as TFRecord files.

use std::path::{Path, PathBuf};

use imnn_sim::Real;

use super::{Job, Meaning};
use crate::rows::row_len;
use crate::tfrecord::{TfRecordOptions, TfRecordWriter, TfRecords};
use crate::{DataError, Element, inspect};

pub(super) fn write<E: Real>(job: &Job<'_>) -> Result<(), DataError> {
    let refuse = |reason: &str| Err(DataError::Target { path: job.to.to_string(), reason: reason.to_owned() });
    if job.settings.element == Some(Element::F64) || (job.settings.element.is_none() && size_of::<E>() != 4) {
        let dtype = inspect::type_name(&job.dtype);
        return refuse(&format!(
            "TFRecord files hold single precision and these are {dtype}; ask for f32 to have them rounded"
        ));
    }
    let Some(stem) = stem(job.to.file()) else {
        return refuse(
            "write name_*.tfrecords: several files name_00000.tfrecords, name_00001.tfrecords, ... are written",
        );
    };
    let len = row_len(&job.shape);
    if job.shape.len() < 2 || len == 0 {
        return refuse("each record is a row, and this array has none");
    }
    let numerical = job.settings.meaning == Some(Meaning::Numerical);
    let n_params = match (numerical, &job.shape[1..]) {
        (false, _) => 0,
        (true, [2, n_params, _, ..]) if *n_params > 0 => *n_params,
        (true, _) => return refuse("a numerical derivative has the shape (n, 2, n_params, *input)"),
    };
    let mut writer = TfRecordWriter::new(stem, TfRecordOptions::default())?;
    let mut row: Vec<f32> = vec![];
    job.each::<E>(&mut |first, values| {
        for (seed, values) in (first as u64..).zip(values.chunks_exact(len)) {
            row.clear();
            // Exact: the values are in single precision already.
            row.extend(values.iter().map(|value| value.f64() as f32));
            if !numerical {
                writer.write(seed, &row)?;
                continue;
            }
            for (k, row) in row.chunks_exact(len / (2 * n_params)).enumerate() {
                writer.write_side(seed, k >= n_params, k % n_params, row)?;
            }
        }
        Ok(())
    })?;
    let files = writer.finish()?;
    if job.settings.verify {
        let compared = TfRecords::of_files(job.to.to_string(), &files)
            .and_then(|written| super::compare::<E>(job.from, &job.settings.rows, &written, job.to));
        if compared.is_err() {
            // The comparison is what is reported.
            files.iter().for_each(|file| drop(std::fs::remove_file(file)));
        }
        return compared;
    }
    Ok(())
}

/// What the names of the files begin with.
fn stem(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix("_*.tfrecords")?;
    (!stem.is_empty() && !stem.contains('*')).then(|| path.with_file_name(stem))
}
