//! What looks on while a network trains.

use imnn_stats::Record;
use std::ops::ControlFlow;

/// The state of training after an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Iterations done in this call of fit.
    pub iteration: usize,
    /// The most there will be.
    pub max_iterations: usize,
    /// What the history records of the training simulations.
    pub training: Record,
    /// What it records of the validation simulations, if there are any.
    pub validation: Option<Record>,
    /// The largest det F so far, of the validation simulations if there are any.
    pub max_det_f: f64,
    /// Iterations since det F was largest.
    pub waited: usize,
    /// How many there may be.
    pub patience: usize,
}

/// Looks on after every iteration and may end training by breaking.
pub trait Observer {
    /// Called after every iteration.
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()>;

    /// Told what there is to say: that a checkpoint could not be made, that training has gone back. A closure is not told.
    fn notice(&mut self, text: &str) {
        let _ = text;
    }
}

/// Looks at nothing and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn iteration(&mut self, _: &Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn iteration(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}
