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
    SummariseArguments,
};
pub use commands::data::{
    CheckArguments, ConvertArguments, DataArguments, DataCommand, InspectArguments, SetArguments, SplitArguments,
};
pub use error::CliError;
pub use output::say;

/// Runs one command, printing to standard output.
///
/// # Errors
/// Whatever is wrong with the files named or their contents, or standard output that cannot be written.
pub fn run(arguments: Arguments) -> Result<(), CliError> {
    output::print(&commands::run(&arguments.command)?)
}
