//! Simulations divided into a training and a validation set.

mod choose;
mod write;

use std::path::Path;

use imnn_sim::Key;

use self::choose::chosen;
use imnn_data::ArraySet;
use imnn_data::{DataError, Files, RowOptions};
use imnn_io::Partial;

/// How simulations are divided.
///
/// Rows stay matched: a simulation takes its derivatives along, and rows with derivatives go to both parts in the
/// proportion of all rows. Within a part the rows stay in the order of the files, those with derivatives first.
///
/// ```
/// use imnn_data::{Files, FilesKind, arrays};
/// use imnn_tools::{Share, Split};
/// use ndarray::{ArrayD, IxDyn};
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// arrays::write_npy(path("f.npy"), ArrayD::<f32>::zeros(IxDyn(&[100, 8])).view())?;
/// arrays::write_npy(path("d.npy"), ArrayD::<f32>::zeros(IxDyn(&[40, 8, 2])).view())?;
///
/// let files = Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
/// let parts = Split::new(Share::Fraction(0.2)).write(&files, path("parts"))?;
/// assert_eq!((parts.training.n_s, parts.training.n_d), (80, 32));
/// assert_eq!((parts.validation.n_s, parts.validation.n_d), (20, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Split {
    /// What goes to validation.
    pub validation: Share,
    /// The key with which the rows are drawn; without one the last rows go to validation.
    pub key: Option<Key>,
    /// What is written.
    pub format: SplitFormat,
    /// Whether parts that are there already are replaced.
    pub replace: bool,
    /// How the files are opened.
    pub rows: RowOptions,
}

/// A part of the simulations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// As a fraction, between 0 and 1.
    Fraction(f64),
    /// As a number of simulations.
    Rows(usize),
}

/// What the parts are written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitFormat {
    /// `train/fiducial.npy`, `train/derivative.npy`, and the same in `validation/`.
    #[default]
    Npy,
    /// `train.npz` and `validation.npz` with the arrays `fiducial` and `derivative`.
    Npz,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parts {
    /// To train on.
    pub training: Part,
    /// For validation.
    pub validation: Part,
}

/// A part of the simulations in files.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// Where its simulations are.
    pub fiducial: String,
    /// Where its derivatives are.
    pub derivative: String,
    /// The simulations.
    pub n_s: usize,
    /// Those with derivatives.
    pub n_d: usize,
    /// The rows of the whole, ascending.
    pub rows: Vec<usize>,
}

impl Split {
    /// Rows drawn with the key of seed 0, as `.npy` files.
    pub fn new(validation: Share) -> Self {
        let (key, format, rows) = (Some(Key::new(0)), SplitFormat::Npy, RowOptions::default());
        Self { validation, key, format, replace: false, rows }
    }

    /// Writes both parts into a new folder, which appears whole or not at all.
    ///
    /// # Errors
    /// If the files cannot be read, a part would be left without simulations or derivatives, or the folder is there
    /// already and not to be replaced, or holds anything else.
    pub fn write(&self, files: &Files, folder: impl AsRef<Path>) -> Result<Parts, DataError> {
        let folder = folder.as_ref();
        if self.replace {
            write::only_parts(folder)?;
        }
        let partial = Partial::folder(folder, self.replace)?;
        let set = ArraySet::<f64>::open(files, &self.rows)?;
        let (n_s, n_d) = (set.spec.n_s, set.spec.n_d);
        let (with, without) = self.counts(n_s, n_d)?;
        let [first, second] = self.key.map_or([None, None], |key| key.split().map(Some));
        let with = chosen(n_d, with, first);
        let without = chosen(n_s - n_d, without, second);
        let of = |wanted: bool| {
            let rows = with.iter().chain(&without).enumerate();
            rows.filter(move |(_, goes)| **goes == wanted).map(|(row, _)| row).collect::<Vec<usize>>()
        };
        let mut parts = vec![];
        for (name, rows) in [("train", of(false)), ("validation", of(true))] {
            let n_with = rows.partition_point(|&row| row < n_d);
            write::part(partial.path(), name, &set, (&rows, n_with), self.format)?;
            let (fiducial, derivative) = write::paths(folder, name, self.format);
            let (fiducial, derivative) = (fiducial.to_string(), derivative.to_string());
            parts.push(Part { fiducial, derivative, n_s: rows.len(), n_d: n_with, rows });
        }
        partial.finish()?;
        let [training, validation] =
            <[Part; 2]>::try_from(parts).map_err(|_| DataError::Refused("two parts were written".to_owned()))?;
        Ok(Parts { training, validation })
    }

    /// How many rows with derivatives, and how many without, go to validation.
    fn counts(&self, n_s: usize, n_d: usize) -> Result<(usize, usize), DataError> {
        let refuse = |reason: String| Err(DataError::Refused(reason));
        let n = match self.validation {
            Share::Fraction(share) if share > 0.0 && share < 1.0 => (share * n_s as f64).round() as usize,
            Share::Fraction(share) => {
                return refuse(format!("the share {share} for validation is not between 0 and 1"));
            }
            Share::Rows(n) => n,
        };
        if n < 2 || n_s.saturating_sub(n) < 2 {
            return refuse(format!(
                "{n} of {n_s} simulations for validation: each part needs two simulations at least, for a covariance"
            ));
        }
        // In 128 bits no product of two numbers of rows overflows.
        let with = ((2 * n as u128 * n_d as u128 + n_s as u128) / (2 * n_s as u128)) as usize;
        let with = with.clamp(n.saturating_sub(n_s - n_d), n.min(n_d));
        if with == 0 || with == n_d {
            return refuse(format!(
                "of {n_d} simulations with derivatives {with} would go to validation; each part needs one at least: take another share"
            ));
        }
        Ok((with, n - with))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(share: Share, n_s: usize, n_d: usize) -> Result<(usize, usize), String> {
        Split::new(share).counts(n_s, n_d).map_err(|error| error.to_string())
    }

    #[test]
    fn derivatives_are_shared_in_proportion() {
        assert_eq!(counts(Share::Fraction(0.2), 100, 100), Ok((20, 0)));
        assert_eq!(counts(Share::Fraction(0.2), 100, 50), Ok((10, 10)));
        assert_eq!(counts(Share::Rows(33), 100, 10), Ok((3, 30)));
        assert_eq!(counts(Share::Rows(96), 100, 99), Ok((95, 1)));
    }

    #[test]
    fn parts_that_would_be_empty_are_refused() {
        for (share, n_s, n_d, part) in [
            (Share::Fraction(1.0), 10, 10, "between 0 and 1"),
            (Share::Fraction(f64::NAN), 10, 10, "between 0 and 1"),
            (Share::Fraction(0.01), 10, 10, "0 of 10"),
            (Share::Rows(9), 10, 10, "two simulations at least"),
            (Share::Rows(11), 10, 10, "11 of 10"),
            (Share::Rows(2), 10, 1, "0 would go to validation"),
        ] {
            assert!(counts(share, n_s, n_d).unwrap_err().contains(part), "{share:?}");
        }
    }
}
