//! What can be wrong with simulations, and what to do about it.

use std::path::{Path, PathBuf};

use imnn_hdf5::Hdf5Error;
use imnn_io::FileError;
use imnn_io::npy::{NpyError, Overflow};
use imnn_io::npz::NpzError;
use imnn_io::text::{keys, one_per, plural, saturating_product, tuple};
use imnn_sim::SimError;

/// Why simulations could not be read, checked or made.
///
/// Messages name the array (its file and key where it has one), what was found, what was expected and what to do. `{:?}`
/// prints the message too, so that it is read where `main` returns the error. Reasons that are texts are for people only.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no file at the path.
    #[error("{}: no such file{hint}", path.display())]
    Missing {
        /// The path that was asked for.
        path: PathBuf,
        /// What else is there, starting with a separator; empty when nothing is.
        hint: String,
    },
    /// The bytes are not those of a `.npy` file that can be read.
    #[error("{label}: {source}")]
    Npy {
        /// The array: its file and key.
        label: String,
        /// What is wrong with the bytes, and what to do.
        source: NpyError,
    },
    /// The operating system refused to read or write, or what is there is not to be replaced.
    #[error(transparent)]
    File(#[from] FileError),
    /// A finite value of the file is beyond the range of the precision it is read in.
    #[error(
        "{label}{:?}: {:e} is beyond the range of {}; use precision = \"f64\" or scale the data",
        source.index, source.value, source.precision
    )]
    Overflow {
        /// The array: its file and key.
        label: String,
        /// The value, and where it is.
        source: Overflow,
    },
    /// The file is no longer what it was when it was opened.
    #[error("{label}: changed while it was being read; do not modify it during a run")]
    Changed {
        /// The array: its file and key.
        label: String,
    },
    /// Simulations do not belong together, by their numbers or their random seeds, or cannot be used as asked.
    #[error("{0}")]
    Refused(String),
    /// An array has the wrong rank or shape.
    #[error("{label} has shape {}, expected {expected}: {advice}", tuple(found))]
    Shape {
        /// The array: its file and key, or its role.
        label: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits, with its meaning.
        expected: String,
        /// What to do.
        advice: String,
    },
    /// A path names no file or array, or what is there is damaged or not an array that can be read or written.
    #[error("{label}: {reason}")]
    Unusable {
        /// The files as they were given: a pattern, or a file with the key of the array.
        label: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A value is not finite: in a file, as the simulator made it, or after a transform.
    #[error("{what} is {value}: {} not finite{note}", one_per(*count, *len))]
    NotFinite {
        /// The first such value: its array, row and index.
        what: String,
        /// The value.
        value: f64,
        /// How many there are.
        count: usize,
        /// How many values were looked at.
        len: usize,
        /// In which rows or precision, and what to do; may be empty.
        note: String,
    },
    /// A simulator refuses its settings, or the steps to the simulations below and above are not positive, are incomplete, or
    /// contradict each other.
    #[error(transparent)]
    Parameters(#[from] SimError),
    /// A number of simulations is zero.
    #[error("{name} = 0: at least one simulation is needed")]
    NoRows {
        /// `n_s` or `n_d`.
        name: &'static str,
    },
    /// An input shape of another size was asked for.
    #[error("{label}: simulations of shape {} ({}) cannot be viewed as {} ({})", tuple(found), plural(found.iter().product(), "value"), tuple(asked), plural(saturating_product(asked), "value"))]
    Reshape {
        /// The array of simulations.
        label: String,
        /// The input shape there is.
        found: Vec<usize>,
        /// The input shape asked for.
        asked: Vec<usize>,
    },
    /// Rows were asked for that do not exist or of which only some have derivatives.
    #[error(
        "cannot read rows {start}..{end} at once of n_s = {n_s} simulations of which the first n_d = {n_d} have derivatives: {reason}"
    )]
    Rows {
        /// The first row.
        start: usize,
        /// One past the last row.
        end: usize,
        /// The simulations there are.
        n_s: usize,
        /// The simulations with derivatives.
        n_d: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// The simulator refuses the parameter values.
    #[error("the simulator cannot simulate at theta = {theta:?}: {source}")]
    Simulator {
        /// The parameter values.
        theta: Vec<f64>,
        /// What the simulator says.
        source: SimError,
    },
    /// An array cannot be written under that name.
    #[error("{path}: cannot be written: {reason}")]
    Target {
        /// The name.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A source or transform of the user's own failed.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl std::fmt::Debug for DataError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl DataError {
    /// Wraps an error of a source or transform of the user's own.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// An array cannot be written as `path`.
    pub fn target(path: impl ToString, reason: impl Into<String>) -> Self {
        Self::Target { path: path.to_string(), reason: reason.into() }
    }

    /// What `label` names cannot be used.
    pub fn unusable(label: impl ToString, reason: impl Into<String>) -> Self {
        Self::Unusable { label: label.to_string(), reason: reason.into() }
    }

    /// The array `label` has another shape than `expected`.
    pub(crate) fn shape(
        label: impl ToString,
        found: &[usize],
        expected: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let (label, found) = (label.to_string(), found.to_vec());
        Self::Shape { label, found, expected: expected.into(), advice: advice.into() }
    }

    /// The array or vector `label` has `found` parameters, where `other` has `expected`.
    pub(crate) fn n_params(label: &str, found: usize, other: &str, expected: usize) -> Self {
        let (found, expected) = (plural(found, "parameter"), plural(expected, "parameter"));
        Self::Refused(format!("{label} has {found}, {other} has {expected}"))
    }

    /// Whether the bytes of a file are not those of an array, as of one that was not written to its end.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Npy { .. } | Self::Unusable { .. })
    }

    /// Says how simulations with values that are not finite are left out.
    pub(crate) fn or_drop(mut self) -> Self {
        if let Self::NotFinite { note, .. } = &mut self {
            note.push_str(", or leave the simulation out, with its partners: invalid = \"drop\" in [simulations]");
        }
        self
    }

    /// The operating system refused to do something with `label`.
    pub(crate) fn io(action: &'static str, label: impl ToString, source: std::io::Error) -> Self {
        FileError::of(action, label.to_string())(source).into()
    }

    /// The operating system refused to read `label`.
    pub fn read(label: impl ToString, source: std::io::Error) -> Self {
        Self::io("read", label, source)
    }

    /// What is wrong with the bytes of the array `label`.
    pub(crate) fn npy(label: impl ToString, error: NpyError) -> Self {
        let label = label.to_string();
        match error {
            NpyError::Io(source) => Self::read(label, source),
            NpyError::Overflow(source) => Self::Overflow { label, source },
            source => Self::Npy { label, source },
        }
    }

    /// What is wrong with the archive at `path`.
    pub(crate) fn npz(path: &Path, error: NpzError) -> Self {
        match error {
            NpzError::KeyNeeded { there } => Self::key_needed(path, &there),
            other => Self::unusable(path.display(), other.to_string()),
        }
    }

    /// The file at `path` has the arrays `there`, and none of them was named.
    pub fn key_needed(path: &Path, there: &[String]) -> Self {
        let path = path.display();
        Self::unusable(&path, format!("name one array of the archive as {path}:key; {}", keys(there)))
    }

    /// What is wrong with the dataset `label` of the HDF5 file at `path`.
    pub(crate) fn hdf5(path: &Path, label: &str, error: Hdf5Error) -> Self {
        let label = label.to_owned();
        match error {
            Hdf5Error::Io(source) => Self::read(label, source),
            Hdf5Error::Changed => Self::Changed { label },
            Hdf5Error::MissingKey { key, there } => Self::npz(path, NpzError::MissingKey { key, there }),
            Hdf5Error::KeyNeeded { there } => Self::key_needed(path, &there),
            Hdf5Error::Overflow(source) => Self::Overflow { label, source },
            other => Self::Unusable { label, reason: other.to_string() },
        }
    }
}
