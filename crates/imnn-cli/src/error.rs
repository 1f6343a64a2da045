//! What can go wrong in the program, beyond what its libraries report.

use std::path::PathBuf;

use imnn::data::DataError;
use imnn::plot::PlotError;
use imnn::stats::StatsError;

use crate::run_file::RunFileError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A run file cannot be used.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// An array cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A plot cannot be made.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// The statistics cannot be computed from the arrays given.
    #[error("{place}: {source}")]
    Stats {
        /// The files the arrays come from.
        place: String,
        /// What is wrong with the arrays.
        source: StatsError,
    },
    /// An array has the wrong number of axes.
    #[error("{label} has shape {found:?}, expected {} axes, {axes}: {advice}", axes.split(", ").count())]
    Axes {
        /// The file, with the key of the array.
        label: String,
        /// The shape found.
        found: Vec<usize>,
        /// The axes expected.
        axes: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Neither derivatives nor simulations below and above were given.
    #[error("no derivatives: give --derivatives, or --below-above with --delta-theta")]
    NoDerivatives,
    /// There is no history where one was expected.
    #[error("{}: no training history; give the folder that `imnn fit` wrote, or its history.npz", path.display())]
    NoHistory {
        /// Where it should be.
        path: PathBuf,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {source}")]
    Output {
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl CliError {
    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
