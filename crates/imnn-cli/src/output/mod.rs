//! What the program prints: tables for people, JSON for machines.

mod json;
mod table;

use std::io::Write;

pub(crate) use imnn::stats::table::{Table, matrix, number};
pub(crate) use json::{array, number as json_number};
pub(crate) use table::facts;

use crate::CliError;

/// Prints a text that ends its own lines.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| CliError::Output { source })
}

/// A JSON value as one line.
pub(crate) fn json_line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}
