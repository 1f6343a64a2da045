//! `imnn data inspect`: what is in files.

use imnn::data::inspect::{
    ArrayInfo, Contents, Member, Numbered, Statistics, Use, contents, statistics, type_name, uses,
};
use imnn::data::{ArrayPath, RowOptions};
use imnn::fit::Description;
use imnn::io::text::{bytes, tuple};
use serde_json::{Value, json};

use super::arguments::InspectArguments;
use crate::CliError;
use crate::output::{self, facts, json_line, json_number, number};

/// What a file turned out to be.
enum Found {
    /// A run of `imnn fit`.
    Run(ArrayPath, Description),
    /// Arrays.
    Arrays(ArrayPath, Vec<Contents>),
}

pub(super) fn inspect(arguments: &InspectArguments) -> Result<String, CliError> {
    let mut found = vec![];
    let mut unusable = 0;
    for path in &arguments.files {
        match look(path) {
            Ok(of_path) => found.push(of_path),
            // The others are shown all the same.
            Err(error) if arguments.files.len() > 1 => {
                unusable += 1;
                let member = Member::Other { path: path.clone(), reason: error.to_string() };
                found.push(Found::Arrays(path.clone(), vec![Contents::Members(vec![member])]));
            }
            Err(error) => return Err(error),
        }
    }
    let all: Vec<ArrayInfo> = found.iter().flat_map(infos).collect();
    let mut text = String::new();
    let mut values = vec![];
    for (k, found) in found.iter().enumerate() {
        if k > 0 {
            text.push('\n');
        }
        let (of_text, of_json) = describe(found, &all, arguments.values)?;
        text.push_str(&of_text);
        values.push(of_json);
    }
    let text = if arguments.json { json_line(&Value::Array(values)) } else { text };
    if unusable > 0 {
        output::print(&text)?;
        return Err(CliError::Refused(format!("{unusable} of the files above cannot be used")));
    }
    Ok(text)
}

fn look(path: &ArrayPath) -> Result<Found, CliError> {
    if path.key().is_none() && path.file().join("model.toml").is_file() {
        return Ok(Found::Run(path.clone(), Description::load(path.file())?));
    }
    let arrays = match contents(path)? {
        Contents::Folder(parts) => parts,
        other => vec![other],
    };
    Ok(Found::Arrays(path.clone(), arrays))
}

fn infos(found: &Found) -> Vec<ArrayInfo> {
    let Found::Arrays(_, arrays) = found else { return vec![] };
    let of_one = |contents: &Contents| match contents {
        Contents::Members(members) => members
            .iter()
            .filter_map(|member| match member {
                Member::Array(info) => Some(info.clone()),
                _ => None,
            })
            .collect(),
        Contents::Numbered(numbered) => vec![numbered.info.clone()],
        _ => vec![],
    };
    arrays.iter().flat_map(of_one).collect()
}

fn describe(found: &Found, all: &[ArrayInfo], values: bool) -> Result<(String, Value), CliError> {
    match found {
        Found::Run(path, run) => {
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
        Found::Arrays(path, arrays) => {
            let (mut texts, mut of_json) = (vec![], vec![]);
            for contents in arrays {
                match contents {
                    Contents::Numbered(numbered) => {
                        push(of_array(&numbered.info, Some(numbered), all, values)?, &mut texts, &mut of_json);
                    }
                    Contents::Members(members) => {
                        for member in members {
                            push(of_member(member, all, values)?, &mut texts, &mut of_json);
                        }
                    }
                    _ => {}
                }
            }
            Ok((texts.join("\n"), json!({ "path": path.to_string(), "kind": "arrays", "arrays": of_json })))
        }
    }
}

fn push((text, value): (String, Value), texts: &mut Vec<String>, values: &mut Vec<Value>) {
    texts.push(text);
    values.push(value);
}

fn of_member(member: &Member, all: &[ArrayInfo], values: bool) -> Result<(String, Value), CliError> {
    match member {
        Member::Array(info) => of_array(info, None, all, values),
        Member::Other { path, reason } => {
            Ok((format!("{path}\n  not usable  {reason}\n"), json!({ "path": path.to_string(), "error": reason })))
        }
        _ => Ok((String::new(), Value::Null)),
    }
}

fn of_array(
    info: &ArrayInfo,
    numbered: Option<&Numbered>,
    all: &[ArrayInfo],
    values: bool,
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
    add_values(&info.path, values, &mut rows, &mut value)?;
    let others: Vec<ArrayInfo> = all.iter().filter(|other| other.path != info.path).cloned().collect();
    let found: Vec<String> = uses(info, &others).iter().filter_map(|of| use_text(of, &info.path)).collect();
    value["uses"] = json!(found);
    rows.extend(found.into_iter().map(|text| ("use", text)));
    Ok((format!("{}\n{}", info.path, listed(&rows)), value))
}

fn use_text(of: &Use, path: &ArrayPath) -> Option<String> {
    Some(match of {
        Use::Fiducial { n_s, input } => format!("fiducial = \"{path}\": {n_s} simulations of shape {}", tuple(input)),
        Use::Numerical { n_d, n_params, input } => format!(
            "kind = \"numerical\", derivative = \"{path}\": {n_d} simulations of shape {} below and above in {n_params} parameters",
            tuple(input)
        ),
        Use::Exact { n_d, n_params, input } => format!(
            "kind = \"exact\", derivative = \"{path}\": of {n_d} simulations of shape {}, {n_params} parameters",
            tuple(input)
        ),
        _ => return None,
    })
}

fn add_values(
    path: &ArrayPath,
    wanted: bool,
    rows: &mut Vec<(&'static str, String)>,
    value: &mut Value,
) -> Result<(), CliError> {
    if !wanted {
        return Ok(());
    }
    let of: Statistics = statistics(path, &RowOptions::default())?;
    for (name, x) in [("min", of.min), ("max", of.max), ("mean", of.mean), ("std", of.std())] {
        rows.push((name, if of.n == 0 { "no finite value".to_owned() } else { number(x) }));
    }
    if of.nan + of.infinite > 0 {
        rows.push(("not finite", format!("{} NaN, {} infinite", of.nan, of.infinite)));
    }
    value["values"] = json!({
        "n": of.len(), "nan": of.nan, "infinite": of.infinite, "min": json_number(of.min), "max": json_number(of.max),
        "mean": json_number(of.mean), "std": json_number(of.std()),
    });
    Ok(())
}

fn listed(rows: &[(&str, String)]) -> String {
    facts(&rows.iter().map(|(name, value)| (format!("  {name}"), value.clone())).collect::<Vec<_>>())
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
