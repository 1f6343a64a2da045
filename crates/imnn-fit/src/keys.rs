//! The keys of a run.

use imnn_sim::Key;

/// The keys of a run, each for its own purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunKeys {
    pub(crate) root: Key,
    pub(crate) weights: Key,
    pub(crate) training: Key,
    pub(crate) validation: Key,
    pub(crate) statistics: Key,
    pub(crate) read_out: Key,
    /// Of the new simulations that weights are compared on.
    pub(crate) held_out: Key,
}

impl RunKeys {
    pub(crate) fn new(root: Key) -> Self {
        let [weights, training, validation, statistics, read_out, held_out] = root.split();
        RunKeys { root, weights, training, validation, statistics, read_out, held_out }
    }

    /// The key of an iteration, counted over all calls of fit.
    pub(crate) fn of_iteration(&self, i: usize) -> Key {
        self.training.fold_in(i as u64)
    }
}
