//! Statistics as text for people.

use ndarray::{ArrayView2, Axis, Slice};
use std::fmt;
use std::ops::Range;

use crate::fisher::Statistics;
use crate::information::Measured;

/// Rows of cells in aligned columns: the first column is set to the left, the others to the right.
///
/// ```
/// use imnn_stats::table::Table;
///
/// let table = Table::default().row(["", "found", "exact"]).row(["variance", "4.99", "5"]);
/// assert_eq!(table.to_string(), "          found  exact\nvariance   4.99      5\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// The same in blocks of columns, one below the other, where it is wider than `width` characters; each block begins with the
    /// first column, and columns stay together in groups of `group`.
    ///
    /// ```
    /// use imnn_stats::table::Table;
    ///
    /// let table = Table::default().row(["", "a", "+-", "b", "+-"]).row(["0", "1.5", "0.1", "-2.5", "0.2"]);
    /// assert_eq!(table.in_blocks(2, 16), "     a   +-\n0  1.5  0.1\n\n      b   +-\n0  -2.5  0.2\n");
    /// ```
    pub fn in_blocks(&self, group: usize, width: usize) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let of = |columns: Range<usize>| {
            let cells = |row: &Vec<String>| {
                let rest = row.iter().take(columns.end).skip(columns.start);
                row.iter().take(1).chain(rest).cloned().collect::<Vec<_>>()
            };
            let rows = self.rows.iter().map(cells).collect();
            Table { rows }.to_string()
        };
        let fits = |text: &str| text.lines().all(|line| line.chars().count() <= width);
        let (mut blocks, mut start) = (vec![], 1);
        while start < n_columns {
            let mut end = n_columns.min(start + group.max(1));
            while end < n_columns && fits(&of(start..n_columns.min(end + group.max(1)))) {
                end = n_columns.min(end + group.max(1));
            }
            blocks.push(of(start..end));
            start = end;
        }
        if blocks.is_empty() { self.to_string() } else { blocks.join("\n") }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |k: usize| self.rows.iter().filter_map(|row| row.get(k)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..n_columns).map(|k| width(k).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (k, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match k {
                    0 => line.push_str(&format!("{cell:<width$}")),
                    _ => line.push_str(&format!("  {cell:>width$}")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A matrix under its title.
pub fn matrix(title: &str, values: ArrayView2<'_, f64>) -> String {
    let rows = values.rows().into_iter().fold(Table::default(), |table, row| {
        table.row(std::iter::once("  ".to_owned()).chain(row.iter().map(|&value| number(value))))
    });
    format!("{title}\n{rows}")
}

/// A matrix under its title, in blocks of columns where it is wider than so many characters.
///
/// ```
/// use imnn_stats::{ndarray::array, table::folded};
///
/// let text = folded("F", array![[1.0, 2.0, 3.0]].view(), 24);
/// assert_eq!(text, "F\n  columns 0 to 1 of 3\n    1.00000  2.00000\n  columns 2 to 2 of 3\n    3.00000\n");
/// ```
pub fn folded(title: &str, values: ArrayView2<'_, f64>, width: usize) -> String {
    let n_columns = values.ncols();
    let cell =
        |column: usize| 2 + values.column(column).iter().map(|&value| number(value).chars().count()).max().unwrap_or(0);
    let mut blocks = Vec::new();
    let (mut start, mut used) = (0, 2);
    for column in 0..n_columns {
        if used + cell(column) > width && column > start {
            blocks.push(start..column);
            (start, used) = (column, 2);
        }
        used += cell(column);
    }
    blocks.push(start..n_columns);
    if blocks.len() == 1 {
        return matrix(title, values);
    }
    let block = |columns: Range<usize>| {
        let title = format!("  columns {} to {} of {n_columns}", columns.start, columns.end - 1);
        matrix(&title, values.slice_axis(Axis(1), Slice::from(columns)))
    };
    std::iter::once(format!("{title}\n")).chain(blocks.into_iter().map(block)).collect()
}

/// A sentence after a dash, in lines of at most so many characters.
///
/// ```
/// use imnn_stats::table::item;
///
/// assert_eq!(item("one two three", 10), "- one two\n  three\n");
/// assert_eq!(item("longer_than_a_line", 10), "- longer_than_a_line\n");
/// ```
pub fn item(text: &str, width: usize) -> String {
    let mut lines = String::from("-");
    let mut used = 1;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used + 1 + length > width && used > 1 {
            lines.push_str("\n ");
            used = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        used += 1 + length;
    }
    lines.push('\n');
    lines
}

/// A number with its error, to two digits of the error.
///
/// ```
/// use imnn_stats::{Measured, table::measured};
///
/// assert_eq!(measured(Measured { value: 23.4567, error: 1.234 }), "23.5 ± 1.2");
/// assert_eq!(measured(Measured { value: 0.0123, error: 0.1 }), "0.01 ± 0.10");
/// assert_eq!(measured(Measured { value: 123456.0, error: 4321.0 }), "123456 ± 4321");
/// assert_eq!(measured(Measured { value: 1.5e9, error: 2e7 }), "1.500e9 ± 2.0e7");
/// ```
pub fn measured(Measured { value, error }: Measured) -> String {
    if !error.is_finite() || error == 0.0 || value.abs().max(error) >= 1e6 || error < 1e-6 {
        return format!("{} ± {}", significant(value, 4), significant(error, 2));
    }
    let decimals = (1 - error.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$} ± {error:.decimals$}")
}

/// A number for people: six digits.
pub fn number(value: f64) -> String {
    significant(value, 6)
}

/// A number in so many digits; very large and small ones with a power of ten.
pub fn significant(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let power = value.abs().log10().floor() as i32;
    if (-4..6).contains(&power) {
        format!("{value:.*}", (digits - 1 - power).max(0) as usize)
    } else {
        format!("{value:.*e}", (digits - 1).max(0) as usize)
    }
}

/// The Fisher matrix and the standard errors of the estimates, by the names of the parameters.
pub fn information(names: &[String], theta_fid: &[f64], statistics: &Statistics) -> String {
    let mut f = Table::default().row(std::iter::once("F").chain(names.iter().map(String::as_str)));
    for (name, row) in names.iter().zip(statistics.f.rows()) {
        f = f.row(std::iter::once(name.clone()).chain(row.iter().map(|&value| number(value))));
    }
    let mut errors = Table::default().row(["parameter", "fiducial", "one-sigma error"]);
    for ((name, &fiducial), &error) in names.iter().zip(theta_fid).zip(&statistics.errors()) {
        errors = errors.row([name.clone(), number(fiducial), number(error)]);
    }
    format!("{f}\n{errors}")
}

/// The Fisher matrix, its determinant and the standard errors.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<String> = self.errors().iter().map(|&error| number(error)).collect();
        write!(f, "{}", matrix("Fisher information F", self.f.view()))?;
        writeln!(f, "ln det F       {}  (det F {})", number(self.log_det_f), number(self.det_f))?;
        writeln!(f, "one-sigma errors  {}", errors.join("  "))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr2, array};

    use super::*;

    #[test]
    fn columns_are_aligned() {
        let table =
            Table::default().row(["", "F found", "exact"]).row(["mu", "9.98", "10"]).row(["variance", "4.99", "5"]);
        assert_eq!(table.to_string(), "          F found  exact\nmu           9.98     10\nvariance     4.99      5\n");
        let text = matrix("F", arr2(&[[10.0, -0.25], [0.5, 1e-9]]).view());
        assert_eq!(text, "F\n     10.0000   -0.250000\n    0.500000  1.00000e-9\n");
    }

    #[test]
    fn numbers_have_six_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (50.0, "50.0000"),
            (-12_345.678, "-12345.7"),
            (17_449_217.9, "1.74492e7"),
            (0.001_234_567_8, "0.00123457"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((significant(48.6195, 4), significant(340.7888, 3)), ("48.62".into(), "341".into()));
    }

    #[test]
    fn statistics_show_what_they_are() {
        let (mu, c) = (array![0.0, 0.0], array![[1.0, 0.0], [0.0, 2.0]]);
        let s = Statistics::from_moments(mu.view(), c.view(), array![[2.0, 0.0], [0.0, 4.0]].view()).unwrap();
        let text = s.to_string();
        assert!(text.contains("4.00000") && text.contains("8.00000") && text.contains("det F 32.0000"), "{text}");
        let text = information(&["a".into(), "b".into()], &[0.0, 1.0], &s);
        assert!(
            text.ends_with("a                 0         0.500000\nb           1.00000         0.353553\n"),
            "{text}"
        );
    }
}
