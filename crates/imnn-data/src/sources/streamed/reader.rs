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
    /// The first rows, in memory.
    cached: Microbatch<E>,
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
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Reads as many of the first rows as fit `bytes` and keeps them.
    pub(super) fn keep(&mut self, spec: &DatasetSpec, bytes: usize) -> Result<(), DataError> {
        let numbers = bytes / size_of::<E>();
        let with = (numbers / (self.row_len + self.change_len)).min(spec.n_d);
        let left = numbers - with * (self.row_len + self.change_len);
        let without = if with == spec.n_d { (left / self.row_len).min(spec.n_s - spec.n_d) } else { 0 };
        self.cached = self.first(with + without, with)?;
        Ok(())
    }

    /// The first rows and the first derivatives, in memory.
    pub(super) fn first(&self, n: usize, with_derivatives: usize) -> Result<Microbatch<E>, DataError> {
        let mut values = zeros(self.fiducial.label(), n * self.row_len)?;
        let mut derivatives = zeros(self.fiducial.label(), with_derivatives * self.change_len)?;
        self.changes(0..with_derivatives, &mut derivatives)?;
        self.values(0..n, &mut values)?;
        Ok(Microbatch { n, values, derivatives })
    }

    /// The rows that are kept in memory.
    pub(super) fn kept(&self) -> usize {
        self.cached.n
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
        let kept = rows.end.min(self.cached.n).saturating_sub(rows.start);
        let split = |held: &[E], len: usize, to: &mut Vec<E>| {
            // What the buffer held is overwritten; only where it grows is it filled first.
            to.resize(rows.len() * len, E::zero());
            if kept > 0 {
                to[..kept * len].copy_from_slice(&held[rows.start * len..(rows.start + kept) * len]);
            }
        };
        split(&self.cached.values, self.row_len, &mut batch.values);
        let rest = rows.start + kept..rows.end;
        self.bytes_read.fetch_add(self.batch_bytes(rest.len(), with_derivatives) as u64, Ordering::Relaxed);
        self.values(rest.clone(), &mut batch.values[kept * self.row_len..])?;
        if with_derivatives {
            split(&self.cached.derivatives, self.change_len, &mut batch.derivatives);
            self.changes(rest, &mut batch.derivatives[kept * self.change_len..])?;
        } else {
            batch.derivatives.clear();
        }
        Ok(())
    }

    fn values(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        read_finite(&*self.fiducial, rows, to)
    }

    fn changes(&self, rows: Range<usize>, to: &mut [E]) -> Result<(), DataError> {
        let Some(derivative) = &self.derivative else { return Ok(()) };
        read_finite(&**derivative, rows, to)?;
        if self.exact {
            parameters_first(to, self.n_params, self.row_len);
        }
        Ok(())
    }
}
