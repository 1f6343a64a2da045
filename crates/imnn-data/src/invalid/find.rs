//! One pass over simulations and their partners, to find those that failed.

use std::ops::Range;
use std::sync::Arc;

use imnn_sim::Real;

use super::{Invalid, LeftOut, Memo, Partner, Tally};
use crate::DataError;
use crate::rows::{RowArray, chosen_rows, pieces, row_len};
use crate::values::all_finite;

/// The rows that are left, and what was left out.
#[derive(Debug)]
pub(super) struct Found {
    /// Rows at the fiducial, those with derivatives first.
    fiducial: Vec<usize>,
    /// Their derivatives.
    derivative: Vec<usize>,
    pub(super) left_out: LeftOut,
    of: Question,
}

/// What was looked for, and in what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question {
    /// The rows of simulations and of derivatives.
    pub(crate) rows: [usize; 2],
    /// How many simulations are wanted, if not all.
    pub(crate) n_s: Option<usize>,
    pub(crate) n_params: usize,
    pub(crate) sides: usize,
}

/// Simulations and derivatives whose rows belong together, and their seeds.
pub(crate) struct Rows<E> {
    pub(crate) fiducial: Box<dyn RowArray<E>>,
    pub(crate) derivative: Box<dyn RowArray<E>>,
    pub(crate) seeds: Option<Vec<u64>>,
}

/// Seeds that have no file: at the fiducial, and for each array of partners; and how many seeds partners have in all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    pub(crate) fiducial: Vec<u64>,
    pub(crate) partners: Vec<Vec<u64>>,
}

/// The rows without those that failed.
pub(crate) fn drop_failed<E: Real>(
    rows: Rows<E>,
    missing: &Missing,
    question: Question,
    invalid: &Invalid,
) -> Result<(Rows<E>, Option<LeftOut>), DataError> {
    let Invalid::Drop(memo) = invalid else { return Ok((rows, None)) };
    let found = known(memo, &question).map_or_else(|| look(&rows, missing, &question, memo), Ok)?;
    let (fiducial, derivative) = (&found.fiducial, &found.derivative);
    let left = found.left_out.clone();
    if fiducial.is_empty() || derivative.is_empty() {
        let (array, tally) = if fiducial.is_empty() {
            (rows.fiducial.label(), &left.fiducial)
        } else {
            (rows.derivative.label(), &left.derivative)
        };
        let all =
            if tally.of == 1 { "the only simulation".to_owned() } else { format!("all {} simulations", tally.of) };
        return Err(DataError::Refused(format!(
            "{array}: {all} failed, or partners of them, and nothing is left (invalid = \"drop\"); values that are not finite \
             are in each of them: `imnn data check` says where with invalid = \"refuse\""
        )));
    }
    let seeds = rows.seeds.map(|seeds| fiducial.iter().map(|&row| seeds[row]).collect());
    let rows = Rows {
        fiducial: chosen_rows(rows.fiducial, fiducial),
        derivative: chosen_rows(rows.derivative, derivative),
        seeds,
    };
    Ok((rows, Some(left)))
}

fn known(memo: &Memo, question: &Question) -> Option<Arc<Found>> {
    memo.get().filter(|found| found.of == *question)
}

fn look<E: Real>(rows: &Rows<E>, missing: &Missing, question: &Question, memo: &Memo) -> Result<Arc<Found>, DataError> {
    let mut pass = Pass::new(rows, question);
    pass.with_derivatives()?;
    pass.without_derivatives()?;
    let found = Arc::new(pass.found(missing));
    memo.set(found.clone());
    Ok(found)
}

/// What was seen so far.
struct Pass<'a, E> {
    rows: &'a Rows<E>,
    question: &'a Question,
    /// Those with all partners, those without derivatives, and those of which nothing is used.
    whole: Vec<usize>,
    without: Vec<usize>,
    failed: Vec<usize>,
    /// Rows whose derivatives are not used, and those that failed of each array of partners.
    incomplete: Vec<usize>,
    partners: Vec<Vec<usize>>,
    /// Rows looked at with derivatives, and at the fiducial.
    looked_at: [usize; 2],
}

impl<'a, E: Real> Pass<'a, E> {
    fn new(rows: &'a Rows<E>, question: &'a Question) -> Self {
        let partners = vec![vec![]; question.sides * question.n_params];
        let (whole, without, failed, incomplete) = (vec![], vec![], vec![], vec![]);
        Self { rows, question, whole, without, failed, incomplete, partners, looked_at: [0, 0] }
    }

    /// Whether there are as many as are wanted.
    fn is_enough(&self, n: usize) -> bool {
        self.question.n_s.is_some_and(|wanted| n >= wanted)
    }

    fn with_derivatives(&mut self) -> Result<(), DataError> {
        let [n_s, n_d] = self.question.rows;
        let (fiducial, derivative) = (&*self.rows.fiducial, &*self.rows.derivative);
        let (len, change) = (row_len(fiducial.shape()), row_len(derivative.shape()));
        let mut values = Buffers::default();
        for now in pieces::<E>(0..n_s.min(n_d), len + change) {
            let (values, changes) = values.read(fiducial, Some(derivative), now.clone())?;
            for (k, row) in now.enumerate() {
                if self.is_enough(self.whole.len()) {
                    return Ok(());
                }
                let change = &changes[k * change..(k + 1) * change];
                self.pair(row, all_finite(&values[k * len..(k + 1) * len]), change);
                self.looked_at = [row + 1, row + 1];
            }
        }
        Ok(())
    }

