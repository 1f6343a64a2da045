//! The numbers that say how simulations and summaries lie in memory.

use crate::device::{Cotangents, Summaries, Task};
use crate::error::{DeviceError, Result};
use crate::microbatches::Microbatches;
use imnn_data::{Derivatives, Microbatch, Source};
use imnn_engine::Rows;
use imnn_models::{Element, Model};
use ndarray::{Array, ArrayView2, Axis, Dimension, Ix2, Ix3};
use std::ops::Range;

/// The sizes of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) n_s: usize,
    pub(crate) n_d: usize,
    pub(crate) n_params: usize,
    pub(crate) n_summaries: usize,
    /// Numbers in one simulation.
    pub(crate) input: usize,
    /// Whether derivatives come as tangents, or as simulations below and above.
    pub(crate) exact: bool,
    pub(crate) microbatches: Microbatches,
}

impl Shape {
    /// The sizes of `task` for `model`, in microbatches of at most `microbatch_size` simulations.
    ///
    /// # Errors
    /// If source, network and weights do not belong together.
    pub(crate) fn new<E: Element>(model: &Model, task: &Task<'_, E>, microbatch_size: usize) -> Result<Self> {
        let shape = Self::of(model, task.source, microbatch_size)?;
        let expected = model.layout().len();
        if task.weights.len() != expected {
            return Err(DeviceError::Weights { expected, found: task.weights.len() });
        }
        Ok(shape)
    }

    /// The sizes of the simulations of `source` for `model`, in microbatches of at most `microbatch_size`.
    ///
    /// # Errors
    /// If source and network do not belong together.
    pub(crate) fn of<E: Element>(model: &Model, source: &dyn Source<E>, microbatch_size: usize) -> Result<Self> {
        if source.input_shape() != model.input_shape() {
            return Err(DeviceError::InputShape {
                network: model.input_shape().to_vec(),
                found: source.input_shape().to_vec(),
            });
        }
        let (n_s, n_d) = (source.n_s(), source.n_d());
        Ok(Shape {
            n_s,
            n_d,
            n_params: source.n_params(),
            n_summaries: model.n_summaries(),
            input: model.input_size(),
            exact: matches!(source.derivatives(), Derivatives::Exact),
            microbatches: Microbatches::new(n_s, n_d, microbatch_size),
        })
    }

    /// How many rows follow from each simulation of microbatch `k`: its tangents, or its simulations below and above.
    pub(crate) fn tangent_rows(&self, k: usize) -> usize {
        match (self.microbatches.have_derivatives(k), self.exact) {
            (false, _) => 0,
            (true, true) => self.n_params,
            (true, false) => 2 * self.n_params,
        }
    }

    /// The rows of microbatch `k`.
    pub(crate) fn rows(&self, k: usize) -> Rows {
        let (n, tangent_rows) = (self.microbatches.rows(k).len(), self.tangent_rows(k));
        if self.exact { Rows { n, tangents: tangent_rows } } else { Rows { n: n * (1 + tangent_rows), tangents: 0 } }
    }

    /// Reads some simulations, each with so many tangent rows.
    ///
    /// # Errors
    /// If they cannot be read, or the source gives other numbers than it promised.
    pub(crate) fn read<E: Element>(
        &self,
        task: &Task<'_, E>,
        rows: Range<usize>,
        tangent_rows: usize,
        microbatch: &mut Microbatch<E>,
    ) -> Result<()> {
        task.source.read(rows.clone(), task.key, microbatch)?;
        let expected = [1, tangent_rows].map(|per| rows.len() * per * self.input);
        let found = [microbatch.values.len(), microbatch.derivatives.len()];
        if microbatch.n != rows.len() || found != expected {
            return Err(DeviceError::Microbatch { start: rows.start, end: rows.end, expected, found });
        }
        Ok(())
    }

    /// Gives `summaries` this shape, in the memory that they have.
    pub(crate) fn prepare(&self, summaries: &mut Summaries) {
        reshape(&mut summaries.x, Ix2(self.n_s, self.n_summaries));
        reshape(&mut summaries.dx, Ix3(self.n_d, self.n_summaries, self.n_params));
    }

