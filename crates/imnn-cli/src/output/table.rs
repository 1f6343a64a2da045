//! Tables of aligned columns.

use std::fmt;

use ndarray::ArrayView2;

/// Rows of cells: the first column is set to the left, the others to the right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row.
    pub(crate) fn row(mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
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

/// Names with what there is to say about each, both set to the left.
pub(crate) fn facts(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}

/// A matrix under its title.
pub(crate) fn matrix(title: &str, values: ArrayView2<'_, f64>) -> String {
    let rows = values.rows().into_iter().fold(Table::default(), |table, row| {
        table.row(std::iter::once("  ".to_owned()).chain(row.iter().map(|&value| number(value))))
    });
    format!("{title}\n{rows}")
}

/// A number for people: six digits.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let power = value.abs().log10().floor() as i32;
    if (-4..6).contains(&power) { format!("{value:.*}", (5 - power).max(0) as usize) } else { format!("{value:.5e}") }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

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
    fn facts_are_set_to_the_left() {
        let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(facts(&[row("a", "long value"), row("name", "b")]), "a     long value\nname  b\n");
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
    }
}
