//! Which rows of several arrays belong together: by seed where they have seeds, by place where none has.

use std::ops::Range;

use imnn_io::text::plural;
use imnn_sim::Real;

use super::{RowArray, RowSpec, check_read, row_len};
use crate::DataError;

/// What becomes of rows that only some of the arrays have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lacking {
    /// They are an error, unless so many rows are asked for and as many are in all of them.
    Refused(Option<usize>),
    /// Their seeds are left out, as those of simulations that failed.
    Failed,
}

/// The seeds that all of the arrays have, ascending; nothing where no array has seeds.
///
/// A seed that only some have is an error, unless those that all have are enough: a forgotten file must not go unnoticed, nor
/// any row meet a partner of another seed.
pub(super) fn common<E: Real>(arrays: &[&dyn RowArray<E>], lacking: Lacking) -> Result<Option<Vec<u64>>, DataError> {
    let named: Vec<Named<'_>> = arrays.iter().filter_map(|array| Some((array.label(), array.seeds()?))).collect();
    match named.len() {
        0 => Ok(None),
        n if n < arrays.len() => Err(without_seeds(arrays)),
        _ => common_seeds(&named, lacking).map(Some),
    }
}

/// The seeds of an array with its name.
type Named<'a> = (&'a str, &'a [u64]);

