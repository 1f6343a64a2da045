//! A table, read line by line.

use std::io::BufRead;

use imnn_io::npy::Overflow;
use imnn_sim::Real;

use super::cells::{Separator, divided, number, uncommented, why_not};
use super::columns;
use crate::DataError;
use crate::file::open;
use crate::formats::foreign;
use crate::formats::format::Location;

/// The numbers of a table, row by row, of the columns that were asked for.
pub(super) struct Table<E> {
    /// The names of these columns; none where the file names none.
    pub(super) names: Vec<String>,
    pub(super) values: Vec<E>,
    n_columns: usize,
}

/// How much of a table is read.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// The bytes of its numbers in memory.
    pub(super) memory: usize,
    /// The rows, from the first.
    pub(super) n_rows: usize,
}

/// As many comments before the first row are looked at for names of columns.
const COMMENTS: usize = 16;

/// What was seen before the first row of numbers.
#[derive(Default)]
struct Head {
    comments: Vec<String>,
    /// A line of words, and its number.
    words: Option<(usize, String)>,
}

/// What the first row of numbers says about all of them.
struct Layout {
    separator: Separator,
    /// The columns of the file, and the line that has so many.
    n: usize,
    line: usize,
    /// Those that are asked for; nothing for all.
    chosen: Option<Vec<usize>>,
}

impl<E: Real> Table<E> {
    pub(super) fn read(at: &Location<'_>, limits: Limits) -> Result<Self, DataError> {
        let mut reader = open(&at.file)?.reader;
        let refuse = |reason: String| DataError::unusable(at.path, reason);
        if let Some(other) = foreign::what(&at.file) {
            return Err(refuse(other));
        }
        let mut table = Self { names: vec![], values: vec![], n_columns: 0 };
        let (mut head, mut layout, mut line, mut row) = (Head::default(), None, vec![], vec![]);
        for number in 1.. {
            line.clear();
            let n_bytes = reader.read_until(b'\n', &mut line).map_err(|source| DataError::read(at.path, source))?;
            if n_bytes == 0 {
                break;
            }
            let at_line = |reason: String| refuse(format!("line {number} {reason}"));
            let bytes = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1).unwrap_or(&line);
            plain_text(bytes).map_err(at_line)?;
            let (text, comment) = divided(bytes);
            if text.is_empty() {
                if let Some(comment) = comment.filter(|comment| !comment.is_empty() && layout.is_none()) {
                    head.comments.push(uncommented(comment));
                    let surplus = head.comments.len().saturating_sub(COMMENTS);
                    head.comments.drain(..surplus);
                }
                continue;
            }
            if layout.is_none() && head.words.is_none() && is_words(text) {
                head.words = Some((number, String::from_utf8_lossy(text.trim_ascii()).into_owned()));
                continue;
            }
            let layout = match &layout {
                Some(layout) => layout,
                None => layout.insert(table.begin(text, number, &head, at.key).map_err(refuse)?),
            };
            layout.row(text, &mut row).map_err(at_line)?;
            table.add(layout, &row).map_err(|source| DataError::Overflow { label: at.path.to_string(), source })?;
            if size_of_val(&table.values[..]) > limits.memory {
                let allowed = limits.memory;
                return Err(refuse(format!(
                    "is text, which cannot be read a few rows at a time, and its numbers need more than the {allowed} bytes of memory that are allowed; convert it with `imnn data convert`, or allow more memory"
                )));
            }
            if table.n_rows() >= limits.n_rows {
                break;
            }
        }
        if layout.is_none() {
            let only = head.words.map_or("it has no line of numbers".to_owned(), |(number, words)| {
                format!("line {number} {}", why_not(words.as_bytes(), Separator::Blank))
            });
            return Err(refuse(only));
        }
        Ok(table)
    }

    /// As numpy has it: a column or a row where there is one.
    pub(super) fn shape(&self) -> Vec<usize> {
        match (self.n_rows(), self.n_columns) {
            (n_rows, 1) => vec![n_rows],
            (1, n_columns) => vec![n_columns],
            (n_rows, n_columns) => vec![n_rows, n_columns],
        }
    }

    fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_columns).unwrap_or(0)
    }

    /// The layout that a first row of numbers says; the columns get their names.
    fn begin(&mut self, text: &[u8], line: usize, head: &Head, key: Option<&str>) -> Result<Layout, String> {
        let separator = Separator::of(text);
        let n = separator.cells(text).count();
        let words = head.words.as_ref().map(|(number, words)| {
            columns::names(words, n).ok_or_else(|| {
                let first = words.split_whitespace().next().unwrap_or_default();
                format!("line {number} {}", why_not(first.as_bytes(), Separator::Blank))
            })
        });
        let of_comments = || head.comments.iter().rev().find_map(|comment| columns::names(comment, n));
        let names = words.transpose()?.or_else(of_comments).unwrap_or_default();
        let chosen = key.filter(|key| !key.is_empty()).map(|key| columns::asked(key, &names, n)).transpose()?;
        self.n_columns = chosen.as_ref().map_or(n, Vec::len);
        self.names = match &chosen {
            Some(chosen) => chosen.iter().filter_map(|&column| names.get(column).cloned()).collect(),
            None => names,
        };
        Ok(Layout { separator, n, line, chosen })
    }

    /// Adds a row; a finite number beyond the range of `E` is refused.
    fn add(&mut self, layout: &Layout, row: &[f64]) -> Result<(), Overflow> {
        let n_rows = self.n_rows();
        let mut add = |value: f64| {
            let of = E::of(value);
            if value.is_finite() && !of.is_finite() {
                let index = [n_rows, self.values.len() - n_rows * self.n_columns];
                let index = if self.n_columns == 1 { index[..1].to_vec() } else { index.to_vec() };
                return Err(Overflow { index, value, precision: "f32" });
            }
            self.values.push(of);
            Ok(())
        };
        match &layout.chosen {
            Some(chosen) => chosen.iter().try_for_each(|&column| add(row[column])),
            None => row.iter().try_for_each(|&value| add(value)),
        }
    }
}

impl Layout {
    /// The numbers of a line.
    fn row(&self, text: &[u8], row: &mut Vec<f64>) -> Result<(), String> {
        row.clear();
        for (column, cell) in self.separator.cells(text).enumerate() {
            let why = || format!("column {column} {}", why_not(cell, self.separator));
            row.push(number(cell).ok_or_else(why)?);
        }
        if row.len() == self.n {
            return Ok(());
        }
        let (found, n, first) = (row.len(), self.n, self.line);
        Err(format!("has {found} values where line {first} has {n}; all rows of a table need as many"))
    }
}

/// Whether a line holds words alone, as one that names columns does.
fn is_words(text: &[u8]) -> bool {
    Separator::of(text).cells(text).all(|cell| number(cell).is_none() && !cell.is_empty())
}

/// Refuses what no text has.
fn plain_text(line: &[u8]) -> Result<(), String> {
    if line.contains(&0) {
        return Err("has bytes that no text has: if these are plain numbers of a binary file, save them as np.save('FILE.npy', np.fromfile('FILE', dtype=np.float32).reshape(...))".to_owned());
    }
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.contains(&b'\r') {
        return Err("has line ends of old Macs (CR alone); write it with others: tr '\\r' '\\n' < FILE > OTHER".to_owned());
    }
    Ok(())
}
