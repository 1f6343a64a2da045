//! `imnn data`: what is in files, and copying, checking and dividing it.

mod arguments;
mod check;
mod convert;
pub(super) mod inspect;
mod set;
mod split;

pub use arguments::{
    CheckArguments, ConvertArguments, DataArguments, DataCommand, InspectArguments, InvalidChoice, SetArguments,
    SplitArguments,
};

use crate::CliError;

pub(crate) fn data(arguments: &DataArguments) -> Result<String, CliError> {
    match &arguments.command {
        DataCommand::Inspect(arguments) => inspect::inspect(arguments),
        DataCommand::Convert(arguments) => convert::convert(arguments),
        DataCommand::Check(arguments) => check::check(arguments),
        DataCommand::Split(arguments) => split::split(arguments),
    }
}
