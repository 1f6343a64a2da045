//! A dataset, read by rows.

use std::ops::Range;
use std::path::Path;

use hdf5_metno::{Dataset, File, H5Type, Hyperslab, SliceOrIndex};
use imnn_sim::Real;
use ndarray::ArrayD;

use super::check::{self, Element};
use crate::arrays::read::open;
use crate::rows::check_read;
use crate::text::unravel;
use crate::{DataError, RowArray};

/// A dataset of an HDF5 file.
#[derive(Debug)]
pub struct Hdf5Rows {
    label: String,
    shape: Vec<usize>,
    dataset: Dataset,
    element: Element,
    dtype: String,
}

impl Hdf5Rows {
    /// Opens the dataset `key` of a file, or its only one.
    ///
    /// # Errors
    /// Where there is no such file or dataset, its elements are no real numbers, or parts of it are not in the file.
    pub fn open(file: impl AsRef<Path>, key: Option<&str>) -> Result<Self, DataError> {
        let path = file.as_ref();
        let label = match key {
            Some(key) => format!("{}:{key}", path.display()),
            None => path.display().to_string(),
        };
        let refuse = |reason: String| DataError::Hdf5 { label: label.clone(), reason };
        let file = opened(path)?;
        let dataset = match key.filter(|key| !key.is_empty()) {
            Some(key) => match file.dataset(key) {
                Ok(dataset) => dataset,
                Err(_) if !names(&file)?.iter().any(|name| name == key.trim_matches('/')) => {
                    return Err(DataError::MissingKey {
                        path: path.to_owned(),
                        key: key.to_owned(),
                        there: names(&file)?,
                    });
                }
                Err(error) => return Err(refuse(format!("cannot be opened: {error}"))),
            },
            None => match &names(&file)?[..] {
                [one] => file.dataset(one).map_err(|error| refuse(format!("cannot be opened: {error}")))?,
                there => return Err(DataError::KeyNeeded { path: path.to_owned(), there: there.to_vec() }),
            },
        };
        let space = dataset.space().map_err(|error| refuse(format!("its shape cannot be read: {error}")))?;
        if !space.is_valid() || space.is_null() {
            return Err(refuse("it is empty, without even a shape".to_owned()));
        }
        let shape = space.shape();
        let (element, size, dtype) = check::element(&dataset).map_err(refuse)?;
        check::storage(&dataset, path, &shape, size).map_err(refuse)?;
        Ok(Self { label, shape, dataset, element, dtype })
    }

    fn values<T: H5Type + Copy, E: Real>(
        &self,
        rows: Range<usize>,
        to: &mut [E],
        convert: impl Fn(T) -> f64,
    ) -> Result<(), DataError> {
        let refuse = |reason: String| DataError::Hdf5 { label: self.label.clone(), reason };
        let array: ArrayD<T> = match self.shape.len() {
            0 => self.dataset.read_scalar().map(|value| ArrayD::from_elem(vec![], value)),
            _ => {
                let mut slab = vec![SliceOrIndex::from(rows.clone())];
                slab.extend(self.shape[1..].iter().map(|&axis| SliceOrIndex::from(0..axis)));
                self.dataset.read_slice(Hyperslab::from(slab))
            }
        }
        .map_err(|error| {
            refuse(format!("rows {}..{} cannot be read: {error}; the file is damaged", rows.start, rows.end))
        })?;
        if array.len() != to.len() {
            return Err(refuse(format!("has another shape than when it was opened, {:?}", self.shape)));
        }
        for (at, (to, value)) in to.iter_mut().zip(array).enumerate() {
            let value = convert(value);
            *to = E::of(value);
            if !to.is_finite() && value.is_finite() {
                let mut shape = self.shape.clone();
                if let Some(first) = shape.first_mut() {
                    *first = rows.len();
                }
                let mut index = unravel(at, &shape, false);
                if let Some(first) = index.first_mut() {
                    *first += rows.start;
                }
                return Err(DataError::Overflow { label: self.label.clone(), index, value, precision: E::NAME });
            }
        }
        Ok(())
    }
}

impl<E: Real> RowArray<E> for Hdf5Rows {
    fn label(&self) -> &str {
        &self.label
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn dtype(&self) -> &str {
        &self.dtype
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        if !self.shape.is_empty() {
            check_read(&self.shape, &rows, to);
        }
        if to.is_empty() {
            return Ok(());
        }
        match self.element {
            Element::F32 => self.values(rows, to, |x: f32| f64::from(x)),
            Element::F64 => self.values(rows, to, |x: f64| x),
            Element::I64 => self.values(rows, to, |x: i64| x as f64),
            Element::U64 => self.values(rows, to, |x: u64| x as f64),
        }
    }
}

/// The names of the datasets of a file, those in groups with the groups' names.
///
/// # Errors
/// Where the file is missing or no HDF5 file.
pub fn datasets(file: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    names(&opened(file.as_ref())?)
}

fn opened(path: &Path) -> Result<File, DataError> {
    // For its messages about files that are not there.
    open(path)?;
    File::open(path).map_err(|error| DataError::Hdf5 {
        label: path.display().to_string(),
        reason: format!(
            "not a readable HDF5 file: {error}; if it was copied, it may be truncated: copy or write it again"
        ),
    })
}

/// Deeper groups, and more datasets, are not looked for: links may lead in circles.
const DEEP: usize = 16;
const MANY: usize = 10_000;

fn names(file: &File) -> Result<Vec<String>, DataError> {
    let mut names = vec![];
    let mut groups = vec![(String::new(), 0)];
    while let Some((prefix, depth)) = groups.pop() {
        let group = if prefix.is_empty() { file.group("/") } else { file.group(&prefix) };
        // A group that cannot be read has no datasets that can.
        let Ok(group) = group else { continue };
        for member in group.member_names().unwrap_or_default() {
            let name = if prefix.is_empty() { member.clone() } else { format!("{prefix}/{member}") };
            if group.dataset(&member).is_ok() {
                names.push(name);
            } else if depth < DEEP && groups.len() < MANY {
                groups.push((name, depth + 1));
            }
            if names.len() >= MANY {
                return Ok(names);
            }
        }
    }
    names.sort();
    Ok(names)
}
