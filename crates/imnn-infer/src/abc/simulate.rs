//! Simulators as functions: from parameters to summaries, in blocks.

use std::error::Error;
use std::ops::Range;

use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array2, ArrayView2};

use crate::error::{InferError, Result};
use crate::parallel::in_blocks;

/// A simulator together with what compresses its data: summaries of simulations at given parameters, a block at a time,
/// so that a network may run on all of a block at once.
///
/// Simulation and compression have to depend on key and parameters alone, not on which others are in the block.
pub trait Simulate: Sync {
    /// The number of summaries `q`.
    fn n_summaries(&self) -> usize;

    /// Summaries `(n, q)` of simulations with these keys at these parameters `(n, p)`. A simulation that fails may be
    /// NaN.
    ///
    /// # Errors
    /// What the simulator says, if none of the block can be simulated.
    fn simulate(
        &self,
        keys: &[Key],
        theta: ArrayView2<'_, f64>,
    ) -> std::result::Result<Array2<f64>, Box<dyn Error + Send + Sync>>;
}

struct Blocks<F>(usize, F);

impl<F> Simulate for Blocks<F>
where
    F: Fn(&[Key], ArrayView2<'_, f64>) -> std::result::Result<Array2<f64>, Box<dyn Error + Send + Sync>> + Sync,
{
    fn n_summaries(&self) -> usize {
        self.0
    }

    fn simulate(
        &self,
        keys: &[Key],
        theta: ArrayView2<'_, f64>,
    ) -> std::result::Result<Array2<f64>, Box<dyn Error + Send + Sync>> {
        (self.1)(keys, theta)
    }
}

/// A simulator that is a function of keys `(n)` and parameters `(n, p)` to `n_summaries` summaries each.
pub fn blocks_of(
    n_summaries: usize,
    simulate: impl Fn(&[Key], ArrayView2<'_, f64>) -> std::result::Result<Array2<f64>, Box<dyn Error + Send + Sync>> + Sync,
) -> impl Simulate {
    Blocks(n_summaries, simulate)
}

/// A simulator that is a function of one key, one vector of parameters, and the summaries to be filled.
pub fn each_of(n_summaries: usize, simulate: impl Fn(Key, &[f64], &mut [f64]) + Sync) -> impl Simulate {
    Blocks(n_summaries, move |keys: &[Key], theta: ArrayView2<'_, f64>| {
        let mut x = vec![0.0; keys.len() * n_summaries];
        for ((key, theta), x) in keys.iter().zip(theta.rows()).zip(x.chunks_exact_mut(n_summaries.max(1))) {
            simulate(*key, &theta.to_vec(), x);
        }
        Ok(Array2::from_shape_vec((keys.len(), n_summaries), x)?)
    })
}

/// How much is simulated, and on how many threads; the results do not depend on these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The number of simulations.
    pub simulations: u64,
    /// Simulations in a block; by default 256. A simulator that runs on a whole block at once likes them larger.
    pub block: u64,
    /// Threads; by default as many as the machine has.
    pub threads: usize,
}

impl Budget {
    /// So many simulations, in blocks of 256, on all threads.
    pub fn of(simulations: u64) -> Self {
        Budget { simulations, block: 256, threads: crate::all_threads() }
    }

    /// With so many threads.
    pub fn on(self, threads: usize) -> Self {
        Budget { threads, ..self }
    }
}

/// The keys of simulations with these numbers, and the summaries of these simulations, checked.
pub(crate) fn summaries_of(
    simulator: &(impl Simulate + ?Sized),
    key: Key,
    numbers: Range<u64>,
    theta: ArrayView2<'_, f64>,
) -> Result<Array2<f64>> {
    let keys: Vec<Key> = key.fold_in_each(numbers.clone()).collect();
    let x = simulator.simulate(&keys, theta).map_err(|error| InferError::Simulator {
        k: numbers.start,
        theta: theta.row(0).to_vec(),
        reason: error.to_string(),
    })?;
    let expected = [keys.len(), simulator.n_summaries()];
    match x.shape() == expected {
        true => Ok(x),
        false => Err(InferError::shape(
            "x",
            x.shape(),
            format!("{expected:?}: one row of summaries for each simulation of a block"),
        )),
    }
}

/// Simulations with these numbers at draws of the prior: draw `k` and simulation `k` depend on the key and `k` alone.
pub(crate) fn from_prior(
    prior: &Prior,
    simulator: &(impl Simulate + ?Sized),
    key: Key,
    numbers: Range<u64>,
    budget: &Budget,
) -> Result<(Array2<f64>, Array2<f64>)> {
    if budget.block == 0 {
        return Err(InferError::setting("block", 0, "at least 1"));
    }
    let [draws, simulations] = key.split();
    let (p, q, n) = (prior.n_params(), simulator.n_summaries(), (numbers.end - numbers.start) as usize);
    let parts = in_blocks(numbers, budget.block, budget.threads, |range| {
        let mut theta = Array2::zeros(((range.end - range.start) as usize, p));
        for (k, mut row) in range.clone().zip(theta.rows_mut()) {
            row.assign(&prior.draw(draws, k)?);
        }
        let x = summaries_of(simulator, simulations, range, theta.view())?;
        Ok((theta, x))
    })?;
    let (mut theta, mut x) = (Vec::with_capacity(n * p), Vec::with_capacity(n * q));
    for (t, s) in parts {
        theta.extend(t);
        x.extend(s);
    }
    let shaped = |values: Vec<f64>, columns: usize| {
        let n = values.len();
        Array2::from_shape_vec((n / columns.max(1), columns), values)
            .map_err(|_| InferError::shape("x", &[n], "whole rows"))
    };
    Ok((shaped(theta, p)?, shaped(x, q)?))
}
