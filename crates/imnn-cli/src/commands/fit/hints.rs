//! What the data have to do with a training that failed.

use std::path::Path;

use imnn::data::{
    ArrayPath, ArrayReader, ArraySet, DerivativeFiles, Files, Pattern, RowArray, RowOptions, numbers, pieces,
};
use imnn::fit::FitError;
use imnn::io::text::unravel;

use crate::CliError;
use crate::output::number;
use crate::run_file::RunFile;

/// The values that are looked at of each array.
const VALUES: usize = 1 << 24;

/// Values that reach over more than this are not of order one.
const WIDE: f64 = 1e4;

/// The error of a training, with what there is to say about its data.
pub(super) fn explained(run: &RunFile, file: &Path, error: FitError) -> CliError {
    match hint(run, &error) {
        Some(hint) => CliError::Refused(format!("{}: {error}\n{hint}", file.display())),
        None => CliError::at(file.display())(error),
    }
}

/// What there is to say, if anything; what cannot be read says nothing.
pub(super) fn hint(run: &RunFile, error: &FitError) -> Option<String> {
    let (files, _) = run.simulations.all_files()?;
    if !matches!(error, FitError::Stopped { .. }) {
        return columns(&files);
    }
    let set = ArraySet::<f64>::open(&files, &RowOptions { checksums: false, ..RowOptions::default() }).ok()?;
    let first = run.network.layers.as_ref().and_then(|network| network.layers.first()).map_or("", |layer| layer.name());
    let seen = [Seen::of(&*set.fiducial), Seen::of(&*set.derivative)];
    if first == "log1p" {
        let beyond = seen.iter().find_map(|seen| seen.least.as_ref().filter(|(least, _)| *least <= -1.0));
        return beyond.map(|(least, place)| {
            let value = number(*least);
            format!(
                "log1p of {value} is not a number, and {place} is {value}: the first layer takes ln(1 + x), for values above -1; begin with \"asinh\", which takes all, or without it"
            )
        });
    }
    let most = seen[0].most;
    if most < WIDE || ["asinh", "standardise"].contains(&first) {
        return None;
    }
    let least = seen[0].least.as_ref().map_or(0.0, |(least, _)| *least);
    let layer = if least > -1.0 { "\"log1p\"" } else { "\"asinh\"" };
    let (least, largest) = (number(least), number(seen[0].largest));
    Some(format!(
        "the simulations have values from {least} to {largest}, and networks need numbers of order one: begin with the layer {layer}, or scale the data"
    ))
}

/// What was seen of an array.
struct Seen {
    /// The least value, and where it is.
    least: Option<(f64, String)>,
    largest: f64,
    /// The largest in size.
    most: f64,
}

impl Seen {
    fn of(array: &dyn RowArray<f64>) -> Self {
        let mut seen = Self { least: None, largest: f64::NEG_INFINITY, most: 0.0 };
        let len: usize = array.shape().iter().skip(1).product();
        let n_rows = array.shape().first().map_or(0, |&n| n.min((VALUES / len.max(1)).max(1)));
        let mut values = vec![];
        for rows in pieces::<f64>(0..n_rows, len) {
            values.resize(rows.len() * len, 0.0);
            if array.read(rows.clone(), &mut values).is_err() {
                break;
            }
            for (at, &value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
                if seen.least.as_ref().is_none_or(|(least, _)| value < *least) {
                    let index = unravel(rows.start * len + at, array.shape(), false);
                    seen.least = Some((value, array.element(&index)));
                }
                seen.largest = seen.largest.max(value);
                seen.most = seen.most.max(value.abs());
            }
        }
        seen
    }
}

/// That a table has columns, of which one may be meant.
fn columns(files: &Files) -> Option<String> {
    let derivative = match &files.derivative {
        DerivativeFiles::Array(path) => path,
        DerivativeFiles::Sides { below, .. } => below.first()?,
    };
    [&files.fiducial, derivative].into_iter().find_map(|path| {
        let one = match Pattern::of(path).ok()? {
            Some(pattern) => pattern.path(&numbers(&pattern).ok()?.first()?.digits),
            None => return None,
        };
        let info = ArrayReader::default().info(&one).ok()?;
        let [_, n] = info.shape[..] else { return None };
        (path.key().is_none() && info.has_columns()).then(|| of_table(path, &info.columns, n))
    })
}

fn of_table(path: &ArrayPath, names: &[String], n: usize) -> String {
    let listed = if names.is_empty() { format!("{n} columns") } else { format!("the columns {}", names.join(", ")) };
    format!("each file of {path} is a table with {listed}, all of which are read; to read one, write {path}:{}", n - 1)
}
