//! An array in several lines.

use imnn::data::inspect::{ArrayInfo, Numbered, Statistics, Use, statistics, type_name, uses};
use imnn::data::{ArrayPath, ArrayReader, Meaning, RowOptions};
use imnn::io::text::{bytes, tuple};
use serde_json::{Value, json};

use super::found::{Found, gaps};
use crate::CliError;
use crate::output::{facts, number};

/// The text and the JSON of one of them, with statistics of the values where there is a reader of them.
pub(super) fn describe(
    path: &ArrayPath,
    found: &Found,
    all: &[ArrayInfo],
    values: Option<&mut ArrayReader>,
) -> Result<(String, Value), CliError> {
    match found {
        Found::Run(run) => {
            let rows = [
                ("precision", run.precision.clone()),
                ("input", tuple(&run.input_shape)),
                ("parameters", run.parameters.join(", ")),
                ("theta_fid", format!("{:?}", run.theta_fid)),
                ("use", format!("imnn estimate {path} DATA.npy")),
            ];
            let value = json!({
                "path": path.to_string(), "kind": "run", "precision": run.precision, "input_shape": run.input_shape,
                "parameters": run.parameters, "theta_fid": run.theta_fid,
            });
            Ok((format!("{path}: a run of imnn fit\n{}", listed(&rows)), value))
        }
        Found::Array(info) => of_array(info, None, all, values),
        Found::Numbered(numbered) => of_array(&numbered.info, Some(numbered), all, values),
        Found::Other(path, reason) => {
            Ok((format!("{path}\n  not usable  {reason}\n"), json!({ "path": path.to_string(), "error": reason })))
        }
    }
}

fn of_array(
    info: &ArrayInfo,
    numbered: Option<&Numbered>,
    all: &[ArrayInfo],
    values: Option<&mut ArrayReader>,
) -> Result<(String, Value), CliError> {
    let order = if info.fortran_order && info.shape.len() > 1 { ", Fortran order" } else { "" };
    let mut rows = vec![
        ("format", info.format.to_owned()),
        ("shape", tuple(&info.shape)),
        ("type", format!("{}{order}", type_name(&info.dtype))),
        ("values", bytes(info.bytes)),
    ];
    let mut value = json!({
        "path": info.path.to_string(), "format": info.format, "shape": info.shape, "dtype": info.dtype, "fortran_order": info.fortran_order,
        "bytes": info.bytes, "compressed_bytes": info.compressed,
    });
    if let Some(compressed) = info.compressed {
        rows.push((
            "compressed",
            format!("to {}; unpack it with `imnn data convert` to read it by rows", bytes(compressed)),
        ));
    }
    if !info.columns.is_empty() {
        rows.push(("columns", info.columns.join(", ")));
        if info.path.key().is_none() {
            let last = info.columns.len() - 1;
            rows.push(("a column", format!("{0}:{last}, or {0}:{1}", info.path, info.columns[last])));
        }
        value["columns"] = json!(info.columns);
    }
    if let Some(numbered) = numbered {
        let none = if numbered.n_missing == 0 { "none missing" } else { "most of those between missing" };
        let gaps = gaps(numbered).unwrap_or(none.to_owned());
        rows.push(("seeds", format!("{}, from {} to {}, {gaps}", info.shape[0], numbered.first, numbered.last)));
        if !numbered.same.is_empty() {
            rows.push(("left out", format!("{}, the same in all files", numbered.same.join(", "))));
        }
        if numbered.compared < info.shape[0] {
            rows.push(("compared", format!("{} of the files", numbered.compared)));
        }
        for other in &numbered.unlike {
            rows.push(("unlike", other.clone()));
        }
        value["seeds"] = json!({
            "n": info.shape[0], "first": numbered.first, "last": numbered.last, "n_missing": numbered.n_missing,
            "missing": numbered.missing, "compared": numbered.compared, "unlike": numbered.unlike, "same": numbered.same,
        });
    }
    if let Some(reader) = values {
        value["values"] = add_values(reader, &info.path, &mut rows)?;
    }
    let found: Vec<String> = uses(info, all).iter().map(|of| use_text(of, &info.path)).collect();
    value["uses"] = json!(found);
    rows.extend(found.into_iter().map(|text| ("use", text)));
    Ok((format!("{}\n{}", info.path, listed(&rows)), value))
}

fn use_text(of: &Use, path: &ArrayPath) -> String {
    let (n, n_params, shape) = (of.n, of.n_params, tuple(&of.input));
    match of.meaning {
        Meaning::Fiducial => format!("fiducial = \"{path}\": {n} simulations of shape {shape}"),
        Meaning::Numerical => format!(
            "kind = \"numerical\", derivative = \"{path}\": {n} simulations of shape {shape} below and above in {n_params} parameters"
        ),
        Meaning::Exact => format!(
            "kind = \"exact\", derivative = \"{path}\": of {n} simulations of shape {shape}, {n_params} parameters"
        ),
    }
}

/// Adds the statistics of all values; returns them as JSON.
fn add_values(
    reader: &mut ArrayReader,
    path: &ArrayPath,
    rows: &mut Vec<(&'static str, String)>,
) -> Result<Value, CliError> {
    let of: Statistics = statistics(reader, path, &RowOptions::default())?;
    for (name, x) in [("min", of.min), ("max", of.max), ("mean", of.mean), ("std", of.std())] {
        rows.push((name, if of.n == 0 { "no finite value".to_owned() } else { number(x) }));
    }
    if of.nan + of.infinite > 0 {
        rows.push(("not finite", format!("{} NaN, {} infinite", of.nan, of.infinite)));
    }
    Ok(json!({
        "n": of.len(), "nan": of.nan, "infinite": of.infinite, "min": of.min, "max": of.max, "mean": of.mean,
        "std": of.std(),
    }))
}

fn listed(rows: &[(&str, String)]) -> String {
    facts(rows).lines().map(|line| format!("  {line}\n")).collect()
}
