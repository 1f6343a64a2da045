//! Reads rows of simulations and derivatives from their arrays and checks them.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use imnn_sim::Real;

use crate::rows::{RowArray, read_finite};
use crate::values::{parameters_first, zeros};
use crate::{DataError, DatasetSpec, Derivatives, Microbatch};

/// The arrays, with the rows that are kept in memory.
pub(super) struct Reader<E: Real> {
    fiducial: Box<dyn RowArray<E>>,
    /// There is none where nothing has derivatives.
    derivative: Option<Box<dyn RowArray<E>>>,
    exact: bool,
    n_params: usize,
    row_len: usize,
    change_len: usize,
    /// Some rows, in memory, and the first of them.
    cached: Microbatch<E>,
    cached_from: usize,
    /// The bytes read from files so far, as numbers in memory.
    pub(super) bytes_read: AtomicU64,
}

impl<E: Real> Reader<E> {
    pub(super) fn new(
        spec: &DatasetSpec,
        fiducial: Box<dyn RowArray<E>>,
        derivative: Option<Box<dyn RowArray<E>>>,
    ) -> Self {
        Self {
            fiducial,
            derivative,
            exact: matches!(spec.derivatives, Derivatives::Exact),
            n_params: spec.n_params,
            row_len: spec.row_len(),
            change_len: spec.change_len(),
            cached: Microbatch::new(),
            cached_from: 0,
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Reads as many rows as fit `bytes`, from the row `from` on, and keeps them.
    pub(super) fn keep(&mut self, spec: &DatasetSpec, bytes: usize, from: usize) -> Result<(), DataError> {
        let (from, numbers) = (from.min(spec.n_s), bytes / size_of::<E>());
        let all_with = spec.n_d.saturating_sub(from);
        let with = (numbers / (self.row_len + self.change_len)).min(all_with);
        let left = numbers - with * (self.row_len + self.change_len);
        let without = if with == all_with { (left / self.row_len).min(spec.n_s - from - with) } else { 0 };
        self.cached = self.rows(from..from + with + without, with)?;
        self.cached_from = from;
        Ok(())
    }

    /// These rows and the first derivatives of them, in memory.
    pub(super) fn rows(&self, rows: Range<usize>, with_derivatives: usize) -> Result<Microbatch<E>, DataError> {
        let mut values = zeros(self.fiducial.label(), rows.len() * self.row_len)?;
        let mut derivatives = zeros(self.fiducial.label(), with_derivatives * self.change_len)?;
        self.changes(rows.start..rows.start + with_derivatives, &mut derivatives)?;
        self.values(rows.clone(), &mut values)?;
        Ok(Microbatch { n: rows.len(), values, derivatives })
    }

    /// The row at which the part `k` of `n` begins, where each part is as many bytes.
    pub(super) fn start_of(&self, spec: &DatasetSpec, (k, n): (usize, usize)) -> usize {
        let (with, without) = (self.row_len + self.change_len, self.row_len);
        let total = spec.n_d * with + (spec.n_s - spec.n_d) * without;
        let before = (total as u128 * k as u128 / n.max(1) as u128) as usize;
        match before.checked_sub(spec.n_d * with) {
            Some(behind) => spec.n_d + behind / without.max(1),
            None => before / with.max(1),
        }
    }

    /// Whether all of these rows are kept in memory.
    pub(super) fn keeps(&self, rows: &Range<usize>) -> bool {
        self.cached_from <= rows.start && rows.end <= self.cached_from + self.cached.n
    }

    /// The bytes in memory: rows that are kept, and what the arrays hold themselves.
    pub(super) fn memory(&self) -> usize {
        let kept = (self.cached.values.len() + self.cached.derivatives.len()) * size_of::<E>();
        kept + self.fiducial.memory() + self.derivative.as_ref().map_or(0, |array| array.memory())
    }

    /// The bytes of a microbatch of so many rows.
    pub(super) fn batch_bytes(&self, n: usize, with_derivatives: bool) -> usize {
        n * (self.row_len + if with_derivatives { self.change_len } else { 0 }) * size_of::<E>()
    }

    /// Reads rows that are there and on one side of `n_d`.
    pub(super) fn read(
        &self,
        rows: Range<usize>,
        with_derivatives: bool,
        batch: &mut Microbatch<E>,
    ) -> Result<(), DataError> {
        batch.n = rows.len();
        // Before what is kept, of it, and behind it.
        let kept = self.cached_from..self.cached_from + self.cached.n;
        let [start, end] = [kept.start, kept.end].map(|row| row.clamp(rows.start, rows.end));
        let outside = || [rows.start..start, end..rows.end].into_iter().filter(|part| !part.is_empty());
        let n_read = rows.len() - (end - start);
        self.bytes_read.fetch_add(self.batch_bytes(n_read, with_derivatives) as u64, Ordering::Relaxed);
        let at = |row: usize, len: usize| (row - rows.start) * len;
        let copy = |held: &[E], len: usize, to: &mut Vec<E>| {
            // What the buffer held is overwritten; only where it grows is it filled first.
            to.resize(rows.len() * len, E::zero());
            if start < end {
                let held = &held[(start - kept.start) * len..(end - kept.start) * len];
                to[at(start, len)..at(end, len)].copy_from_slice(held);
            }
        };
        copy(&self.cached.values, self.row_len, &mut batch.values);
        for part in outside() {
            let to = &mut batch.values[at(part.start, self.row_len)..at(part.end, self.row_len)];
            self.values(part, to)?;
        }
        if with_derivatives {
            copy(&self.cached.derivatives, self.change_len, &mut batch.derivatives);
            for part in outside() {
                let to = &mut batch.derivatives[at(part.start, self.change_len)..at(part.end, self.change_len)];
                self.changes(part, to)?;
            }
        } else {
            batch.derivatives.clear();
        }
        Ok(())
    }

    fn values(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let found = read_finite(&*self.fiducial, rows, to);
        if self.derivative.is_some() { found.map_err(DataError::or_drop) } else { found }
    }

    fn changes(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let Some(derivative) = &self.derivative else { return Ok(()) };
        read_finite(&**derivative, rows, to).map_err(DataError::or_drop)?;
        if self.exact {
            parameters_first(to, self.n_params, self.row_len);
        }
        Ok(())
    }
}