fn common_seeds(arrays: &[Named<'_>], lacking: Lacking) -> Result<Vec<u64>, DataError> {
    let has = |(_, seeds): &Named<'_>, seed: u64| seeds.binary_search(&seed).is_ok();
    let mut seeds: Vec<u64> = arrays.iter().flat_map(|(_, seeds)| seeds.iter().copied()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let (in_all, orphans): (Vec<u64>, Vec<u64>) =
        seeds.into_iter().partition(|&seed| arrays.iter().all(|array| has(array, seed)));
    let enough = match lacking {
        Lacking::Refused(asked) => asked.is_some_and(|asked| asked <= in_all.len()),
        Lacking::Failed => !in_all.is_empty(),
    };
    let Some(&seed) = orphans.first().filter(|_| !enough) else { return Ok(in_all) };
    let name = |there: bool| arrays.iter().find(|array| has(array, seed) == there).map_or("", |(label, _)| label);
    let others = match orphans.len() - 1 {
        0 => String::new(),
        more => format!(", and {} like it", plural(more, "other")),
    };
    let advice = match in_all.len() {
        0 => "no seed is in all of the arrays".to_owned(),
        n => format!(
            "add what is missing, set n_d = {n} to use the {} that all have, or leave out what failed: invalid = \"drop\" in [simulations]",
            plural(n, "seed")
        ),
    };
    let (with, without) = (name(true), name(false));
    let reason = format!("seed {seed} is in {with} and not in {without}{others}; {advice}");
    Err(DataError::Refused(reason))
}

/// The seeds that each of the arrays lacks of those that any of them has, or has a damaged file of; none where they have no
/// seeds.
pub(crate) fn lacking_seeds<E: Real>(arrays: &[&dyn RowArray<E>]) -> Vec<Vec<u64>> {
    let all = seeds_of_any(arrays);
    arrays.iter().map(|array| lacking_of(&all, *array)).collect()
}

/// Those of these seeds that an array with seeds lacks.
pub(crate) fn lacking_of<E: Real>(seeds: &[u64], array: &dyn RowArray<E>) -> Vec<u64> {
    let Some(there) = array.seeds() else { return vec![] };
    seeds.iter().copied().filter(|seed| there.binary_search(seed).is_err()).collect()
}

/// All seeds of arrays, those of damaged files too, ascending.
pub(crate) fn seeds_of_any<E: Real>(arrays: &[&dyn RowArray<E>]) -> Vec<u64> {
    let seeds = |array: &&dyn RowArray<E>| {
        let spec = array.spec();
        spec.seeds.iter().flatten().chain(&spec.damaged).copied().collect::<Vec<_>>()
    };
    let mut all: Vec<u64> = arrays.iter().flat_map(seeds).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Refuses arrays of which only some have seeds.
fn without_seeds<E: Real>(arrays: &[&dyn RowArray<E>]) -> DataError {
    let name = |has: bool| arrays.iter().find(|array| array.seeds().is_some() == has).map_or("", |array| array.label());
    let (with, without) = (name(true), name(false));
    DataError::Refused(format!(
        "{with} has seeds and {without} has none, so which rows belong together cannot be told; give all with seeds (a pattern with {{seed}} in its names, or records with a feature `seed`), or all as single arrays in the same order"
    ))
}

/// Simulations and their derivatives in an order in which row i belongs to row i, those with derivatives first, and the
/// seeds in this order where there are seeds.
#[allow(clippy::type_complexity)]
pub(crate) fn matched<E: Real>(
    fiducial: Box<dyn RowArray<E>>,
    derivative: Box<dyn RowArray<E>>,
    lacking: Lacking,
) -> Result<(Box<dyn RowArray<E>>, Box<dyn RowArray<E>>, Option<Vec<u64>>), DataError> {
    if let (None, None) = (fiducial.seeds(), derivative.seeds()) {
        return Ok((fiducial, derivative, None));
    }
    // Simulations without derivatives are nothing to be said about; derivatives without their simulation are.
    let with = match (fiducial.seeds(), derivative.seeds()) {
        (Some(simulations), Some(derivatives)) => {
            let of_both: Vec<u64> =
                simulations.iter().copied().filter(|seed| derivatives.binary_search(seed).is_ok()).collect();
            common_seeds(&[(fiducial.label(), &of_both), (derivative.label(), derivatives)], lacking)?
        }
        _ => return Err(without_seeds(&[&*fiducial, &*derivative])),
    };
    let seeds = fiducial.seeds().unwrap_or_default();
    let without = seeds.iter().copied().filter(|seed| with.binary_search(seed).is_err());
    let order: Vec<u64> = with.iter().copied().chain(without).collect();
    Ok((picked(fiducial, &order), picked(derivative, &with), Some(order)))
}

/// The rows of these seeds, all of which the array has.
pub(super) fn picked<E: Real>(array: Box<dyn RowArray<E>>, seeds: &[u64]) -> Box<dyn RowArray<E>> {
    let there = array.seeds().unwrap_or_default();
    if there == seeds {
        return array;
    }
    let rows: Vec<usize> = seeds.iter().filter_map(|seed| there.binary_search(seed).ok()).collect();
    chosen_rows(array, &rows)
}

/// Rows of an array in any order.
pub(crate) fn chosen_rows<E: Real>(array: Box<dyn RowArray<E>>, rows: &[usize]) -> Box<dyn RowArray<E>> {
    if rows.len() == array.shape()[0] && rows.iter().enumerate().all(|(k, row)| k == *row) {
        return array;
    }
    let mut shape = array.shape().to_vec();
    shape[0] = rows.len();
    // They are matched now, and have no seeds to be matched by once more.
    let (label, dtype) = (array.label().to_owned(), array.dtype().to_owned());
    Box::new(Picked { array, rows: rows.to_vec(), spec: RowSpec { label, shape, dtype, ..RowSpec::default() } })
}

/// Rows of another array in another order.
struct Picked<E> {
    array: Box<dyn RowArray<E>>,
    rows: Vec<usize>,
    spec: RowSpec,
}

impl<E: Real> RowArray<E> for Picked<E> {
    fn spec(&self) -> &RowSpec {
        &self.spec
    }

    fn element(&self, index: &[usize]) -> String {
        match index {
            [row, rest @ ..] if *row < self.rows.len() => self.array.element(&[&[self.rows[*row]], rest].concat()),
            _ => self.array.element(index),
        }
    }

    fn memory(&self) -> usize {
        self.array.memory()
    }

    fn read(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        check_read(&self.spec.shape, &rows, to);
        let len = row_len(&self.spec.shape);
        let mut done = 0;
        for run in self.rows[rows].chunk_by(|a, b| a + 1 == *b) {
            self.array.read(run[0]..run[0] + run.len(), &mut to[done..done + run.len() * len])?;
            done += run.len() * len;
        }
        Ok(())
    }
}
