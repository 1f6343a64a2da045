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

use imnn::io::text::bytes;

pub use arguments::{
    Arguments, Command, EstimateArguments, FisherArguments, FitArguments, InitArguments, Numbers, PlotArguments,
    ReportArguments, SummariseArguments,
};
pub use commands::data::{
    CheckArguments, ConvertArguments, DataArguments, DataCommand, InspectArguments, SetArguments, SplitArguments,
};
pub use commands::simulate::SimulateArguments;
pub use error::CliError;
pub use output::say;

/// Refuses a limit of the address space (`ulimit -v`) in which OpenBLAS, which reserves memory for each of its threads, would ask for it for
/// ever.
fn check_address_space(limit: Option<u64>) -> Result<(), CliError> {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get()) as u64;
    // Measured with 2 threads: 400 MB are too few, 500 MB are enough.
    let needed = (300 + 100 * threads) * 1_000_000;
    match limit.filter(|&limit| limit < needed) {
        None => Ok(()),
        Some(limit) => Err(CliError::Refused(format!(
            "the address space is limited to {} (ulimit -v); with {threads} threads {} are needed: raise the limit, or limit the memory by \
             a control group (systemd-run --scope -p MemoryMax=4G), which counts what is used and not what is reserved",
            bytes(limit),
            bytes(needed)
        ))),
    }
}

/// Runs one command, printing to standard output.
///
/// # Errors
/// Whatever is wrong with the files named or their contents, or standard output that cannot be written.
pub fn run(arguments: Arguments) -> Result<(), CliError> {
    check_address_space(imnn::io::limits::address_space())?;
    output::print(&commands::run(&arguments.command)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_space_in_which_nothing_goes_on_is_refused() {
        check_address_space(None).unwrap();
        check_address_space(Some(1 << 40)).unwrap();
        let message = check_address_space(Some(300_000_000)).unwrap_err().to_string();
        assert!(message.contains("(ulimit -v)") && message.contains("MemoryMax"), "{message}");
    }
}