    fn pair(&mut self, row: usize, is_finite: bool, changes: &[E]) {
        let (n, n_params) = (self.partners.len(), self.question.n_params);
        let mut failed = vec![false; n];
        if !all_finite(changes) {
            // (2, n_params, *input), or (*input, n_params)
            let len = changes.len() / n.max(1);
            let place = |at: usize| if self.question.sides == 2 { at / len } else { at % n_params };
            changes
                .iter()
                .enumerate()
                .filter(|(_, value)| !value.is_finite())
                .for_each(|(at, _)| failed[place(at)] = true);
        }
        self.partners.iter_mut().zip(&failed).filter(|(_, failed)| **failed).for_each(|(rows, _)| rows.push(row));
        match (is_finite, failed.contains(&true)) {
            (true, false) => return self.whole.push(row),
            (true, true) => self.without.push(row),
            (false, _) => self.failed.push(row),
        }
        self.incomplete.push(row);
    }

    fn without_derivatives(&mut self) -> Result<(), DataError> {
        let [n_s, n_d] = self.question.rows;
        let fiducial = &*self.rows.fiducial;
        let len = row_len(fiducial.shape());
        let mut values = Buffers::default();
        for now in pieces::<E>(n_s.min(n_d)..n_s, len) {
            if self.is_enough(self.whole.len() + self.without.len()) {
                return Ok(());
            }
            let (values, _) = values.read(fiducial, None, now.clone())?;
            for (row, values) in now.zip(values.chunks_exact(len.max(1))) {
                if self.is_enough(self.whole.len() + self.without.len()) {
                    return Ok(());
                }
                if all_finite(values) { &mut self.without } else { &mut self.failed }.push(row);
                self.looked_at[1] = row + 1;
            }
        }
        Ok(())
    }

    fn found(self, missing: &Missing) -> Found {
        let question = self.question.clone();
        let seeds = self.rows.seeds.as_deref();
        let name = |row: usize| seeds.map_or(row as u64, |seeds| seeds[row]);
        let names = |rows: &[usize], more: &[u64]| {
            let mut names: Vec<u64> = rows.iter().map(|&row| name(row)).chain(more.iter().copied()).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        let [with, all] = self.looked_at;
        let at_fiducial: Vec<usize> = self.failed.iter().copied().filter(|&row| row < with).collect();
        let lacking: Vec<u64> = missing.partners.iter().flatten().chain(&missing.fiducial).copied().collect();
        let incomplete = names(&self.incomplete, &lacking);
        let of_derivative = with + incomplete.len() - self.incomplete.len();
        let at_fiducial = names(&at_fiducial, &missing.fiducial);
        // Of an array with all parameters, its seeds are those of each.
        let per = self.partners.len() / missing.partners.len().max(1);
        let partners = self.partners.iter().enumerate().map(|(k, rows)| {
            let lacks = missing.partners.get(k / per.max(1)).map_or(&[][..], |seeds| seeds);
            let failed = names(rows, lacks);
            let both = failed.iter().filter(|name| at_fiducial.binary_search(name).is_ok()).count();
            let alone = [failed.len() - both, at_fiducial.len() - both];
            let side = match question.sides {
                1 => "derivative",
                _ if k < question.n_params => "below",
                _ => "above",
            };
            Partner { parameter: k % question.n_params.max(1), side, failed, alone }
        });
        let left_out = LeftOut {
            fiducial: Tally { of: all + missing.fiducial.len(), failed: names(&self.failed, &missing.fiducial) },
            derivative: Tally { of: of_derivative, failed: incomplete },
            partners: partners.collect(),
            by_seed: seeds.is_some(),
        };
        // Derivatives without a simulation stay, for whoever counts both to refuse them.
        let [n_s, n_d] = question.rows;
        let derivative = self.whole.iter().copied().chain(n_s.min(n_d)..n_d).collect();
        Found { fiducial: [self.whole, self.without].concat(), derivative, left_out, of: question }
    }
}

/// The values of rows of both arrays.
struct Buffers<E> {
    values: Vec<E>,
    changes: Vec<E>,
}

impl<E> Default for Buffers<E> {
    fn default() -> Self {
        Self { values: vec![], changes: vec![] }
    }
}

impl<E: Real> Buffers<E> {
    fn read(
        &mut self,
        fiducial: &dyn RowArray<E>,
        derivative: Option<&dyn RowArray<E>>,
        rows: Range<usize>,
    ) -> Result<(&[E], &[E]), DataError> {
        let fill = |array: &dyn RowArray<E>, to: &mut Vec<E>| {
            to.resize(rows.len() * row_len(array.shape()), E::zero());
            array.read(rows.clone(), to)
        };
        fill(fiducial, &mut self.values)?;
        if let Some(derivative) = derivative {
            fill(derivative, &mut self.changes)?;
        }
        Ok((&self.values, &self.changes))
    }
}
