//! What a training run records, one entry per iteration.

use imnn_stats::{Statistics, Terms};

/// Quantities per iteration on one data set.
///
/// Entry `i` of the training trace belongs to the weights before update `i`, that of the validation trace to those after
/// it, as in the original package.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// `det F`, the determinant of the Fisher information matrix.
    pub det_f: Vec<f64>,
    /// `det C`, the determinant of the covariance of the summaries.
    pub det_c: Vec<f64>,
    /// `det C^-1`.
    pub det_inv_c: Vec<f64>,
    /// `L2 = ||C - I|| + ||C^-1 - I||`, the covariance regularisation.
    pub lambda2: Vec<f64>,
    /// `r`, the strength of the regularisation.
    pub r: Vec<f64>,
}

/// The record of a training run, over all its calls of `fit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// On the training simulations.
    pub training: Trace,
    /// On the validation simulations, if there are any.
    pub validation: Option<Trace>,
    /// The iteration (0-based, over all calls) whose det F is the largest, if any was above 0.
    pub best_iteration: Option<usize>,
}

/// What one iteration adds to a [`Trace`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) det_f: f64,
    pub(crate) det_c: f64,
    pub(crate) det_inv_c: f64,
    pub(crate) lambda2: f64,
    pub(crate) r: f64,
}

impl Entry {
    pub(crate) fn new(statistics: &Statistics, terms: &Terms) -> Self {
        let Statistics { det_f, det_c, det_inv_c, .. } = *statistics;
        Entry { det_f, det_c, det_inv_c, lambda2: terms.lambda2, r: terms.r }
    }
}

impl Trace {
    /// Number of recorded iterations.
    pub fn len(&self) -> usize {
        self.det_f.len()
    }

    /// Whether nothing is recorded yet.
    pub fn is_empty(&self) -> bool {
        self.det_f.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.det_f.push(entry.det_f);
        self.det_c.push(entry.det_c);
        self.det_inv_c.push(entry.det_inv_c);
        self.lambda2.push(entry.lambda2);
        self.r.push(entry.r);
    }

    /// The names of the columns in `history.npz`, with the columns.
    pub(crate) fn columns(&self) -> [(&'static str, &Vec<f64>); 5] {
        [
            ("detF", &self.det_f),
            ("detC", &self.det_c),
            ("detinvC", &self.det_inv_c),
            ("lambda2", &self.lambda2),
            ("r", &self.r),
        ]
    }

    /// The columns in the order of [`Trace::columns`].
    pub(crate) fn columns_mut(&mut self) -> [&mut Vec<f64>; 5] {
        [&mut self.det_f, &mut self.det_c, &mut self.det_inv_c, &mut self.lambda2, &mut self.r]
    }
}

impl History {
    /// Number of iterations done.
    pub fn len(&self) -> usize {
        self.training.len()
    }

    /// Whether no iteration is done yet.
    pub fn is_empty(&self) -> bool {
        self.training.is_empty()
    }

    /// The trace that decides about the best weights: validation where there is one.
    pub fn deciding(&self) -> &Trace {
        self.validation.as_ref().unwrap_or(&self.training)
    }

    /// The largest det F, if any iteration had one above 0.
    pub fn max_det_f(&self) -> Option<f64> {
        self.best_iteration.map(|i| self.deciding().det_f[i])
    }
}
