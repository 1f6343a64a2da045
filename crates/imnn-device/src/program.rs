//! How one worker runs one leaf.

use crate::error::Result;
use crate::lines::Lines;
use imnn_models::Element;

/// The rows of a leaf in the order in which programs take them: `n` simulations, then `tangents` rows for each of them,
/// simulation by simulation. Simulations below and above the fiducial are simulations like all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Number of simulations.
    pub(crate) n: usize,
    /// Number of tangents of each: the number of parameters, or 0.
    pub(crate) tangents: usize,
}

impl Rows {
    /// Number of rows of all kinds.
    pub(crate) fn total(self) -> usize {
        self.n * (1 + self.tangents)
    }
}

/// What a leaf keeps between its forward and its backward pass.
#[derive(Debug, Default)]
pub(crate) struct Kept<E> {
    /// The input `(rows.total(), F)`, then whatever the program keeps of its layers.
    pub(crate) numbers: Lines<E>,
    /// Where maxima were found.
    pub(crate) indices: Vec<u32>,
}

/// The gradient of the loss with respect to the summaries of a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeafCotangents<'a, E> {
    /// With respect to the summaries, `(rows.n, n_summaries)`.
    pub(crate) values: &'a [E],
    /// With respect to the tangents of the summaries, `(rows.tangents, n_summaries)`: the same for every simulation.
    pub(crate) tangents: &'a [E],
}

/// A network, ready to run leaf by leaf on any worker. The same rows and weights give the same bits on any worker.
///
/// A program has no memory of its own for leaves: what it keeps between the passes lies in [`Kept`], what it needs
/// meanwhile in `scratch`. Both are made by the caller, who reuses them.
pub(crate) trait Program<E: Element>: Send + Sync {
    /// Lengths of [`Kept::numbers`] and [`Kept::indices`] for a leaf of these rows.
    fn kept(&self, rows: Rows) -> (usize, usize);

    /// Length of the scratch memory that both passes over these rows need.
    fn scratch(&self, rows: Rows) -> usize;

    /// Length of what [`Program::backward`] adds to: the weights', then what [`Program::finish`] folds into them.
    fn gradient(&self) -> usize;

    /// Works out what depends on the weights alone; to be called before the passes whenever the weights have changed.
    fn load(&mut self, weights: &[E]);

    /// From the input, which the caller has written to the beginning of `kept.numbers`, the summaries and their tangents
    /// `(rows.total(), n_summaries)`.
    ///
    /// # Errors
    /// If a layer refuses its data.
    fn forward(
        &self,
        weights: &[E],
        rows: Rows,
        kept: &mut Kept<E>,
        scratch: &mut [E],
        summaries: &mut [E],
    ) -> Result<()>;

    /// Adds to `gradient` the vector-Jacobian product with `cotangents`.
    ///
    /// # Errors
    /// If a layer refuses its data.
    fn backward(
        &self,
        weights: &[E],
        rows: Rows,
        kept: &Kept<E>,
        cotangents: LeafCotangents<'_, E>,
        scratch: &mut [E],
        gradient: &mut [E],
    ) -> Result<()>;

    /// From the sum of all leaves' gradients that with respect to the weights, in the first places of `gradient`.
    fn finish(&self, weights: &[E], gradient: &mut [E]);
}
