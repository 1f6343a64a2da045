//! Where each record of a set of files is, and where it belongs.

use std::fs::File;
use std::path::PathBuf;

use imnn_io::text::plural;

use super::example::Place;
use super::frame::{self, HEAD, TAIL};
use super::scan::scan;
use crate::DataError;
use crate::formats::foreign;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) file: u32,
}

/// All records of a set of files in the order of their rows.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) files: Vec<Shard>,
    /// For each row its record, or those below for each parameter and then those above.
    pub(super) entries: Vec<Entry>,
    pub(super) seeds: Option<Vec<u64>>,
    /// The number of parameters where the records are simulations below and above.
    pub(super) n_params: Option<usize>,
    /// The number of values in each record.
    pub(super) len: usize,
}

#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    /// Kept open where there are not too many.
    file: Option<File>,
}

/// The files that are kept open; systems allow 1024 and more.
const OPEN: usize = 128;

impl Shard {
    /// Does something with the open file.
    pub(super) fn with<T>(&self, work: impl FnOnce(&File) -> Result<T, DataError>) -> Result<T, DataError> {
        match &self.file {
            Some(file) => work(file),
            None => work(crate::file::open(&self.path)?.reader.get_ref()),
        }
    }

    pub(super) fn damaged(&self, offset: u64, reason: impl Into<String>) -> DataError {
        DataError::unusable(format!("{}: the record at byte {offset}", self.path.display()), reason)
    }
}

/// Small records are read whole when they are indexed, and their checksum compared.
const SMALL: u64 = 4096;

impl Index {
    /// Goes through the files once, past the data.
    pub(super) fn build(label: &str, paths: &[PathBuf]) -> Result<Self, DataError> {
        let mut found: Vec<(Place, Entry)> = vec![];
        let mut files = Vec::with_capacity(paths.len());
        let mut len = None;
        for (number, path) in paths.iter().enumerate() {
            let opened = crate::file::open(path)?;
            let end = opened.len;
            let mut shard = Shard { path: path.clone(), file: Some(opened.reader.into_inner()) };
            let number = u32::try_from(number).map_err(|_| shard.damaged(0, "there are too many files"))?;
            let mut offset = 0;
            while offset < end {
                let (record, scanned) = shard.with(|file| {
                    let damaged = |reason: String| shard.damaged(offset, reason);
                    let record = frame::length(file, offset, end).map_err(|reason| match foreign::what(path) {
                        Some(other) if offset == 0 => DataError::unusable(path.display(), other),
                        _ => damaged(reason),
                    })?;
                    if record <= SMALL {
                        frame::data(file, offset, record).map_err(damaged)?;
                    }
                    let start = offset + HEAD;
                    Ok((record, scan(file, start..start + record).map_err(damaged)?))
                })?;
                let expected = *len.get_or_insert(scanned.len);
                if scanned.len != expected || expected == 0 {
                    let reason = match expected {
                        0 => "its feature `data` is empty".to_owned(),
                        _ => format!(
                            "its feature `data` has {} values, the records before have {expected}; all simulations need the same shape",
                            scanned.len
                        ),
                    };
                    return Err(shard.damaged(offset, reason));
                }
                found.push((scanned.place, Entry { offset, len: record, file: number }));
                offset += HEAD + record + TAIL;
            }
            if paths.len() > OPEN {
                shard.file = None;
            }
            files.push(shard);
        }
        let refuse = |reason: String| Err(DataError::unusable(label, reason));
        let Some(len) = len else {
            let reason = format!("no records in {}; were the simulations written?", plural(paths.len(), "file"));
            return refuse(reason);
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (seeds, n_params) = match order(&mut found, &files) {
            Ok(order) => order,
            Err(reason) => return refuse(reason),
        };
        let entries = found.into_iter().map(|(_, entry)| entry).collect();
        Ok(Self { files, entries, seeds, n_params, len })
    }
}

/// Brings records into the order of rows, and checks that each is there once.
#[allow(clippy::type_complexity)]
fn order(found: &mut [(Place, Entry)], files: &[Shard]) -> Result<(Option<Vec<u64>>, Option<usize>), String> {
    let at =
        |(_, entry): &(Place, Entry)| format!("{} at byte {}", files[entry.file as usize].path.display(), entry.offset);
    let first = found[0];
    let like = |place: &Place| (place.seed.is_some(), place.side.is_some());
    if let Some(other) = found.iter().find(|(place, _)| like(place) != like(&first.0)) {
        return Err(format!(
            "the record in {} has {}, that in {} has {}; all records of a set have to be of one kind",
            at(&first),
            kind(&first.0),
            at(other),
            kind(&other.0)
        ));
    }
    if first.0.seed.is_none() {
        return Ok((None, None));
    }
    found.sort_by_key(|(place, entry)| (*place, entry.file, entry.offset));
    if let Some(pair) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("{} is there twice, in {} and in {}", name(&pair[0].0), at(&pair[0]), at(&pair[1])));
    }
    let n_params = found.iter().filter_map(|(place, _)| place.side).map(|(_, a)| a as usize + 1).max();
    let per_row = 2 * n_params.unwrap_or(0);
    let mut seeds: Vec<u64> = found.iter().filter_map(|(place, _)| place.seed).collect();
    seeds.dedup();
    if let Some(n_params) = n_params {
        // All are different, so where one is missing the count is short.
        if seeds.len().checked_mul(per_row) != Some(found.len()) {
            return Err(missing_side(found, n_params));
        }
    }
    if let Some(gap) = seeds.windows(2).find(|pair| pair[0] + 1 != pair[1]) {
        let (before, after) = (gap[0], gap[1]);
        let which = match after - before {
            2 => format!("seed {} is", before + 1),
            _ => format!("seeds {} to {} are", before + 1, after - 1),
        };
        return Err(format!("{which} missing between {before} and {after}; is a file missing?"));
    }
    Ok((Some(seeds), n_params))
}

/// Names the first record that is missing.
fn missing_side(found: &[(Place, Entry)], n_params: usize) -> String {
    let sides = (0..2).flat_map(|side| (0..n_params as u32).map(move |parameter| (side, parameter)));
    for of_seed in found.chunk_by(|a, b| a.0.seed == b.0.seed) {
        let there = of_seed.iter().map(|(place, _)| place.side).chain(std::iter::repeat(None));
        if let Some((side, _)) = sides.clone().zip(there).find(|(side, there)| Some(*side) != *there) {
            return format!(
                "{} is missing; every seed needs simulations below and above for each of the {}; is a file missing?",
                name(&Place { seed: of_seed[0].0.seed, side: Some(side) }),
                plural(n_params, "parameter")
            );
        }
    }
    "records are missing".to_owned()
}

fn kind(place: &Place) -> &'static str {
    match (place.seed, place.side) {
        (_, Some(_)) => "`derivative` and `parameter`",
        (Some(_), None) => "a `seed` and no `derivative`",
        (None, None) => "no `seed`",
    }
}

fn name(place: &Place) -> String {
    let seed = place.seed.unwrap_or_default();
    match place.side {
        None => format!("the record of seed {seed}"),
        Some((side, parameter)) => {
            let side = if side == 0 { "below" } else { "above" };
            format!("the record of seed {seed} {side} in parameter {parameter}")
        }
    }
}