    /// Writes what a program returned for microbatch `k` to its place; derivatives of numerical data are `(above - below) / width`.
    /// Returns the first value that is NaN or infinite, with its simulation.
    pub(crate) fn collect<E: Element>(
        &self,
        k: usize,
        derivatives: &Derivatives,
        output: &[E],
        summaries: &mut Summaries,
    ) -> Option<(usize, f64)> {
        let (rows, tangent_rows) = (self.microbatches.rows(k), self.tangent_rows(k));
        let (n, n_summaries) = (rows.len(), self.n_summaries);
        let (values, changes) = output.split_at(n * n_summaries);
        let x = &mut summaries.x.as_slice_mut().unwrap_or_default()[rows.start * n_summaries..rows.end * n_summaries];
        for (x, value) in x.iter_mut().zip(values) {
            *x = value.f64();
        }
        if tangent_rows > 0 {
            let per = n_summaries * self.n_params;
            let dx = &mut summaries.dx.as_slice_mut().unwrap_or_default()[rows.start * per..rows.end * per];
            for (dx, output) in dx.chunks_exact_mut(per).zip(changes.chunks_exact(tangent_rows * n_summaries)) {
                // The network's rows run over (side, parameter, summary); the statistics want parameters last.
                for (s, dx) in dx.chunks_exact_mut(self.n_params).enumerate() {
                    for (a, dx) in dx.iter_mut().enumerate() {
                        let at = |side: usize| output[(side * self.n_params + a) * n_summaries + s].f64();
                        *dx = match derivatives {
                            Derivatives::Exact => at(0),
                            Derivatives::Numerical { widths } => (at(1) - at(0)) / widths[a],
                        };
                    }
                }
            }
        }
        if output.iter().all(|value| value.is_finite()) {
            return None;
        }
        let first = |i: usize| {
            let own = &values[i * n_summaries..(i + 1) * n_summaries];
            let others = &changes[i * tangent_rows * n_summaries..(i + 1) * tangent_rows * n_summaries];
            let value = own.iter().chain(others).find(|value| !value.is_finite())?;
            Some((rows.start + i, value.f64()))
        };
        (0..n).find_map(first)
    }

    /// Checks that cotangents are those of the summaries, and a gradient as long as the weights.
    ///
    /// # Errors
    /// If they have another shape.
    pub(crate) fn check<E>(&self, cotangents: &Cotangents<'_>, weights: &[E], gradient: &[E]) -> Result<()> {
        let expected = [[self.n_s, self.n_summaries], [self.n_summaries, self.n_params]];
        for (expected, found) in expected.into_iter().zip([cotangents.x.shape(), cotangents.dx.shape()]) {
            if expected != found {
                return Err(DeviceError::Cotangents { expected: expected.to_vec(), found: found.to_vec() });
            }
        }
        if gradient.len() != weights.len() {
            return Err(DeviceError::Gradient { expected: weights.len(), found: gradient.len() });
        }
        Ok(())
    }

    /// Writes to `to` the cotangents of the tangent rows of one simulation: of its tangents `(n_params, n_summaries)`, or of
    /// its simulations below and above `(2, n_params, n_summaries)`.
    pub(crate) fn tangent_cotangents<E: Element>(
        &self,
        derivatives: &Derivatives,
        dx: ArrayView2<'_, f64>,
        to: &mut Vec<E>,
    ) {
        to.clear();
        let mut write = |scale: &dyn Fn(usize) -> f64| {
            for a in 0..self.n_params {
                to.extend(dx.column(a).iter().map(|c| E::of(c * scale(a))));
            }
        };
        match derivatives {
            Derivatives::Exact => write(&|_| 1.0),
            Derivatives::Numerical { widths } => {
                write(&|a| -1.0 / widths[a]);
                write(&|a| 1.0 / widths[a]);
            }
        }
    }

    /// Writes to `to` the cotangents of the simulations of microbatch `k`, those below and above included.
    pub(crate) fn cotangents<E: Element>(
        &self,
        k: usize,
        mut x: ArrayView2<'_, f64>,
        tangent_rows: &[E],
        to: &mut Vec<E>,
    ) {
        let rows = self.microbatches.rows(k);
        x.slice_axis_inplace(Axis(0), rows.into());
        to.clear();
        to.extend(x.iter().map(|&c| E::of(c)));
        if !self.exact && self.tangent_rows(k) > 0 {
            for _ in 0..x.nrows() {
                to.extend_from_slice(tangent_rows);
            }
        }
    }
}

fn reshape<D: Dimension>(array: &mut Array<f64, D>, shape: D) {
    if array.raw_dim() != shape {
        let (mut values, _) = std::mem::take(array).into_raw_vec_and_offset();
        values.resize(shape.size(), 0.0);
        *array = Array::from_shape_vec(shape.clone(), values).unwrap_or_else(|_| Array::zeros(shape));
    }
}
