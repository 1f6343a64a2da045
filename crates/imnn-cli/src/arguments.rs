//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use imnn::data::ArrayPath;

/// Information maximising neural networks: compress simulations to a few summaries that keep the Fisher information.
///
/// Wherever a path to an array is taken, `file.npz:key` names one array of an archive.
#[derive(Clone, Debug, Parser)]
#[command(name = "imnn", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Fisher information, loss and its gradients from summaries and their derivatives
    Fisher(FisherArguments),
    /// Plot the history of a training run
    Plot(PlotArguments),
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
    /// Full distances in each parameter between below and above, (n_params)
    #[arg(long, value_name = "FILE", requires = "below_above")]
    pub delta_theta: Option<ArrayPath>,
    /// Largest strength of the regularisation
    #[arg(long, value_name = "NUMBER", default_value_t = 10.0)]
    pub lambda: f64,
    /// How close to the identity the covariance should come
    #[arg(long, value_name = "NUMBER", default_value_t = 0.1)]
    pub epsilon: f64,
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
    /// The plot, .png or .svg [default: plot.png beside the history]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// The det F to be reached, drawn as a dashed line
    #[arg(long, value_name = "NUMBER")]
    pub expected: Option<f64>,
    /// A line above the panels
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
