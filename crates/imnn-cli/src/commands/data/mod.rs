//! `imnn data`: what is in files, and copying, checking and dividing it.

mod arguments;
mod check;
mod convert;
mod inspect;
mod set;
mod split;

pub use arguments::{
    CheckArguments, ConvertArguments, DataArguments, DataCommand, InspectArguments, SetArguments, SplitArguments,
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

/// A shape as Python writes it.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    match power {
        0 => format!("{bytes} B"),
        _ => format!("{:.1} {}", bytes as f64 / 1024f64.powi(power as i32), UNITS[power as usize]),
    }
}
