//! The threads of a CPU as a device.

use crate::device::{Cotangents, Device, Pass, Summaries, Task};
use crate::engine::{Dfdx, Engine};
use crate::error::{DeviceError, Result};
use crate::leaves::{leaf_size, leaves};
use crate::workers::Workers;
use imnn_data::{Derivatives, Leaf};
use imnn_models::{Batch, Element, Output};
use ndarray::{Array2, Array3, Axis};
use std::ops::Range;

/// Gradients are summed in at most this many runs of consecutive leaves, whatever the number of threads.
const RUNS: usize = 32;
/// What may be kept between forward and backward unless said otherwise: 1 GiB.
const MEMORY: usize = 1 << 30;

/// The threads of a CPU: each takes a leaf at a time, reads (or simulates) it and runs it by itself.
///
/// The same weights and key give the same bits for any number of threads: leaves are cut by the network's size alone, and
/// gradients are added in index order within fixed runs of leaves, the runs then in a fixed tree.
pub struct Cpu<E, G = Dfdx> {
    workers: Workers,
    engine: G,
    memory: usize,
    element: std::marker::PhantomData<fn() -> E>,
}

impl<E: Element> Cpu<E> {
    /// A CPU with this many threads.
    ///
    /// # Errors
    /// If `threads` is 0 or the threads cannot be started.
    pub fn new(threads: usize) -> Result<Self> {
        Cpu::with_engine(threads, Dfdx)
    }

    /// A CPU with as many threads as the machine can run at once.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn all() -> Result<Self> {
        Cpu::new(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl<E: Element, G: Engine<E>> Cpu<E, G> {
    /// A CPU whose threads run leaves with `engine`.
    ///
    /// # Errors
    /// If `threads` is 0 or the threads cannot be started.
    pub fn with_engine(threads: usize, engine: G) -> Result<Self> {
        Ok(Cpu { workers: Workers::new(threads)?, engine, memory: MEMORY, element: std::marker::PhantomData })
    }

    /// At most this many bytes of simulations are kept between forward and backward; the rest is read or simulated again.
    /// The default is 1 GiB. Results do not depend on it.
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.workers.len()
    }

    fn forward_leaf(&self, task: &Task<'_, E>, rows: Range<usize>) -> Result<(Output<E>, Leaf<E>)> {
        let mut leaf = Leaf::new();
        task.source.read(rows, task.key, &mut leaf)?;
        let outputs = match task.source.derivatives() {
            Derivatives::Exact => {
                let batch = Batch { n: leaf.n, values: &leaf.values, tangents: &leaf.derivatives };
                self.engine.forward(task.model, task.weights, &batch)?
            }
            Derivatives::Numerical { .. } => {
                let mut output = self.engine.forward(task.model, task.weights, &plain(&leaf.values, leaf.n))?;
                if leaf.has_derivatives() {
                    let n = 2 * leaf.n * task.source.n_params();
                    output.tangents =
                        self.engine.forward(task.model, task.weights, &plain(&leaf.derivatives, n))?.values;
                }
                output
            }
        };
        Ok((outputs, leaf))
    }

    fn backward_leaf(
        &self,
        task: &Task<'_, E>,
        leaf: &Leaf<E>,
        cotangents: Output<E>,
        gradient: &mut [E],
    ) -> Result<()> {
        match task.source.derivatives() {
            Derivatives::Exact => {
                let batch = Batch { n: leaf.n, values: &leaf.values, tangents: &leaf.derivatives };
                self.engine.backward(task.model, task.weights, &batch, &cotangents, gradient)?;
            }
            Derivatives::Numerical { .. } => {
                let Output { values, tangents } = cotangents;
                let at_fiducial = Output { values, tangents: vec![] };
                self.engine.backward(task.model, task.weights, &plain(&leaf.values, leaf.n), &at_fiducial, gradient)?;
                if leaf.has_derivatives() {
                    let n = 2 * leaf.n * task.source.n_params();
                    let beside = Output { values: tangents, tangents: vec![] };
                    self.engine.backward(task.model, task.weights, &plain(&leaf.derivatives, n), &beside, gradient)?;
                }
            }
        }
        Ok(())
    }
}

impl<E: Element, G: Engine<E>> Device<E> for Cpu<E, G> {
    fn forward(&self, task: &Task<'_, E>, keep: bool) -> Result<Pass<E>> {
        task.check()?;
        let (n_s, n_d) = (task.source.n_s(), task.source.n_d());
        let leaves = leaves(n_s, n_d, leaf_size(task.model));
        let sides = 1 + task.source.n_params() * task.source.derivatives().sides();
        let bytes_per_row = task.model.input_size() * size_of::<E>() * sides;
        let n_kept = if keep { self.memory / bytes_per_row } else { 0 };
        let results = self.workers.map(leaves.len(), |k| {
            let (output, leaf) = self.forward_leaf(task, leaves[k].clone())?;
            Ok((output, (leaves[k].end <= n_kept).then_some(leaf)))
        })?;

        let mut x = Vec::with_capacity(n_s * task.model.n_summaries());
        let mut tangents = Vec::new();
        let mut kept = Vec::with_capacity(leaves.len());
        for (output, leaf) in results {
            x.extend(output.values.iter().map(|v| v.f64()));
            tangents.extend(output.tangents.iter().map(|v| v.f64()));
            kept.push(leaf);
        }
        let summaries = collect(task, x, &tangents)?;
        Ok(Pass { summaries, kept })
    }

