//! What can be wrong with simulations, and what to do about it.

use std::path::{Path, PathBuf};

use imnn_hdf5::Hdf5Error;
use imnn_io::FileError;
use imnn_io::npy::NpyError;
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
    /// The path is that of a folder.
    #[error("{}: is a folder; give the path of a .npy file, or of one array of an archive as file.npz:key", path.display())]
    Folder {
        /// The path that was asked for.
        path: PathBuf,
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
        "{label}{index:?}: {value:e} is beyond the range of {precision}; use precision = \"f64\" or scale the data"
    )]
    Overflow {
        /// The array: its file and key.
        label: String,
        /// Where the first such value is.
        index: Vec<usize>,
        /// The value in the file.
        value: f64,
        /// The precision asked for.
        precision: &'static str,
    },
    /// A `.npz` file cannot be read as a zip archive.
    #[error("{}: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive has no array of that name.
    #[error("{}: has no array `{key}`; {}", path.display(), keys(there))]
    MissingKey {
        /// The archive.
        path: PathBuf,
        /// The name asked for.
        key: String,
        /// The names it has.
        there: Vec<String>,
    },
    /// The archive does not hold exactly one array, and none was named.
    #[error("{}: name one array of the archive as {}:key; {}", path.display(), path.display(), keys(there))]
    KeyNeeded {
        /// The archive.
        path: PathBuf,
        /// The names it has.
        there: Vec<String>,
    },
    /// A key was given for a file that is not an archive.
    #[error("{}: holds one array, so `:{key}` names nothing; leave it out", path.display())]
    KeyOfOneArray {
        /// The `.npy` file.
        path: PathBuf,
        /// The key that was given.
        key: String,
    },
    /// The file is no longer what it was when it was opened.
    #[error("{label}: changed while it was being read; do not modify it during a run")]
    Changed {
        /// The array: its file and key.
        label: String,
    },
    /// Files of one pattern hold elements of different types.
    #[error(
        "{label} has elements of type {found}, expected {expected} as {first} has; the files of a pattern have to be alike"
    )]
    OtherDtype {
        /// The file at fault.
        label: String,
        /// Its type.
        found: String,
        /// The file it is compared with.
        first: String,
        /// The type of that.
        expected: String,
    },
    /// Simulations and those below and above do not belong together, by their number or their random seeds.
    #[error("{reason}")]
    Unmatched {
        /// What is where and where not, and what to do.
        reason: String,
    },
    /// An array that can only be read as a whole does not fit the memory.
    #[error(
        "{label}: is compressed, so it cannot be read a few rows at a time, and in memory it needs {needed} bytes where {allowed} are allowed; save it with np.savez in place of np.savez_compressed, convert it with `imnn data convert`, or allow more memory"
    )]
    Compressed {
        /// The array: its file and key.
        label: String,
        /// The bytes that it takes in memory.
        needed: usize,
        /// The bytes that are allowed.
        allowed: usize,
    },
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
    /// Two descriptions of the parameters disagree on how many there are.
    #[error("{label} has {}, {} has {}", plural(*found, "parameter"), other, plural(*expected, "parameter"))]
    NParams {
        /// The array or vector at fault.
        label: String,
        /// How many parameters it has.
        found: usize,
        /// What it is compared with.
        other: String,
        /// How many parameters that has.
        expected: usize,
    },
    /// A record of a TFRecord file is damaged or not what is needed.
    #[error("{}: the record at byte {offset}: {reason}", file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// Where the record starts, in bytes.
        offset: u64,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A path names no files, or what is in them is not an array that can be read or written.
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
    /// More rows were asked for than there are.
    #[error("{name} = {asked}, but {label} has {}; lower {name} or leave it out", plural(*available, "row"))]
    TooFewRows {
        /// `n_s` or `n_d`.
        name: &'static str,
        /// The array.
        label: String,
        /// The rows asked for.
        asked: usize,
        /// The rows there are.
        available: usize,
    },
    /// A number of simulations is zero.
    #[error("{name} = 0: at least one simulation is needed")]
    NoRows {
        /// `n_s` or `n_d`.
        name: &'static str,
    },
    /// There are more simulations with derivatives than simulations.
    #[error(
        "n_d = {n_d} simulations with derivatives ({derivative}) but only n_s = {n_s} simulations ({fiducial}): row i of the derivatives belongs to row i of the simulations, so n_d <= n_s; set n_d = {n_s} to use the first rows"
    )]
    MoreDerivatives {
        /// The array of derivatives.
        derivative: String,
        /// The array of simulations.
        fiducial: String,
        /// The simulations with derivatives.
        n_d: usize,
        /// The simulations.
        n_s: usize,
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
    /// An augmentation does not fit the shape of the simulations.
    #[error("cannot augment simulations of shape {} by {what}: {advice}", tuple(input_shape))]
    Augmentation {
        /// The shape of one simulation.
        input_shape: Vec<usize>,
        /// `shift`, `flip`, `transpose` or the axes.
        what: String,
        /// What is wrong and what to do.
        advice: &'static str,
    },
    /// What streaming keeps in memory is more than the run may take.
    #[error(
        "streaming keeps {taken} bytes in memory, and [device] memory allows {allowed} in all; lower cache or allow more"
    )]
    Memory {
        /// The bytes that it takes: caches, rows read in advance, compressed arrays.
        taken: u64,
        /// The bytes allowed.
        allowed: u64,
    },
    /// An array cannot be written under that name.
    #[error("{path}: cannot be written: {reason}")]
    Target {
        /// The name.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// What was written is not what is read back.
    #[error("{label}: row {row} could not be verified after writing and was removed; check the disk")]
    ReadBack {
        /// The array that was written.
        label: String,
        /// The row.
        row: usize,
    },
    /// Simulations cannot be divided as asked.
    #[error("{reason}")]
    Split {
        /// What is wrong and what to do.
        reason: String,
    },
    /// The scale of noise is not a positive number.
    #[error("{label}: scale = {value}, expected a positive, finite number")]
    Scale {
        /// The noise.
        label: String,
        /// What was given.
        value: f64,
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
            NpyError::Overflow { index, value, precision } => Self::Overflow { label, index, value, precision },
            source => Self::Npy { label, source },
        }
    }

    /// What is wrong with the archive at `path`.
    pub(crate) fn npz(path: &Path, error: NpzError) -> Self {
        let path = path.to_owned();
        match error {
            NpzError::MissingKey { key, there } => Self::MissingKey { path, key, there },
            NpzError::KeyNeeded { there } => Self::KeyNeeded { path, there },
            other => Self::Archive { path, reason: other.to_string() },
        }
    }

    /// What is wrong with the dataset `label` of the HDF5 file at `path`.
    pub(crate) fn hdf5(path: &Path, label: &str, error: Hdf5Error) -> Self {
        let (path, label) = (path.to_owned(), label.to_owned());
        match error {
            Hdf5Error::Io(source) => Self::read(label, source),
            Hdf5Error::Changed => Self::Changed { label },
            Hdf5Error::MissingKey { key, there } => Self::MissingKey { path, key, there },
            Hdf5Error::KeyNeeded { there } => Self::KeyNeeded { path, there },
            Hdf5Error::Overflow { index, value, precision } => Self::Overflow { label, index, value, precision },
            other => Self::Unusable { label, reason: other.to_string() },
        }
    }
}
