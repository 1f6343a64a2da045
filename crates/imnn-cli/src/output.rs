//! What the program prints: tables for people, JSON for machines.

use std::io::Write;

use ndarray::{ArrayRef, Axis, Dimension};
use serde_json::{Value, json};

pub(crate) use imnn::stats::table::{Table, folded, item, measured, number};

use crate::CliError;

/// Prints a text that ends its own lines.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| CliError::Output { source })
}

/// Says something on standard error; where that cannot be written, nobody listens.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How many characters there are in a line of the terminal: what COLUMNS says, else what the terminal says; 100 in a file.
pub(crate) fn terminal_width() -> usize {
    let columns = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(columns).filter(|&width| width > 0).unwrap_or(100).max(40)
}

/// A JSON value as one line.
pub(crate) fn json_line(value: &Value) -> String {
    format!("{value}\n")
}

/// An array as nested lists; numbers that are not finite are `null`, as everywhere in JSON.
pub(crate) fn array<D: Dimension>(array: &ArrayRef<f64, D>) -> Value {
    let array = array.view().into_dyn();
    match array.ndim() {
        0 => json!(array.first()),
        _ => array.axis_iter(Axis(0)).map(|part| self::array(&part)).collect(),
    }
}

/// Names with what there is to say about each, both set to the left.
pub(crate) fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{arr0, arr1, arr2};

    use super::*;

    #[test]
    fn facts_are_set_to_the_left() {
        let rows = [("a", "long value".to_owned()), ("name", "b".to_owned())];
        assert_eq!(facts(&rows), "a     long value\nname  b\n");
    }

    #[test]
    fn arrays_are_nested_and_exact() {
        assert_eq!(array(&arr2(&[[1.0, 0.1], [1e300, -2.0]])).to_string(), "[[1.0,0.1],[1e+300,-2.0]]");
        assert_eq!(array(&arr1(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])).to_string(), "[null,null,null]");
        assert_eq!(array(&arr0(0.25)).to_string(), "0.25");
        let value = 0.1 + 0.2;
        assert_eq!(array(&arr0(value)).to_string().parse::<f64>().unwrap(), value);
    }
}
