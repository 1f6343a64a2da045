//! What can go wrong in the program, beyond what its libraries report.

use std::fmt;
use std::path::PathBuf;

use imnn::data::DataError;
use imnn::fit::FitError;
use imnn::io::ConfigError;
use imnn::jobs::JobsError;
use imnn::models::ModelError;
use imnn::plot::PlotError;
use imnn::stats::StatsError;

/// Why a command failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// A run file cannot be used.
    #[error(transparent)]
    RunFile(#[from] ConfigError),
    /// Simulations, network and settings of a run file do not fit together, or cannot be trained with.
    #[error("{}: {source}", path.display())]
    Run {
        /// The run file.
        path: PathBuf,
        /// What does not fit.
        source: Box<FitError>,
    },
    /// The weights that a run file gives to start from are of no use.
    #[error("network.initial of {}: {source}", path.display())]
    Initial {
        /// The run file.
        path: PathBuf,
        /// What is wrong with the weights.
        source: ModelError,
    },
    /// A GPU is asked for that cannot be used.
    #[error("{}: kind = \"cuda\" in [device]: {source}; or write kind = \"cpu\"", path.display())]
    Gpu {
        /// The run file.
        path: PathBuf,
        /// Why.
        source: Box<imnn::device::DeviceError>,
    },
    /// The run file cannot be written out as it was resolved.
    #[error("the run file cannot be written out with all its settings: {reason}")]
    Resolved {
        /// What is wrong.
        reason: String,
    },
    /// A folder to be replaced holds more than a run.
    #[error(
        "{}: will not replace this folder, there is \"{entry}\" in it, which `imnn fit` does not write; move that away, or \
         choose another folder",
        path.display()
    )]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        entry: String,
    },
    /// The folder for a run is there already, with something in it.
    #[error("{} exists already and is not empty; choose another name, or replace the run in it (--force)", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] imnn::io::FileError),
    /// Training came to a point from which it cannot go on; what there is was saved.
    #[error(
        "{source}\nsaved in {}: history, plot and weights up to there{}",
        out.display(),
        if *usable { "; estimates use the best weights" } else { ", but no statistics, so that it cannot make estimates" }
    )]
    Stopped {
        /// Why.
        source: Box<FitError>,
        /// The folder.
        out: PathBuf,
        /// Whether there are weights and statistics for estimates.
        usable: bool,
    },
    /// Training came to a point from which it cannot go on, and what there is could not be saved.
    #[error("{source}\nthe partial results could not be saved: {lost}")]
    Lost {
        /// Why.
        source: Box<FitError>,
        /// Why it could not be saved.
        lost: Box<CliError>,
    },
    /// A saved run cannot be written or read.
    #[error(transparent)]
    Fit(Box<FitError>),
    /// The folder of a run and the data were given in the wrong order.
    #[error("the folder of the run comes first, then the data: {} {}", run.display(), data.display())]
    Exchanged {
        /// The folder of the run.
        run: PathBuf,
        /// The data.
        data: PathBuf,
    },
    /// A saved run has no weights with statistics.
    #[error(
        "{}: no such file; give the folder that `imnn fit` wrote (a run that broke off has no statistics to estimate with)",
        path.display()
    )]
    NotTrained {
        /// The file that should be there.
        path: PathBuf,
    },
    /// A saved run is in a precision that is not known.
    #[error("{}: precision is \"{precision}\", expected \"f32\" or \"f64\"", path.display())]
    Precision {
        /// The file that says so.
        path: PathBuf,
        /// What it says.
        precision: String,
    },
    /// Data cannot be compressed.
    #[error("{label}: {source}")]
    Of {
        /// The file, with the key of the array.
        label: String,
        /// What is wrong with the data.
        source: Box<FitError>,
    },
    /// The true parameters are not those of the data.
    #[error(
        "{label} has shape {found:?}, expected [{n}, {n_params}]: a row of {n_params} parameters for each of the {n} data sets of {data}"
    )]
    Truth {
        /// The file, with the key of the array.
        label: String,
        /// Its shape.
        found: Vec<usize>,
        /// The file of the data.
        data: String,
        /// Number of data sets.
        n: usize,
        /// Number of parameters.
        n_params: usize,
    },
    /// A true parameter is not finite.
    #[error("{label}: row {row} has {value}; true parameters are finite")]
    TruthNonFinite {
        /// The file, with the key of the array.
        label: String,
        /// The row.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Derivatives with respect to another number of parameters.
    #[error("{label} has derivatives with respect to {found} parameters (its last axis), the run is about {names}")]
    DerivativeParameters {
        /// The file, with the key of the array.
        label: String,
        /// Number of parameters found.
        found: usize,
        /// The parameters of the run.
        names: String,
    },
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
    /// A set of simulations cannot be trained with.
    #[error("these simulations cannot be used for training: {errors} {}, listed above", if *errors == 1 { "error" } else { "errors" })]
    Unsound {
        /// How many errors there are.
        errors: usize,
    },
    /// Some of the files to look at cannot be used.
    #[error("{files} of the files above cannot be used")]
    Unusable {
        /// How many.
        files: usize,
    },
    /// There are no files of simulations to look at.
    #[error(
        "{}",
        run.as_ref().map_or_else(
            || "no simulations: give a run file, or --fiducial".to_owned(),
            |run| format!("{}: the simulations are made by a simulator, there are no files to look at", run.display()),
        )
    )]
    NoSimulations {
        /// The run file.
        run: Option<PathBuf>,
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
    /// Simulations cannot be made or put together.
    #[error(transparent)]
    Jobs(#[from] JobsError),
    /// Some simulations could not be made.
    #[error(
        "{failed} simulations failed; they are in {}, and are tried again with --retry-failed, or done without with \
         --skip-failed",
        out.join("failures.json").display()
    )]
    SimulationsFailed {
        /// How many.
        failed: usize,
        /// The folder.
        out: PathBuf,
    },
    /// A signal, as of Ctrl-C, ended the programs that made simulations.
    #[error("interrupted: {missing} simulations are missing; the same command goes on with them")]
    Interrupted {
        /// How many are not there.
        missing: usize,
    },
    /// The folder in which programs are to be started is not there.
    #[error("dir: the program cannot be started in {}: {source}", path.display())]
    WorkingFolder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A folder for simulations has a name of a special meaning.
    #[error("{}: {{seed}} stands for a number where simulations are read; choose a folder without it", path.display())]
    SeedInFolder {
        /// The folder.
        path: PathBuf,
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
        fmt::Display::fmt(self, f)
    }
}

impl CliError {
    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
