//! Plans: what a network needs, worked out once. Steps in order, slots in memory, and where gradients flow.

mod build;
mod simplify;
mod slots;

pub use crate::steps::columns::Columns;
pub use crate::steps::compose::Composed;
pub use crate::steps::gather::Gather;
pub use build::{LinearStep, MaxPool, Pointwise, Pooled, Step, StepOp};
pub use simplify::simplify;

use crate::program::Rows;
use imnn_compute::Number;
use imnn_models::Shape;
use std::ops::Range;

/// A network compiled to steps over buffers with fixed slots.
#[derive(Debug)]
pub struct Plan<E> {
    /// The steps, in the order of the forward pass.
    pub steps: Vec<Step>,
    /// The activations that the steps read and write; the first is the input.
    pub buffers: Vec<Buffer>,
    /// The buffer of the summaries.
    pub output: usize,
    /// Numbers per row that are saved between the passes, and indices per simulation.
    pub saved: (usize, usize),
    /// Numbers per row of cotangents that the backward pass needs.
    pub cotangents: usize,
    /// Numbers for patches.
    pub patches: usize,
    /// Number of weights of the network.
    pub n_weights: usize,
    /// Weights computed from others.
    pub derived: Vec<E>,
    /// Numbers of the network that are not trained.
    pub constants: Vec<E>,
    /// The first so many derived weights have gradients, which are folded into those of the others.
    pub n_folded: usize,
    /// The derived weights of composed layers.
    pub composed: Vec<Composed>,
    /// The derived weights that are transposes.
    pub transposed: Vec<Transposed>,
    /// Whether all activations are piecewise linear, so that their second derivatives are zero.
    pub piecewise_linear: bool,
}

/// The activations of one layer. Slots are per row: times the number of rows they are positions in memory.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Numbers per row.
    pub size: usize,
    /// Its slot in the saved numbers.
    pub saved: usize,
    /// The slot of its gradient in the arena.
    pub gradient: usize,
    /// The slot in the arena of its rows combined for each summary.
    pub combined: usize,
    /// Whether it depends on weights, so that its gradient is needed.
    pub needed: bool,
}

/// Some channels of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The number of the buffer.
    pub buffer: usize,
    /// The first channel.
    pub channel: usize,
    /// Positions of the buffer and channels of the view.
    pub shape: Shape,
    /// Channels of the buffer: numbers from one position to the next.
    pub ld: usize,
}

/// Where weights lie: among the parameters or among those derived from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whether they are derived from others.
    pub derived: bool,
    /// Their range among the parameters, or among the derived weights.
    pub range: Range<usize>,
}

/// W `(rows, cols)` at `from`, to be transposed to `to` among the derived.
#[derive(Clone, Debug)]
pub struct Transposed {
    /// W.
    pub from: Slot,
    /// Rows of W.
    pub rows: usize,
    /// The range of the transpose among the derived weights.
    pub to: Range<usize>,
    /// Whether its gradient is transposed too.
    pub narrow: bool,
}

/// Patches are gathered this many numbers at a time, which stay in a core's cache; but never fewer rows than [`MIN_ROWS`].
const PATCHES: usize = 1 << 15;
/// Fewer rows make matrix products slow.
const MIN_ROWS: usize = 64;

impl<E: Number> Plan<E> {
    /// What the rows of cotangents belong to, for these rows.
    pub fn cotangent_rows(&self, rows: Rows) -> CotangentRows {
        let n_summaries = self.buffers[self.output].size;
        if rows.tangents > 0 && self.piecewise_linear && n_summaries <= 1 + rows.tangents {
            CotangentRows::PerSummary(n_summaries)
        } else {
            CotangentRows::PerRow
        }
    }
}

/// Rows of a block of patches of this width.
pub fn block_rows(width: usize) -> usize {
    (PATCHES / width.max(1)).max(MIN_ROWS)
}

/// What the rows of cotangents belong to.
///
/// Where all second derivatives are zero, the cotangents of a simulation's value and of its tangents obey one linear
/// equation. So the unit cotangents `e_s` of the summaries are carried back, once for each summary, instead of one
/// cotangent for the value and for each tangent: with B_s = J^T e_s,
///
/// ```text
/// g_W = sum_s (g_s h + sum_a G_as t_a)^T B_s
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CotangentRows {
    /// One for each row, in the order of the rows.
    PerRow,
    /// For each simulation one for each summary: `(n, n_summaries)`.
    PerSummary(usize),
}

impl CotangentRows {
    /// Number of rows of cotangents.
    pub fn total(self, rows: Rows) -> usize {
        match self {
            CotangentRows::PerRow => rows.total(),
            CotangentRows::PerSummary(n_summaries) => rows.n * n_summaries,
        }
    }
}

impl View {
    pub(crate) fn whole(buffer: usize, shape: Shape) -> Self {
        View { buffer, channel: 0, shape, ld: shape.channels }
    }
}

impl Slot {
    pub(crate) fn own(range: Range<usize>) -> Self {
        Slot { derived: false, range }
    }

    pub(crate) fn derived(range: Range<usize>) -> Self {
        Slot { derived: true, range }
    }

    /// The numbers of this slot.
    pub fn of<'a, E>(&self, weights: &'a [E], derived: &'a [E]) -> &'a [E] {
        if self.derived { &derived[self.range.clone()] } else { &weights[self.range.clone()] }
    }

    /// Their gradient: that of derived weights lies behind that of all others.
    pub fn gradient(&self, n_weights: usize) -> Range<usize> {
        let shift = if self.derived { n_weights } else { 0 };
        self.range.start + shift..self.range.end + shift
    }
}
