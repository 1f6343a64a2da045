//! One pass over rows: values that are not finite, values that never change, rows that are there twice.

use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use super::{Report, Severity, bytes};
use crate::inspect::Statistics;
use imnn_data::{ArraySet, DataError, RowArray, pieces};
use imnn_io::text::{plural, unravel};

/// What was seen of an array.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Scanned {
    /// The file and key.
    pub label: String,
    /// The rows that there are to be used.
    pub n_rows: usize,
    /// Those that were looked at.
    pub looked_at: usize,
    /// Statistics of their values.
    pub statistics: Statistics,
    /// How many values of a row are the same in all of them.
    pub constant: usize,
}

/// A row of a set of simulations, and what stands for its bits.
pub(super) struct RowHash {
    hash: u64,
    set: &'static str,
    row: usize,
}

/// Goes through rows once.
pub(super) fn scan(
    name: &'static str,
    array: &dyn RowArray<f64>,
    rows: &[Range<usize>],
    simulations: bool,
    report: &mut Report,
) -> Result<(Scanned, Vec<RowHash>), DataError> {
    let len: usize = array.shape().iter().skip(1).product();
    let mut of = Scanned { label: array.label().to_owned(), ..Scanned::default() };
    of.n_rows = array.shape()[0];
    let mut hashes = vec![];
    let mut values = vec![];
    let mut first: Vec<f64> = vec![];
    let mut same = vec![true; if simulations { len } else { 0 }];
    let mut bad: Option<(String, f64)> = None;
    let mut bad_rows = 0;
    let mut some: Vec<f64> = vec![];
    for run in rows {
        for now in pieces::<f64>(run.clone(), len) {
            values.resize(now.len() * len, 0.0);
            array.read(now.clone(), &mut values)?;
            of.statistics.add(&values);
            if some.len() < bytes::VALUES {
                some.extend(values.iter().take(bytes::VALUES - some.len()));
            }
            for (row, values) in now.clone().zip(values.chunks_exact(len)) {
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    bad_rows += 1;
                    let index = unravel(row * len + at, array.shape(), false);
                    bad.get_or_insert_with(|| (array.element(&index), values[at]));
                }
                if simulations {
                    if first.is_empty() {
                        first = values.to_vec();
                    }
                    same.iter_mut().zip(values.iter().zip(&first)).for_each(|(same, (a, b))| *same &= a == b);
                    hashes.push(RowHash { hash: hash(values), set: name, row });
                }
            }
            of.looked_at += now.len();
        }
    }
    // What was in single precision is so in double precision too.
    let single = some.iter().all(|&value| value.is_nan() || f64::from(value as f32) == value);
    if let Some(misread) = bytes::misread(&some, single) {
        report.error(misread.text(&of.label, single));
    }
    if let Some((element, value)) = bad {
        let n = of.statistics.nan + of.statistics.infinite;
        let are = if n == 1 { "value is" } else { "values are" };
        let rows = plural(bad_rows, "row");
        let message = format!(
            "{element} is {value}: {n} {are} not finite, in {rows}; remove or replace them, or leave these simulations out, with their partners: invalid = \"drop\" in [simulations], --invalid drop here"
        );
        report.error(message);
    }
    if simulations && of.looked_at > 1 {
        of.constant = same.iter().filter(|same| **same).count();
        constant(name, &of, &same, array, report);
    }
    if of.looked_at < of.n_rows && rows.len() > 1 {
        let message = format!("{}: {} of {} rows were looked at, drawn by the seed", of.label, of.looked_at, of.n_rows);
        report.note(message);
    }
    Ok((of, hashes))
}

fn constant(name: &str, of: &Scanned, same: &[bool], array: &dyn RowArray<f64>, report: &mut Report) {
    let Some(at) = same.iter().position(|same| *same) else { return };
    if of.constant == same.len() {
        let message = format!("{}: all {} {name} simulations looked at are the same", of.label, of.looked_at);
        return report.error(message);
    }
    let index = unravel(at, &array.shape()[1..], false);
    let severity = if 2 * of.constant > same.len() { Severity::Warning } else { Severity::Note };
    let message = format!(
        "{}: {} of the {} values of a simulation are the same in all of them, the first at {index:?} (a mask?)",
        of.label,
        of.constant,
        same.len()
    );
    report.add(severity, message);
}

fn hash(values: &[f64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.iter().for_each(|value| hasher.write_u64(value.to_bits()));
    hasher.finish()
}

/// Reports rows with the same bits, in one set or in both.
pub(super) fn duplicates(sets: &[(&'static str, ArraySet<f64>)], mut hashes: Vec<RowHash>, report: &mut Report) {
    hashes.sort_by_key(|of| (of.hash, of.set, of.row));
    let looked_at = |set: &str| hashes.iter().filter(|of| of.set == set).count();
    let looked_at = ["training", "validation"].map(looked_at);
    let mut within = [vec![], vec![]];
    let mut across = vec![];
    // A few whole numbers can be the same by chance.
    let mut by_chance = sets.iter().any(|(_, set)| set.spec.row_len() < 16);
    for group in hashes.chunk_by(|a, b| a.hash == b.hash).filter(|group| group.len() > 1) {
        let one = &group[0];
        for other in &group[1..] {
            let Some(values) = same_values(sets, one, other) else { continue };
            by_chance &= values.iter().all(|value| value.fract() == 0.0);
            if one.set == other.set {
                within[usize::from(one.set == "validation")].push((one.row, other.row));
            } else {
                across.push((one.row, other.row));
            }
        }
    }
    let named = |set: &str, row: usize| {
        let set = sets.iter().find(|(name, _)| *name == set);
        // A file with one simulation is called by its name alone.
        set.map_or(String::new(), |(_, set)| set.fiducial.element(&[row]).trim_end_matches("[]").to_owned())
    };
    let severity = |of: Severity| if by_chance { Severity::Warning } else { of };
    if let Some(&(a, b)) = across.first() {
        let (a, b) = (named("training", a), named("validation", b));
        let (n, are) = (across.len(), if across.len() == 1 { "is" } else { "are" });
        let message = format!(
            "{a} for training and {b} for validation are the same simulation: {n} {are} of those for validation in training too, which makes validation blind to overfitting"
        );
        report.add(severity(Severity::Error), message);
    }
    for ((set, pairs), looked_at) in ["training", "validation"].into_iter().zip(&within).zip(looked_at) {
        if let Some(&(a, b)) = pairs.first() {
            let (a, b) = (named(set, a), named(set, b));
            let times =
                if pairs.len() == 1 { String::new() } else { format!(", and {} such pairs more", pairs.len() - 1) };
            let many = 4 * pairs.len() > looked_at;
            let why = if many { "; the simulator seems to give several seeds the same noise" } else { "" };
            let message = format!("{a} and {b} are the same simulation{times}: each should be there once{why}");
            report.add(severity(if many { Severity::Error } else { Severity::Warning }), message);
        }
    }
}

/// The values of two rows with the same hash, if they have the same bits.
fn same_values(sets: &[(&'static str, ArraySet<f64>)], a: &RowHash, b: &RowHash) -> Option<Vec<f64>> {
    let row = |of: &RowHash| {
        let (_, set) = sets.iter().find(|(name, _)| *name == of.set)?;
        let mut values = vec![0.0; set.spec.row_len()];
        set.fiducial.read(of.row..of.row + 1, &mut values).ok()?;
        Some(values)
    };
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
    row(a).filter(|values| row(b).is_some_and(|other| bits(&other) == bits(values)))
}
