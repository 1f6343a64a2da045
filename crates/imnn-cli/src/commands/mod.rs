//! The commands, each from its arguments to the text it prints.

pub(crate) mod data;
mod devices;
mod estimate;
mod fisher;
mod fit;
mod information;
mod init;
pub(crate) mod left_out;
mod manual;
mod plot;
mod report;
mod saved;
pub(crate) mod simulate;
mod summarise;
mod target;

use imnn::ranks::Launch;

use crate::{CliError, Command};

/// Refuses to run `imnn fit`'s neighbours many times at once, each as if it were alone.
fn check_alone(command: &Command, launch: Option<Launch>) -> Result<(), CliError> {
    match (command, launch) {
        (Command::Fit(_) | Command::Devices, _) | (_, None) => Ok(()),
        (Command::Simulate(arguments), Some(_)) if arguments.claim => Ok(()),
        (Command::Simulate(_), Some(Launch { size, variable, .. })) => Err(CliError::Refused(format!(
            "{size} processes were started together ({variable}), and `imnn simulate` would make the same simulations in each; start \
             one, which runs several at once (jobs), or let them share the work (--claim)"
        ))),
        (_, Some(Launch { size, variable, .. })) => Err(CliError::Refused(format!(
            "{size} processes were started together ({variable}), and this command runs in one; start it without mpirun or srun"
        ))),
    }
}

pub(crate) fn run(command: &Command) -> Result<String, CliError> {
    let launch = Launch::of_this_process();
    check_alone(command, launch).inspect_err(|_| launch.iter().for_each(Launch::let_the_first_speak))?;
    match command {
        Command::Init(arguments) => init::init(arguments),
        Command::Fit(arguments) => fit::fit(arguments),
        Command::Estimate(arguments) => estimate::estimate(arguments),
        Command::Summarise(arguments) => summarise::summarise(arguments),
        Command::Fisher(arguments) => fisher::fisher(arguments),
        Command::Plot(arguments) => plot::plot(arguments),
        Command::Simulate(arguments) => simulate::simulate(arguments),
        Command::Data(arguments) => data::data(arguments),
        Command::Devices => Ok(devices::devices()),
        Command::Report(arguments) => report::report(arguments),
        Command::Completions { shell } => Ok(manual::completions(*shell)),
        Command::Man { folder } => manual::pages(folder),
    }
}
