//! What a training run records, one entry per iteration.

/// One quantity per iteration on one data set.
///
/// The entry `i` of the training trace is taken before update `i`, that of the validation trace after it, as the
/// original package does.
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
    /// The iteration (0-based, over all calls) whose weights are the best ones, if any iteration was.
    pub best_iteration: Option<usize>,
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
}
