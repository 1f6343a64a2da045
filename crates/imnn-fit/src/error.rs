//! What can go wrong while training and with saved runs.

use imnn_data::DataError;
use imnn_device::DeviceError;
use imnn_io::text::bytes;
use imnn_models::ModelError;
use imnn_stats::StatsError;
use std::fmt;
use std::path::{Path, PathBuf};

/// An error of this crate. `Debug` shows the message as `Display` does, so that it is also seen where `main` returns the
/// error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The statistics of the summaries.
    #[error(transparent)]
    Stats(#[from] StatsError),

    /// The device, or the network or data on it.
    #[error(transparent)]
    Device(#[from] DeviceError),

    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),

    /// The network, its parameters or the optimiser.
    #[error(transparent)]
    Model(#[from] ModelError),

    /// Something that the builder needs was not given.
    #[error("{what} is missing: call `{method}` on the builder")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The builder's method that gives it.
        method: &'static str,
    },

    /// A setting is out of its range.
    #[error("{setting} is {value}, it must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: String,
        /// The values allowed.
        range: String,
    },

    /// The network does not end in as many numbers as there are to be summaries.
    #[error(
        "the network ends in {found:?}, that is {}, and n_summaries is {expected} (the number of parameters is {n_params}); \
         {}, or set n_summaries",
        count(found),
        ending(found, *expected)
    )]
    Summaries {
        /// Shape of the network's output.
        found: Vec<usize>,
        /// Number of summaries wanted.
        expected: usize,
        /// Number of physical parameters.
        n_params: usize,
    },

    /// Training and validation, or data and fiducial, disagree.
    #[error("{what}: {found} where {expected} was expected")]
    Disagree {
        /// What disagrees.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },

    /// There are too few simulations for the covariance of the summaries.
    #[error(
        "the {set} set has n_s = {n_s} simulations; the covariance of {n_summaries} summaries needs at least {} to have an \
         inverse, and many more to be known well (n_s = 1000 is usual)",
        n_summaries + 1
    )]
    TooFewSimulations {
        /// `training` or `validation`.
        set: &'static str,
        /// Number of simulations.
        n_s: usize,
        /// Number of summaries.
        n_summaries: usize,
    },

    /// There is not enough memory.
    #[error(
        "training takes at least {} for {n_weights} weights (most of them in {largest}) and {n_s} simulations, and {} are left to this \
         process; make the network or n_s smaller, or take a larger machine",
        bytes(*needed), bytes(*left)
    )]
    Memory {
        /// Bytes needed at least.
        needed: u64,
        /// Bytes left.
        left: u64,
        /// Weights of the network.
        n_weights: usize,
        /// The array with the most of them.
        largest: String,
        /// Simulations of an iteration.
        n_s: usize,
    },

    /// Training cannot go on. The history and the best weights up to there are kept.
    #[error("training stopped at iteration {iteration}: {source}")]
    Stopped {
        /// The iteration, over all calls of fit.
        iteration: usize,
        /// What happened.
        source: Box<FitError>,
    },

    /// Training was asked to stop at once. It can go on from the checkpoint.
    #[error(
        "training was stopped after {iteration} iterations, {}",
        lost.as_ref().map_or("as the checkpoint has it".to_owned(), |error| format!("and no checkpoint could be made: {error}"))
    )]
    Suspended {
        /// Iterations done, over all calls of fit.
        iteration: usize,
        /// Why no checkpoint could be made, if none could.
        lost: Option<Box<FitError>>,
    },

    /// The device could not work out a loss that the host can just work out.
    #[error(
        "the covariance of the summaries or their Fisher matrix is numerically singular (the device could not factorise it, the \
         host could); lower the learning rate, or give the network fewer summaries"
    )]
    NearlySingular,

    /// Estimates were asked for before there are statistics.
    #[error("there are no Fisher statistics yet: call `fit` or `set_statistics` first")]
    NoStatistics,

    /// Best weights were asked for and no iteration was good enough to have any.
    #[error("there are no best weights: no iteration had a det F above 0; use the final weights")]
    NoBestWeights,

    /// The folder for a run is there already, with something in it.
    #[error("{} exists already and is not empty; choose another name, or replace the run in it", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },

    /// A run that had been finished and could not be put in its place is there now.
    #[error("the run that had been finished in {} is in its place now", path.display())]
    Placed {
        /// The folder.
        path: PathBuf,
    },

    /// A run was saved beside the folder that was asked for, which is occupied.
    #[error(
        "{} exists already and is not empty, so the run was saved in {}; `save_replacing` replaces a run",
        path.display(), saved.display()
    )]
    SavedElsewhere {
        /// The folder that was asked for.
        path: PathBuf,
        /// Where the run is.
        saved: PathBuf,
    },

    /// A run could not be saved.
    #[error("{source}. The trained network is still in memory: save it in another place")]
    NotSaved {
        /// Why not.
        source: Box<FitError>,
    },

    /// A folder that is to be replaced holds something that no run has.
    #[error("{}: there is {entry:?} in this folder, which is not part of a saved run; choose another, or move it away", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        entry: String,
    },

    /// A file or folder cannot be written.
    #[error(transparent)]
    Write(#[from] imnn_io::FileError),

    /// A file of a saved run is not what it was.
    #[error(transparent)]
    Manifest(#[from] imnn_io::manifest::ManifestError),

    /// A saved run cannot be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong, and what to do.
        message: String,
    },
}

impl FitError {
    /// Whether the simulator cannot simulate at the parameters that it was asked for.
    pub fn refuses_parameters(&self) -> bool {
        match self {
            FitError::Data(DataError::Simulator { .. })
            | FitError::Device(DeviceError::Data(DataError::Simulator { .. })) => true,
            FitError::Stopped { source, .. } => source.refuses_parameters(),
            _ => false,
        }
    }

    /// Whether it is the numbers of training themselves that it could not go on with.
    pub(crate) fn is_numerical(&self) -> bool {
        match self {
            FitError::Stats(_) | FitError::NearlySingular | FitError::Device(DeviceError::NonFinite { .. }) => true,
            FitError::Stopped { source, .. } => source.is_numerical(),
            _ => false,
        }
    }
}

impl fmt::Debug for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A file or folder that cannot be written or read.
pub(crate) fn refuse(path: &Path, message: impl Into<String>) -> FitError {
    FitError::File { path: path.to_owned(), message: message.into() }
}

fn count(shape: &[usize]) -> String {
    match shape.iter().product::<usize>() {
        1 => "1 summary".into(),
        n => format!("{n} summaries"),
    }
}

/// How a network that ends in this shape can end in so many summaries.
fn ending(shape: &[usize], n_summaries: usize) -> String {
    let before = if shape.len() > 1 { "flatten or global_avg_pool and then " } else { "" };
    format!("end the network with {before}dense({n_summaries})")
}

/// The result type of this crate.
pub type Result<T, E = FitError> = std::result::Result<T, E>;
