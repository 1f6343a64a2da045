//! Arrays read one after the other.

use std::path::Path;

use imnn_sim::Real;

use super::format::{ArrayInfo, Member, RowOptions, Visit};
use super::npz::OpenArchive;
use super::pass::{each_array, for_each_rows};
use super::{Kind, has_seeds, keys, members, open_rows, read};
use crate::rows::{RowArray, is_pattern};
use crate::{ArrayPath, DataError};

/// Reads arrays one after the other, and keeps the archive that it read last open: the directory of an archive of `n`
/// arrays is read once, not `n` times, and all arrays are those of the file as it was then.
///
/// ```
/// use imnn_data::{ArrayPath, ArrayReader, RowOptions, arrays};
/// use ndarray::array;
///
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("x.npz");
/// let (a, b) = (array![1.0, 2.0].into_dyn(), array![3.0].into_dyn());
/// arrays::write_npz(&file, &[("a", a.view().into()), ("b", b.view().into())])?;
///
/// let (mut reader, mut sum) = (ArrayReader::default(), 0.0);
/// for key in ["a", "b"] {
///     let path = ArrayPath::with_key(&file, key);
///     reader.for_each_rows::<f64>(&path, &RowOptions::default(), &mut |_, values| {
///         sum += values.iter().sum::<f64>();
///         Ok(())
///     })?;
/// }
/// assert_eq!(sum, 6.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct ArrayReader {
    archive: Option<OpenArchive>,
}

impl ArrayReader {
    /// What an array is, without reading its values.
    ///
    /// # Errors
    /// If it is not there or cannot be read, or if the path is a pattern or names several arrays.
    pub fn info(&mut self, path: &ArrayPath) -> Result<ArrayInfo, DataError> {
        if let Some((archive, key)) = self.archive(path)? {
            return archive.info(key, path);
        }
        match &members(path)?[..] {
            [Member::Array(info)] => Ok(ArrayInfo { path: path.clone(), ..info.clone() }),
            [Member::Other { reason, .. }] => Err(DataError::other(reason.clone())),
            several => {
                let key = |member: &Member| match member {
                    Member::Array(ArrayInfo { path, .. }) | Member::Other { path, .. } => path.key().map(str::to_owned),
                };
                let there: Vec<String> = several.iter().filter_map(key).collect();
                Err(DataError::key_needed(path.file(), &there))
            }
        }
    }

    /// As [`keys`](super::keys()).
    ///
    /// # Errors
    /// Those of [`keys`](super::keys()).
    pub fn keys(&mut self, file: &Path) -> Result<Option<Vec<String>>, DataError> {
        match self.archive(&ArrayPath::of_file(file))? {
            Some((archive, _)) => Ok(Some(archive.keys().to_vec())),
            None => keys(file),
        }
    }

    /// Whether the rows of an array have seeds, by which they are matched with those of others.
    ///
    /// # Errors
    /// If the path is a pattern that cannot be understood, or an archive that cannot be read.
    pub fn has_seeds(&mut self, path: &ArrayPath) -> Result<bool, DataError> {
        if self.archive(path)?.is_some() { Ok(false) } else { has_seeds(path) }
    }

    /// As [`open_rows`].
    ///
    /// # Errors
    /// Those of [`open_rows`].
    pub fn open_rows<E: Real>(
        &mut self,
        path: &ArrayPath,
        options: &RowOptions,
    ) -> Result<Box<dyn RowArray<E>>, DataError> {
        match self.archive(path)? {
            Some((archive, key)) => archive.rows(key, path, options),
            None => open_rows(path, options),
        }
    }

    /// Reads an array, in row-major order.
    ///
    /// # Errors
    /// As [`arrays::read`](crate::arrays::read).
    pub fn read<E: Real>(&mut self, path: &ArrayPath) -> Result<ndarray::ArrayD<E>, DataError> {
        match self.archive(path)? {
            Some((archive, key)) => archive.read(key, path, None),
            None => read(path, None),
        }
    }

    /// As [`for_each_rows`].
    ///
    /// # Errors
    /// Those of [`for_each_rows`].
    pub fn for_each_rows<E: Real>(
        &mut self,
        path: &ArrayPath,
        options: &RowOptions,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), DataError> {
        let Some((archive, key)) = self.archive(path)? else { return for_each_rows(path, options, visit) };
        if archive.pass(key, path, visit)? {
            return Ok(());
        }
        let array = archive.rows::<E>(key, path, options)?;
        each_array(&*array, || archive.read(key, path, None), visit)
    }

    /// The archive that an array is in, opened unless it is open, and the key there.
    fn archive<'a>(&mut self, path: &'a ArrayPath) -> Result<Option<(&mut OpenArchive, Option<&'a str>)>, DataError> {
        if is_pattern(path)? {
            return Ok(None);
        }
        let (file, key) = path.locate();
        if self.archive.as_ref().is_none_or(|open| open.path() != file) {
            if Kind::of(path).0 != Kind::Npz {
                return Ok(None);
            }
            self.archive = Some(OpenArchive::open(&file)?);
        }
        Ok(self.archive.as_mut().map(|archive| (archive, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays::{AnyArray, write_npz};

    #[test]
    fn an_archive_is_opened_once_and_stays_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.npz");
        let values: Vec<_> = (0..20).map(|k| ndarray::ArrayD::from_elem(vec![3, 2], f64::from(k))).collect();
        let keys: Vec<String> = (0..20).map(|k| format!("k{k}")).collect();
        let all: Vec<(&str, AnyArray<'_>)> =
            keys.iter().map(String::as_str).zip(values.iter().map(|of| of.view().into())).collect();
        write_npz(&file, &all).unwrap();
        let path = |key: &str| ArrayPath::with_key(&file, key);
        let mut reader = ArrayReader::default();
        assert_eq!(reader.info(&path("k7")).unwrap().shape, [3, 2]);
        // Whoever opened it again would find nothing.
        std::fs::remove_file(&file).unwrap();
        for (key, expected) in keys.iter().zip(&values) {
            assert_eq!(reader.info(&path(key)).unwrap().path, path(key));
            assert_eq!(reader.read::<f64>(&path(key)).unwrap(), expected);
            let mut seen = vec![];
            reader
                .for_each_rows::<f64>(&path(key), &RowOptions::default(), &mut |_, rows| {
                    seen.extend(rows.to_vec());
                    Ok(())
                })
                .unwrap();
            assert_eq!(seen, expected.iter().copied().collect::<Vec<f64>>());
            assert_eq!(reader.open_rows::<f64>(&path(key), &RowOptions::default()).unwrap().shape(), [3, 2]);
        }
        assert!(reader.info(&path("none")).unwrap_err().to_string().contains("no array `none`"));
    }
}
