//! What runs a microbatch.

use imnn_compute::AlignedVec;
use imnn_models::{Element, Result};

/// The rows of a microbatch in the order in which programs take them: `n` simulations, then `tangents` rows for each of them,
/// simulation by simulation. Simulations below and above the fiducial are simulations like all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Number of simulations.
    pub n: usize,
    /// Number of tangents of each: the number of parameters, or 0.
    pub tangents: usize,
}

impl Rows {
    /// Number of rows of all kinds.
    pub fn total(self) -> usize {
        self.n * (1 + self.tangents)
    }
}

/// What a program saves of a microbatch between the forward and the backward pass.
#[derive(Debug, Default)]
pub struct Saved<E> {
    /// The input `(rows.total(), F)`, then what the program saves of the layers.
    pub numbers: AlignedVec<E>,
    /// Positions of maxima.
    pub indices: Vec<u32>,
}

/// The gradient of the loss with respect to the summaries of a microbatch.
#[derive(Clone, Copy, Debug)]
pub struct MicrobatchCotangents<'a, E> {
    /// With respect to the summaries, `(rows.n, n_summaries)`.
    pub values: &'a [E],
    /// With respect to the tangents of the summaries, `(rows.tangents, n_summaries)`: the same for every simulation.
    pub tangents: &'a [E],
}

/// A network compiled to run microbatches on any worker. The same rows and weights give the same bits on any worker.
///
/// A program has no memory of its own for microbatches: what it saves between the passes lies in [`Saved`], what it needs
/// during a pass in `scratch`. Both belong to the caller, who reuses them.
pub trait Program<E: Element>: Send + Sync {
    /// Lengths of [`Saved::numbers`] and [`Saved::indices`] for a microbatch of these rows.
    fn saved_len(&self, rows: Rows) -> (usize, usize);

    /// Length of the scratch memory that both passes over these rows need.
    fn scratch_len(&self, rows: Rows) -> usize;

    /// Length of the gradient that [`Program::backward`] adds to: that of the weights, then what [`Program::finish`] folds
    /// into it.
    fn gradient_len(&self) -> usize;

    /// Computes what depends on the weights alone; to be called before the passes whenever the weights have changed.
    fn load(&mut self, weights: &[E]);

    /// From the input, which the caller has written to the beginning of `saved.numbers`, the summaries and their tangents
    /// `(rows.total(), n_summaries)`.
    ///
    /// # Errors
    /// If a layer of the user fails.
    fn forward(
        &self,
        weights: &[E],
        rows: Rows,
        saved: &mut Saved<E>,
        scratch: &mut [E],
        summaries: &mut [E],
    ) -> Result<()>;

    /// Adds to `gradient` the vector-Jacobian product with `cotangents`.
    ///
    /// # Errors
    /// If a layer of the user fails.
    fn backward(
        &self,
        weights: &[E],
        rows: Rows,
        saved: &Saved<E>,
        cotangents: MicrobatchCotangents<'_, E>,
        scratch: &mut [E],
        gradient: &mut [E],
    ) -> Result<()>;

    /// Turns the sum of the gradients of all microbatches into that with respect to the weights, which are its first numbers.
    fn finish(&self, weights: &[E], gradient: &mut [E]);
}
