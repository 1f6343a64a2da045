//! `imnn data inspect`: what is in files.

use imnn::data::inspect::{
    ArrayInfo, Contents, Member, Numbered, Statistics, Use, contents, statistics, type_name, uses,
};
use imnn::data::{ArrayPath, ArrayReader, Meaning, RowOptions};
use imnn::fit::Description;
use imnn::io::text::{bytes, tuple};
use serde_json::{Value, json};

use super::arguments::InspectArguments;
use crate::CliError;
use crate::output::{self, facts, json_line, number};

/// What there is under a path.
enum Found {
    /// A run of `imnn fit`.
    Run(Description),
    Array(ArrayInfo),
    Numbered(Numbered),
    /// What cannot be used, and why.
    Other(ArrayPath, String),
}

pub(super) fn inspect(arguments: &InspectArguments) -> Result<String, CliError> {
    let mut found = vec![];
    let mut unusable = 0;
    for path in &arguments.files {
        match look(path) {
            Ok(of_path) => found.push((path, of_path)),
            // The others are shown all the same.
            Err(error) if arguments.files.len() > 1 => {
                unusable += 1;
                found.push((path, vec![Found::Other(path.clone(), error.to_string())]));
            }
            Err(error) => return Err(error),
        }
    }
    let all: Vec<ArrayInfo> = found.iter().flat_map(|(_, found)| found).filter_map(info).cloned().collect();
    let (mut texts, mut values) = (vec![], vec![]);
    let mut reader = arguments.values.then(ArrayReader::default);
    for (path, found) in &found {
        let (of_texts, of_json): (Vec<String>, Vec<Value>) =
            found.iter().map(|found| describe(path, found, &all, reader.as_mut())).collect::<Result<_, _>>()?;
        texts.extend(of_texts);
        match &found[..] {
            [Found::Run(_)] => values.extend(of_json),
            _ => values.push(json!({ "path": path.to_string(), "kind": "arrays", "arrays": of_json })),
        }
    }
    let text = if arguments.json { json_line(&Value::Array(values)) } else { texts.join("\n") };
    if unusable > 0 {
        output::print(&text)?;
        return Err(CliError::Refused(format!("{unusable} of the files above cannot be used")));
    }
    Ok(text)
}

fn look(path: &ArrayPath) -> Result<Vec<Found>, CliError> {
    if path.key().is_none() && path.file().join("model.toml").is_file() {
        return Ok(vec![Found::Run(Description::load(path.file())?)]);
    }
    Ok(flat(contents(path)?))
}

fn flat(contents: Contents) -> Vec<Found> {
    let of_member = |member| match member {
        Member::Array(info) => Some(Found::Array(info)),
        Member::Other { path, reason } => Some(Found::Other(path, reason)),
        _ => None,
    };
    match contents {
        Contents::Members(members) => members.into_iter().filter_map(of_member).collect(),
        Contents::Numbered(numbered) => vec![Found::Numbered(numbered)],
        Contents::Folder(parts) => parts.into_iter().flat_map(flat).collect(),
        _ => vec![],
    }
}

fn info(found: &Found) -> Option<&ArrayInfo> {
    match found {
        Found::Array(info) | Found::Numbered(Numbered { info, .. }) => Some(info),
        _ => None,
    }
}

/// The text and the JSON of one of them, with statistics of the values where there is a reader of them.
fn describe(
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
    if let Some(numbered) = numbered {
        let gaps = match numbered.n_missing {
            0 => "none missing".to_owned(),
            n => format!(
                "{n} missing: {}{}",
                list(&numbered.missing),
                if n > numbered.missing.len() as u64 { ", ..." } else { "" }
            ),
        };
        rows.push(("seeds", format!("{}, from {} to {}, {gaps}", info.shape[0], numbered.first, numbered.last)));
        if numbered.compared < info.shape[0] {
            rows.push(("compared", format!("{} of the files", numbered.compared)));
        }
        for other in &numbered.unlike {
            rows.push(("unlike", other.clone()));
        }
        value["seeds"] = json!({
            "n": info.shape[0], "first": numbered.first, "last": numbered.last, "n_missing": numbered.n_missing,
            "missing": numbered.missing, "compared": numbered.compared, "unlike": numbered.unlike,
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

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
