//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use imnn::data::ArrayPath;

use crate::commands::data::{DataArguments, InvalidChoice};
use crate::commands::simulate::SimulateArguments;
use crate::help;

/// Information maximising neural networks: compress simulations to a few summaries that keep the Fisher information.
///
/// A network is trained at one fiducial point, on simulations there and on how they change with each parameter; it then
/// turns any data into quasi-maximum-likelihood estimates of the parameters, with their errors.
///
/// Wherever a path to an array is taken, here and in run files, `file.npz:key` names one array of an archive.
#[derive(Clone, Debug, Parser)]
#[command(name = "imnn", version, after_help = help::SESSION)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Write a run file for the arrays that there are, with what was chosen for them and why
    ///
    /// Looks at files and folders for simulations at the fiducial, below and above it, by their names and shapes, and at the
    /// simulations for symmetries. What only their owner knows is asked for (--theta-fid, --delta-theta), or left to be filled
    /// in. With --simulator, for those who have a program instead of arrays, it writes the file for `imnn simulate`.
    Init(InitArguments),
    /// Train the network that a run file describes, and save the run in a folder
    ///
    /// In the folder are then `run.toml` (everything written out, to be run again), `model.toml`, the weights
    /// (`weights.safetensors`: those that estimates use; `best` and `final`; the optimiser's state), `history.npz`,
    /// `statistics.npz` (F invF C invC mu dmu_dtheta), `information.npz` (F without biases, with errors), `manifest.json`
    /// (checksums), `plot.png` and `report.json` (what `--json` prints).
    ///
    /// Files of simulations are looked at before training: what cannot be trained on is refused, what is doubtful stands with
    /// the result (`check = "off"` in `[simulations]` takes them as they are).
    ///
    /// While it trains, a checkpoint is made every 10 minutes (`[checkpoints]` in the run file). After whatever has ended the
    /// program, the same command goes on from the last one, to the same bits; so does `imnn fit --resume DIR`.
    ///
    /// Ctrl-C ends training after the current iteration, saves what there is, and keeps a checkpoint; a second one stops at
    /// once. SIGTERM and SIGHUP make a checkpoint and end the program, SIGUSR1 makes one. If training comes to a point from
    /// which it cannot go on, what there is is saved as well, and the program ends with an error.
    #[command(after_long_help = help::run_file())]
    Fit(FitArguments),
    /// Estimate the parameters of data with a trained network
    ///
    /// Prints, for every data set, the quasi-maximum-likelihood estimates
    ///     theta_fid + F^-1 dmu^T C^-1 (x - mu)
    /// with their one-sigma errors, sqrt diag F^-1. They are good near the fiducial at which the network was trained.
    #[command(verbatim_doc_comment)]
    Estimate(EstimateArguments),
    /// Compress data to summaries with a trained network
    ///
    /// Takes one data set `(*input)`, many `(n, *input)`, or an array with any axes in front, as the simulations below and
    /// above the fiducial, `(n_d, 2, n_params, *input)`: the summaries are `(..., n_summaries)`. An axis of one channel at
    /// the end of the input may be missing.
    #[command(after_long_help = help::SUMMARISE)]
    Summarise(SummariseArguments),
    /// Fisher information, loss and its gradients from summaries and their derivatives
    ///
    /// The summaries may come from anywhere. With --json: F invF C invC mu dmu_dtheta lambda2 r alpha loss lndetF detF
    /// detC detinvC errors, in full precision.
    Fisher(FisherArguments),
    /// Plot the history of a training run
    ///
    /// Three panels: det F on training and validation simulations; det C and det C^-1; lambda2, the distance of the
    /// covariance from the identity, with r, the strength of the regularisation.
    Plot(PlotArguments),
    /// Run a simulator that is a program of its own, for every seed below, at and above the fiducial
    ///
    /// Several run at a time, each writes one .npy file, which is checked. The folder is then one that `imnn fit` takes:
    /// fiducial/SEED.npy, NAME_m/SEED.npy and NAME_p/SEED.npy for each parameter, and run.toml. With `block = 1000` in the
    /// file, 1000 seeds are in one, FIRST-LAST.npy.
    ///
    /// What is done is not done again: after an interruption, or with a larger n_s or n_d, the same command goes on. What
    /// failed is recorded in failures.json and tried again only with --retry-failed.
    #[command(after_long_help = help::SIMULATE)]
    Simulate(SimulateArguments),
    /// Look at, copy, check and divide files of simulations
    Data(DataArguments),
    /// List what networks can run on: the processor, and NVIDIA GPUs with what they need
    ///
    /// Says what is missing for GPUs and how to get it.
    Devices,
    /// Write what a training run found, and what that is worth, as one HTML page
    ///
    /// Tables, cautions, the plot of the history, the run file and versions, in one file that needs nothing else.
    Report(ReportArguments),
    /// Print completions for a shell, to be put where it looks for them
    ///
    /// For instance: imnn completions bash > ~/.local/share/bash-completion/completions/imnn
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages, imnn.1 and one for each command, into a folder
    ///
    /// For instance: imnn man ~/.local/share/man/man1
    Man {
        /// The folder; it is made where it is not there.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// Arguments of `imnn report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArguments {
    /// The folder that `imnn fit` wrote
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// The page [default: report.html in the folder of the run, which is written anew]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `imnn init`.
#[derive(Args, Clone, Debug)]
pub struct InitArguments {
    /// Arrays, archives, patterns such as fiducial/{seed}.npy, or folders
    #[arg(value_name = "FILE", default_value = ".", conflicts_with = "simulator")]
    pub files: Vec<ArrayPath>,
    /// The file to write [default: run.toml, or sims.toml with --simulator]
    #[arg(long, value_name = "FILE.toml")]
    pub out: Option<PathBuf>,
    /// The parameters at the fiducial, with commas between them
    #[arg(long, value_name = "NUMBERS", value_parser = numbers, allow_hyphen_values = true)]
    pub theta_fid: Option<Numbers>,
    /// theta_above - theta_below, the full widths, with commas between them
    #[arg(long, value_name = "NUMBERS", value_parser = numbers)]
    pub delta_theta: Option<Numbers>,
    /// The names of the parameters, with commas between them
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub parameters: Vec<String>,
    /// Which of several sets, from 1; `imnn data inspect` lists them
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub set: usize,
    /// The command of a simulator: it takes a seed and parameters and writes one .npy file
    #[arg(long, value_name = "COMMAND", requires_all = ["theta_fid", "delta_theta"])]
    pub simulator: Option<String>,
    /// Replace a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// Numbers with commas between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers(pub Vec<f64>);

fn numbers(text: &str) -> Result<Numbers, String> {
    let number = |text: &str| match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is no number; write numbers with commas between them, as 0.3,0.8")),
    };
    text.split(',').map(number).collect::<Result<_, _>>().map(Numbers)
}

/// Arguments of `imnn fit`.
#[derive(Args, Clone, Debug)]
pub struct FitArguments {
    /// The run file, TOML; paths in it are taken from the folder it is in
    #[arg(value_name = "RUN.toml", required_unless_present = "resume")]
    pub run: Option<PathBuf>,
    /// The folder for the results; it must not be there yet, be empty, or hold this run, interrupted: that goes on
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    pub out: Option<PathBuf>,
    /// Go on with the run in this folder that was interrupted, as its own run file says
    #[arg(long, value_name = "DIR", conflicts_with_all = ["run", "out", "force"])]
    pub resume: Option<PathBuf>,
    /// Replace the run that is in the folder already, or forget another that was interrupted; a folder with anything else in it is
    /// never touched
    #[arg(long)]
    pub force: bool,
    /// The det F to be reached, from theory for instance: a dashed line in the plot, a line in the table
    #[arg(long, value_name = "DET_F", value_parser = positive)]
    pub expected: Option<f64>,
    /// Train a second network from other weights, and say how much information is missing at least: what both together have more
    #[arg(long)]
    pub gap: bool,
    /// Move the fiducial to the estimate from these data, train again there, and so on until it moves by less than a fifth of its
    /// error; the folder then has a run for each round. For simulators that `imnn fit` runs itself
    #[arg(long, value_name = "DATA.npy", conflicts_with = "resume")]
    pub refine: Option<ArrayPath>,
    /// Of several processes (mpirun): end if another one is waited for longer than this, and ten times the longest wait so far; 0 for
    /// never [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub rank_timeout: Option<u64>,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
    /// Print JSON for machines in place of tables, and show no progress
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn estimate`.
#[derive(Args, Clone, Debug)]
pub struct EstimateArguments {
    /// The folder that `imnn fit` wrote
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// The data, (*input) or (n, *input); an axis of one channel at the end may be missing
    #[arg(value_name = "DATA.npy")]
    pub data: ArrayPath,
    /// The given summaries of the data, (n_given) or (n, n_given), where the network was trained beside such from files
    #[arg(long, value_name = "FILE")]
    pub given: Option<ArrayPath>,
    /// The true parameters, (n, n_params), to compare with: adds the truth and the pull, (estimate - truth) / error
    #[arg(long, value_name = "FILE")]
    pub truth: Option<ArrayPath>,
    /// Write estimates, errors, covariance, summaries and theta_fid (with --truth: truth and pulls) to this .npz file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file of --out; never one that is read, or belongs to a saved run
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Print JSON for machines in place of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn summarise`.
#[derive(Args, Clone, Debug)]
pub struct SummariseArguments {
    /// The folder that `imnn fit` wrote
    #[arg(value_name = "DIR")]
    pub run: PathBuf,
    /// The data, (*input), (n, *input) or (..., *input)
    #[arg(value_name = "DATA.npy")]
    pub data: ArrayPath,
    /// The given summaries of the data, (n_given) or (n, n_given), where the network was trained beside such from files
    #[arg(long, value_name = "FILE")]
    pub given: Option<ArrayPath>,
    /// Derivatives of the first n_d of the data, (n_d, *input, n_params), for those of the summaries
    #[arg(long, value_name = "FILE")]
    pub derivative: Option<ArrayPath>,
    /// Write the summaries x (with --derivative: and their derivatives dx) to this .npz file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file of --out; never one that is read, or belongs to a saved run
    #[arg(long, requires = "out")]
    pub force: bool,
    /// Print JSON for machines in place of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn fisher`.
#[derive(Args, Clone, Debug)]
pub struct FisherArguments {
    /// Summaries at the fiducial parameters, (n_s, n_summaries)
    #[arg(long, value_name = "FILE")]
    pub summaries: ArrayPath,
    /// Their derivatives, (n_d, n_summaries, n_params)
    #[arg(long, value_name = "FILE", required_unless_present = "below_above", conflicts_with = "below_above")]
    pub derivatives: Option<ArrayPath>,
    /// In place of derivatives: summaries below (0) and above (1) the fiducial, (n_d, 2, n_params, n_summaries)
    #[arg(long, value_name = "FILE", requires = "delta_theta")]
    pub below_above: Option<ArrayPath>,
    /// theta_above - theta_below for each parameter, the full width: numbers separated by commas, or a file (n_params)
    #[arg(long, value_name = "WIDTHS|FILE", requires = "below_above", allow_hyphen_values = true)]
    pub delta_theta: Option<String>,
    /// Summaries that are there already, (n_s, n_given), of the same simulations: what --summaries add to them
    #[arg(long, value_name = "FILE", requires = "given_derivatives")]
    pub given: Option<ArrayPath>,
    /// Their derivatives, (n_d, n_given, n_params); where --delta-theta is given, those below and above, (n_d, 2, n_params, n_given)
    #[arg(long, value_name = "FILE", requires = "given")]
    pub given_derivatives: Option<ArrayPath>,
    /// Largest strength of the regularisation
    #[arg(long, value_name = "NUMBER", default_value_t = 10.0)]
    pub lambda: f64,
    /// How close to the identity the covariance should come
    #[arg(long, value_name = "NUMBER", default_value_t = 0.1)]
    pub epsilon: f64,
    /// What becomes of simulations with summaries that are not finite
    #[arg(long, value_enum, default_value = "refuse")]
    pub invalid: InvalidChoice,
    /// Write the gradients dloss_dx and dloss_ddx (or dloss_dx_mp) to this .npz file
    #[arg(long, value_name = "FILE")]
    pub gradients: Option<PathBuf>,
    /// Print JSON for machines in place of tables
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn plot`.
#[derive(Args, Clone, Debug)]
pub struct PlotArguments {
    /// Folder of a training run, or its history.npz
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The plot, .png, .svg or .pdf [default: plot.png beside the history, which is drawn anew in a saved run]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a plot that is there already
    #[arg(long)]
    pub force: bool,
    /// The det F to be reached, drawn as a dashed line
    #[arg(long, value_name = "DET_F")]
    pub expected: Option<f64>,
    /// A line above the panels [default: the names of the run and its parameters]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

/// A number that det F can be.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("a determinant of a Fisher matrix is a positive number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_simulations_of_the_help_can_be_made() {
        let text = help::SIMULATE.split_once("\n\n").unwrap().1;
        let file = crate::run_file::SimulateFile::parse(text, "sims.toml");
        let design = file.unwrap_or_else(|error| panic!("{error}\n{text}")).design;
        assert_eq!(design.vectors()[4].theta, [0.4, 0.765]);
    }

    #[test]
    fn the_run_file_of_the_help_is_one() {
        let text = help::run_file();
        let text = text.split_once("\n\n").unwrap().1;
        assert!(text.contains("#   \"mean_variance\": n_data"), "{text}");
        let run = crate::run_file::RunFile::parse(text, "run.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(run.parameters, ["Omega_c", "sigma_8"]);
        imnn::models::Model::new(run.network.layers.unwrap(), &run.simulations.input_shape.unwrap()).unwrap();
    }
}