    fn backward(&self, task: &Task<'_, E>, pass: Pass<E>, cotangents: &Cotangents) -> Result<Vec<E>> {
        task.check()?;
        let (n_s, n_d) = (task.source.n_s(), task.source.n_d());
        let (n_summaries, n_params) = (task.model.n_summaries(), task.source.n_params());
        for (expected, found) in
            [(vec![n_s, n_summaries], cotangents.x.shape()), (vec![n_summaries, n_params], cotangents.dx.shape())]
        {
            if expected != found {
                return Err(DeviceError::Cotangents { expected, found: found.to_vec() });
            }
        }
        let leaves = leaves(n_s, n_d, leaf_size(task.model));
        let beside = beside_cotangents::<E>(task.source.derivatives(), &cotangents.dx);
        let n_runs = leaves.len().min(RUNS);
        let runs = self.workers.map(n_runs, |run| {
            let mut gradient = vec![E::zero(); task.weights.len()];
            for k in run * leaves.len() / n_runs..(run + 1) * leaves.len() / n_runs {
                let rows = leaves[k].clone();
                let at = cotangents.x.slice_axis(Axis(0), rows.clone().into());
                let values = at.iter().map(|&c| E::of(c)).collect();
                let tangents = if rows.end <= n_d { beside.repeat(rows.len()) } else { vec![] };
                let cotangents = Output { values, tangents };
                match &pass.kept.get(k) {
                    Some(Some(leaf)) => self.backward_leaf(task, leaf, cotangents, &mut gradient)?,
                    _ => {
                        let mut leaf = Leaf::new();
                        task.source.read(rows, task.key, &mut leaf)?;
                        self.backward_leaf(task, &leaf, cotangents, &mut gradient)?;
                    }
                }
            }
            Ok(gradient)
        })?;
        Ok(tree_sum(runs).unwrap_or_else(|| vec![E::zero(); task.weights.len()]))
    }
}

/// Simulations without tangents.
fn plain<E>(values: &[E], n: usize) -> Batch<'_, E> {
    Batch { n, values, tangents: &[] }
}

/// Summaries in the shapes of the statistics; derivatives of numerical data are `(above - below) / width`.
fn collect<E: Element>(task: &Task<'_, E>, x: Vec<f64>, beside: &[f64]) -> Result<Summaries> {
    let (n_s, n_d) = (task.source.n_s(), task.source.n_d());
    let (n_summaries, n_params) = (task.model.n_summaries(), task.source.n_params());
    let per_row = beside.len().checked_div(n_d).unwrap_or(0);
    let rows =
        x.chunks_exact(n_summaries.max(1)).zip(beside.chunks(per_row.max(1)).map(Some).chain(std::iter::repeat(None)));
    for (row, (x, beside)) in rows.enumerate() {
        if let Some(&value) = x.iter().chain(beside.into_iter().flatten()).find(|v| !v.is_finite()) {
            return Err(DeviceError::NonFinite { row, n_s, value });
        }
    }
    // The network's tangents run over (simulation, [side,] parameter, summary); the statistics want parameters last.
    let at = |i: usize, side: usize, sides: usize, a: usize, s: usize| {
        beside[((i * sides + side) * n_params + a) * n_summaries + s]
    };
    let dx = Array3::from_shape_fn((n_d, n_summaries, n_params), |(i, s, a)| match task.source.derivatives() {
        Derivatives::Exact => at(i, 0, 1, a, s),
        Derivatives::Numerical { widths } => (at(i, 1, 2, a, s) - at(i, 0, 2, a, s)) / widths[a],
    });
    let x = Array2::from_shape_fn((n_s, n_summaries), |(i, s)| x[i * n_summaries + s]);
    Ok(Summaries { x, dx })
}

/// The cotangents of one simulation's tangents `(n_params, n_summaries)`, or of its simulations below and above
/// `(2, n_params, n_summaries)`.
fn beside_cotangents<E: Element>(derivatives: &Derivatives, dx: &Array2<f64>) -> Vec<E> {
    let (n_summaries, n_params) = dx.dim();
    let over = |scale: &dyn Fn(usize) -> f64| -> Vec<E> {
        let pairs = (0..n_params).flat_map(|a| (0..n_summaries).map(move |s| (a, s)));
        pairs.map(|(a, s)| E::of(dx[[s, a]] * scale(a))).collect()
    };
    match derivatives {
        Derivatives::Exact => over(&|_| 1.0),
        Derivatives::Numerical { widths } => [over(&|a| -1.0 / widths[a]), over(&|a| 1.0 / widths[a])].concat(),
    }
}

/// Adds neighbours, then neighbours of the sums, and so on: an order that depends on the number of terms alone.
fn tree_sum<E: Element>(mut terms: Vec<Vec<E>>) -> Option<Vec<E>> {
    while terms.len() > 1 {
        let mut pairs = terms.into_iter();
        let mut sums = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(mut sum) = pairs.next() {
            if let Some(other) = pairs.next() {
                sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
            }
            sums.push(sum);
        }
        terms = sums;
    }
    terms.pop()
}
