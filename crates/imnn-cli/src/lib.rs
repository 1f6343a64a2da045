//! The program `imnn`: its commands, its run files and what it prints.
//!
//! The program itself is only [`run`] on the parsed [`Arguments`]. [`run_file`] reads the TOML file that describes a
//! training run, for programs that want to take the same files.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod commands;
mod error;
mod help;
mod output;
pub mod run_file;

pub use arguments::{
    Arguments, Command, EstimateArguments, FisherArguments, FitArguments, PlotArguments, SimulateArguments,
    SummariseArguments, WidthsArgument,
};
pub use commands::data::{
    CheckArguments, ConvertArguments, DataArguments, DataCommand, InspectArguments, SetArguments, SplitArguments,
};
pub use error::CliError;

/// Runs one command, printing to standard output.
///
/// # Errors
/// Whatever is wrong with the files named or their contents, or standard output that cannot be written.
pub fn run(arguments: Arguments) -> Result<(), CliError> {
    let text = match arguments.command {
        Command::Fit(arguments) => commands::fit(&arguments)?,
        Command::Estimate(arguments) => commands::estimate(&arguments)?,
        Command::Summarise(arguments) => commands::summarise(&arguments)?,
        Command::Fisher(arguments) => commands::fisher(&arguments)?,
        Command::Plot(arguments) => commands::plot(&arguments)?,
        Command::Simulate(arguments) => commands::simulate(&arguments)?,
        Command::Data(arguments) => commands::data(&arguments)?,
        Command::Devices => commands::devices(),
    };
    output::print(&text)
}
