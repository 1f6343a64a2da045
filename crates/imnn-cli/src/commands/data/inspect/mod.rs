//! `imnn data inspect`: what is in files and folders, and what to write in a run file to train on it.

mod details;
mod found;
mod listing;
pub(crate) mod run_lines;

use imnn::data::inspect::{ArrayInfo, Contents, Member, contents};
use imnn::data::sets::{self, Proposal, proposals};
use imnn::data::{ArrayPath, ArrayReader};
use imnn::fit::Description;
use serde_json::{Value, json};

use self::found::Found;
use super::arguments::InspectArguments;
use crate::CliError;
use crate::output::{self, json_line};

/// What was asked for by one argument.
struct Asked<'a> {
    path: &'a ArrayPath,
    found: Vec<Found>,
    /// Whether it is a folder, or a file of many arrays: each is one line then.
    many: bool,
}

pub(super) fn inspect(arguments: &InspectArguments) -> Result<String, CliError> {
    let mut all = vec![];
    let mut unusable = 0;
    for path in &arguments.files {
        match look(path) {
            Ok(asked) => all.push(asked),
            // The others are shown all the same.
            Err(error) if arguments.files.len() > 1 => {
                unusable += 1;
                let reason = error.to_string();
                let reason = reason.strip_prefix(&format!("{path}: ")).unwrap_or(&reason).to_owned();
                all.push(Asked { path, found: vec![Found::Other(path.clone(), reason)], many: false });
            }
            Err(error) => return Err(error),
        }
    }
    let arrays: Vec<ArrayInfo> = all.iter().flat_map(|asked| &asked.found).filter_map(info).cloned().collect();
    let found: Vec<sets::Found> = all.iter().flat_map(|asked| &asked.found).filter_map(in_set).collect();
    let proposed = proposals(&found);
    let text = if arguments.json {
        let mut values =
            all.iter().map(|asked| as_json(asked, &arrays, arguments.values)).collect::<Result<Vec<_>, _>>()?;
        if !proposed.is_empty() {
            let lines: Vec<String> = proposed.iter().map(run_lines::of).collect();
            values.push(json!({ "kind": "sets", "run_files": lines }));
        }
        json_line(&Value::Array(values))
    } else {
        let mut texts =
            all.iter().map(|asked| as_text(asked, &arrays, arguments.values)).collect::<Result<Vec<_>, _>>()?;
        texts.extend(run_lines::all(&proposed));
        texts.join("\n")
    };
    if unusable > 0 {
        output::print(&text)?;
        return Err(CliError::Refused(format!("{unusable} of the files above cannot be used")));
    }
    Ok(text)
}

/// The sets that can be trained with among what there is under some paths.
pub(crate) fn sets_in(paths: &[ArrayPath]) -> Result<Vec<Proposal>, CliError> {
    let asked = paths.iter().map(look).collect::<Result<Vec<_>, _>>()?;
    let found: Vec<sets::Found> = asked.iter().flat_map(|asked| &asked.found).filter_map(in_set).collect();
    Ok(proposals(&found))
}

fn look(path: &ArrayPath) -> Result<Asked<'_>, CliError> {
    if path.key().is_none() && path.file().join("model.toml").is_file() {
        return Ok(Asked { path, found: vec![Found::Run(Box::new(Description::load(path.file())?))], many: false });
    }
    let contents = contents(path)?;
    let many = matches!(&contents, Contents::Folder(_));
    let found = flat(contents);
    let readable = found.iter().any(|found| !matches!(found, Found::Other(..)));
    match &found[..] {
        [Found::Other(_, reason)] if !readable && !many => Err(CliError::Refused(format!("{path}: {reason}"))),
        _ => Ok(Asked { path, found, many }),
    }
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
        Found::Array(info) => Some(info),
        Found::Numbered(numbered) => Some(&numbered.info),
        _ => None,
    }
}

/// As a part of a set, if it may be one.
fn in_set(found: &Found) -> Option<sets::Found> {
    let (info, seeds, unlike) = match found {
        Found::Numbered(numbered) => (&numbered.info, Some(numbered.seeds.clone()), numbered.unlike.first().cloned()),
        Found::Array(info) => (info, info.seeds.clone(), None),
        _ => return None,
    };
    Some(sets::Found { path: info.path.clone(), shape: info.shape.clone(), seeds, unlike })
}

/// Each array in several lines, or in one where there are many.
fn as_text(asked: &Asked<'_>, all: &[ArrayInfo], values: bool) -> Result<String, CliError> {
    if asked.many && !values {
        return Ok(listing::listing(&asked.path.to_string(), &asked.found));
    }
    let mut reader = values.then(ArrayReader::default);
    let of = |found| details::describe(asked.path, found, all, reader.as_mut()).map(|(text, _)| text);
    Ok(asked.found.iter().map(of).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

fn as_json(asked: &Asked<'_>, all: &[ArrayInfo], values: bool) -> Result<Value, CliError> {
    let mut reader = values.then(ArrayReader::default);
    let of = |found| details::describe(asked.path, found, all, reader.as_mut()).map(|(_, value)| value);
    let mut of_json: Vec<Value> = asked.found.iter().map(of).collect::<Result<_, _>>()?;
    Ok(match (&asked.found[..], of_json.pop()) {
        ([Found::Run(_)], Some(run)) => run,
        (_, last) => {
            of_json.extend(last);
            json!({ "path": asked.path.to_string(), "kind": "arrays", "arrays": of_json })
        }
    })
}
