//! What the program prints: tables for people, JSON for machines.

mod json;

use std::io::Write;

pub(crate) use imnn::stats::table::{Table, matrix, number};
pub(crate) use json::{array, number as json_number};

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

/// Names with what there is to say about each, both set to the left.
pub(crate) fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_set_to_the_left() {
        let rows = [("a", "long value".to_owned()), ("name", "b".to_owned())];
        assert_eq!(facts(&rows), "a     long value\nname  b\n");
    }
}
