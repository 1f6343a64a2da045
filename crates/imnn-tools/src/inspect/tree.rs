//! What is in a folder and the folders in it: repeated names as patterns, a few of the files of each opened.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use imnn_data::{ArrayPath, ArrayReader, DataError, endings, is_shard, keys, members, resembles_array, what};
use imnn_io::series::{Named, put_together};

use super::blocks::{around_number, around_several};
use super::numbered::{columns_that_differ, numbered};
use super::walk::below;
use super::{Contents, Member};

/// As many arrays of one file are described.
const MANY: usize = 200;

pub(super) fn folder(folder: &Path) -> Result<Vec<Contents>, DataError> {
    let mut below = below(folder)?;
    let mut found = vec![];
    blocks(folder, &mut below.files, &mut found);
    shards(folder, &mut below.files, &mut found);
    let mut other = below.other;
    for named in put_together(&below.files) {
        let first = within(folder, &named.first);
        let known =
            first.extension().and_then(|ending| ending.to_str()).is_some_and(|own| endings().any(|of| of == own));
        if known || resembles_array(&first) {
            found.extend(of_name(folder, &named));
        } else if let Some(reason) = what(&first) {
            let reason = if named.n > 1 { format!("{} files; {} {reason}", named.n, named.first) } else { reason };
            other.push((named.name, reason));
        }
    }
    let other = other.into_iter().map(|(name, reason)| unreadable(ArrayPath::of_file(within(folder, &name)), reason));
    found.extend(other);
    if found.is_empty() {
        let known: Vec<&str> = endings().collect();
        let reason = format!("no file in it, nor in the folders in it, ends in .{}", known.join(", ."));
        return Err(DataError::unusable(folder.display(), reason));
    }
    Ok(found)
}

/// What is in a file: its arrays, those that differ by a number as patterns.
pub(super) fn file(path: &ArrayPath) -> Result<Vec<Contents>, DataError> {
    let mut reader = ArrayReader::default();
    let names = if path.key().is_none() { reader.keys(path.file())? } else { None };
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return Ok(vec![Contents::Members(members(path)?)]);
    };
    let mut found = vec![];
    let together = put_together(&names);
    for named in together.iter().take(MANY) {
        let path = ArrayPath::with_key(path.file(), &named.name);
        found.push(if named.n > 1 {
            of_pattern(&path, named)
        } else {
            Contents::Members(vec![match reader.info(&path) {
                Ok(info) => Member::Array(info),
                Err(error) => Member::Other { reason: without(&path, &error), path },
            }])
        });
    }
    if together.len() > MANY {
        found.push(unreadable(path.clone(), format!("has {} other arrays", together.len() - MANY)));
    }
    Ok(found)
}

/// A name in a folder; in the one where the program is, the name alone.
fn within(folder: &Path, name: &str) -> PathBuf {
    if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) }
}

/// Files of several rows, whose names have the first and the last seed: taken out of the names.
fn blocks(folder: &Path, files: &mut Vec<String>, found: &mut Vec<Contents>) {
    let around: BTreeSet<(String, String)> = files.iter().filter_map(|name| around_several(name)).collect();
    for (before, after) in around {
        // Other names look like these, but then their rows are not as many.
        let path = ArrayPath::of_file(within(folder, &format!("{before}{{seeds}}{after}")));
        let Ok(numbered) = numbered(&path) else { continue };
        found.push(Contents::Numbered(Box::new(numbered)));
        let around = (before, after);
        files.retain(|name| around_several(name).as_ref() != Some(&around) && around_number(name) != around);
    }
}

/// Files that are parts of one array: taken out of the names.
fn shards(folder: &Path, files: &mut Vec<String>, found: &mut Vec<Contents>) {
    let of = |name: &String| {
        let (before, after) = around_number(name);
        (is_shard(Path::new(name)) && before != *name).then(|| format!("{before}*{after}"))
    };
    let names: BTreeSet<String> = files.iter().filter_map(of).collect();
    for name in names {
        if files.iter().filter(|file| of(file).as_ref() == Some(&name)).count() < 2 {
            continue;
        }
        let path = ArrayPath::of_file(within(folder, &name));
        found.push(
            members(&path).map_or_else(|error| unreadable(path.clone(), without(&path, &error)), Contents::Members),
        );
        files.retain(|file| of(file).as_ref() != Some(&name));
    }
}

/// What files are that differ by one number, or a file alone.
fn of_name(folder: &Path, named: &Named) -> Vec<Contents> {
    let path = ArrayPath::of_file(within(folder, &named.name));
    if named.n == 1 {
        return file(&path).unwrap_or_else(|error| vec![unreadable(path.clone(), without(&path, &error))]);
    }
    if named.numbers.is_empty() {
        return vec![of_pattern(&path, named)];
    }
    match keys(&within(folder, &named.first)) {
        Err(error) => vec![unreadable(path, error.to_string())],
        // One array in each file needs no key.
        Ok(Some(names)) if names.len() > 1 => {
            let inside = put_together(&names);
            let each = inside.iter().take(MANY).map(|inside| {
                let path = ArrayPath::with_key(path.file(), &inside.name);
                if inside.n == 1 {
                    return of_pattern(&path, named);
                }
                let reason = format!(
                    "{} files with {} arrays each, numbered too: a pattern has one {{seed}}; read them file by file",
                    named.n, inside.n
                );
                unreadable(path, reason)
            });
            each.collect()
        }
        Ok(_) => vec![of_pattern(&path, named)],
    }
}

fn of_pattern(path: &ArrayPath, named: &Named) -> Contents {
    if named.numbers.is_empty() {
        let reason = format!(
            "{} as {}: the number is in several places, and a pattern has one {{seed}}; rename them so that it stands in one",
            named.n, named.first
        );
        return unreadable(path.clone(), reason);
    }
    let whole = numbered(path).map(|numbered| Box::new(columns_that_differ(path, numbered)));
    whole.map_or_else(|error| unreadable(path.clone(), without(path, &error)), Contents::Numbered)
}

fn unreadable(path: ArrayPath, reason: String) -> Contents {
    Contents::Members(vec![Member::Other { path, reason }])
}

/// The message of an error without the name that it is about.
fn without(path: &ArrayPath, error: &DataError) -> String {
    let message = error.to_string();
    match message.strip_prefix(&format!("{path}: ")) {
        Some(reason) => reason.to_owned(),
        None => message,
    }
}
