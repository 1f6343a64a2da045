//! The commands, each from its arguments to the text it prints.

pub(crate) mod data;
mod devices;
mod estimate;
mod fisher;
mod fit;
mod plot;
mod saved;
mod simulate;
mod summarise;
mod target;

use crate::{CliError, Command};

pub(crate) fn run(command: &Command) -> Result<String, CliError> {
    match command {
        Command::Fit(arguments) => fit::fit(arguments),
        Command::Estimate(arguments) => estimate::estimate(arguments),
        Command::Summarise(arguments) => summarise::summarise(arguments),
        Command::Fisher(arguments) => fisher::fisher(arguments),
        Command::Plot(arguments) => plot::plot(arguments),
        Command::Simulate(arguments) => simulate::simulate(arguments),
        Command::Data(arguments) => data::data(arguments),
        Command::Devices => Ok(devices::devices()),
    }
}
