//! What can go wrong in the program, beyond what its libraries report.

use std::error::Error;
use std::fmt::{self, Display};
use std::path::PathBuf;

use imnn::data::DataError;
use imnn::fit::FitError;
use imnn::io::ConfigError;
use imnn::jobs::JobsError;
use imnn::plot::PlotError;
use imnn::ranks::RanksError;

/// Why a command failed. What it checks itself is [`Refused`](Self::Refused), with the message beside the check.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A run file cannot be used.
    #[error(transparent)]
    RunFile(#[from] ConfigError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] imnn::io::FileError),
    /// An array cannot be read or written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A saved run cannot be written or read.
    #[error(transparent)]
    Fit(Box<FitError>),
    /// A plot cannot be made.
    #[error(transparent)]
    Plot(#[from] PlotError),
    /// Simulations cannot be made or put together.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// What a file or an argument gives cannot be used.
    #[error("{place}: {source}")]
    At {
        /// The files or the arguments.
        place: String,
        /// What is wrong with what they give.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A command cannot do what is asked for.
    #[error("{0}")]
    Refused(String),
    /// Training came to a point from which it cannot go on; what there is was saved.
    #[error(
        "{source}\nsaved in {}: history, plot and weights up to there{}{}",
        out.display(),
        if *usable { "; estimates use the best weights" } else { ", but no statistics, so that it cannot make estimates" },
        if *goes_on {
            format!("; when the cause is mended, `imnn fit --resume {}` goes on from the last checkpoint", out.display())
        } else {
            String::new()
        }
    )]
    Stopped {
        /// Why.
        source: Box<FitError>,
        /// The folder.
        out: PathBuf,
        /// Whether there are weights and statistics for estimates.
        usable: bool,
        /// Whether there is a checkpoint that it can go on from.
        goes_on: bool,
    },
    /// Training came to a point from which it cannot go on, and what there is could not be saved.
    #[error("{source}\nthe partial results could not be saved: {lost}")]
    Lost {
        /// Why.
        source: Box<FitError>,
        /// Why it could not be saved.
        lost: Box<CliError>,
    },
    /// A signal has ended the program while it trained.
    #[error("stopped after {iteration} iterations; nothing is lost, `imnn fit --resume {}` goes on", out.display())]
    Suspended {
        /// Iterations done.
        iteration: usize,
        /// The folder with the checkpoint.
        out: PathBuf,
        /// What the program ends with.
        code: Option<u8>,
    },
    /// Other processes that this one was to train with cannot be worked with, or one of them failed.
    #[error(transparent)]
    Ranks(#[from] RanksError),
    /// What went wrong has been said, for all processes by the one that leads.
    #[error("the process that leads says what went wrong")]
    Said {
        /// What the program ends with.
        code: u8,
    },
    /// A run was trained and cannot be put in its place.
    #[error(
        "{source}\nwhat was trained is kept in {}: when that is mended, start the same command again",
        out.display()
    )]
    Unplaced {
        /// Why not.
        source: Box<FitError>,
        /// The folder.
        out: PathBuf,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {source}")]
    Output {
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl From<FitError> for CliError {
    fn from(error: FitError) -> Self {
        Self::Fit(Box::new(error))
    }
}

/// The text of the message, which is what a program prints whose `main` returns it.
impl fmt::Debug for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl CliError {
    /// Adds to an error what it is about.
    pub(crate) fn at<E: Into<Box<dyn Error + Send + Sync>>>(place: impl Display) -> impl FnOnce(E) -> Self {
        move |source| Self::At { place: place.to_string(), source: source.into() }
    }

    /// What the program ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Suspended { code: Some(code), .. } | Self::Said { code } => *code,
            _ => 1,
        }
    }

    /// Whether what went wrong has been said.
    pub fn is_said(&self) -> bool {
        matches!(self, Self::Said { .. })
    }

    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
