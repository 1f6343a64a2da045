//! What a device has to do to share the leaves of a session with others.

use crate::device::Task;
use crate::error::Result;
use crate::shape::Shape;
use imnn_engine::Saved;
use imnn_models::{Element, Model};
use ndarray::ArrayView2;
use std::ops::Range;
use std::sync::Mutex;

/// A device that can be one of several; see [`crate::Unit`], which is this for users.
pub trait Unit<E: Element>: Send + Sync {
    /// What kind it is of. Units of the same name give the same bits.
    fn kind(&self) -> &'static str;

    /// How many leaves it can have in work at once, at least 1: threads of a CPU, 1 for a GPU.
    fn workers(&self) -> usize;

    /// Readies a network. Where `n_per_device` is given, no worker may have more simulations in work at once, but for one
    /// leaf.
    ///
    /// # Errors
    /// If the device cannot run it.
    fn member(&self, model: &Model, n_per_device: Option<usize>) -> Result<Readied<E>>;
}

/// A network readied on one device.
pub struct Readied<E: Element> {
    pub(crate) member: Box<dyn Member<E>>,
    /// Whether its workers must see one thread each; see [`imnn_engine::IsolatedThreads`].
    pub(crate) apart: bool,
    /// What there is to say to the user.
    pub(crate) note: Option<String>,
}

/// One device's part of a session. Its workers run leaves; which ones is the session's business.
///
/// Summaries go back leaf by leaf, gradients run by run, and the session adds the runs in one fixed tree. So the bits depend
/// on what a member makes of a leaf and of a run, and that must be the same on every member of a kind, however many leaves
/// or runs it is handed at a time.
pub(crate) trait Member<E: Element>: Send + Sync {
    /// How many leaves a worker wants to be handed at a time.
    fn leaves_at_once(&self) -> usize;

    /// How many of these leaves, from the first, it can keep between the passes.
    fn fitting(&self, shape: &Shape, leaves: Range<usize>) -> usize;

    /// Takes new weights; called before the passes whenever they have changed.
    ///
    /// # Errors
    /// If the device fails.
    fn load(&mut self, weights: &[E]) -> Result<()>;

    /// Length of a run's gradient: the weights', then what [`Member::finish`] folds into them.
    fn gradient(&self) -> usize;

    /// Reads and runs `leaves`; hands on what the network makes of each, `(rows.total(), n_summaries)`. What it is to keep
    /// it has a [`Pass::place`] for, if it keeps it in the memory of the host.
    ///
    /// # Errors
    /// If simulations cannot be read or the network cannot be run.
    fn forward(
        &self,
        worker: usize,
        pass: &Pass<'_, E>,
        leaves: Range<usize>,
        made: &(dyn Fn(usize, &[E]) + Sync),
    ) -> Result<()>;

    /// Writes to `gradients[run]`, for each of `runs`, the sum over its leaves, from the last to the first. Leaves that this
    /// member did not keep, because another ran them or memory is short, are run again.
    ///
    /// # Errors
    /// As [`Member::forward`].
    fn backward(
        &self,
        worker: usize,
        pass: &Pass<'_, E>,
        runs: Range<usize>,
        cotangents: (ArrayView2<'_, f64>, &[E]),
        gradients: &[Mutex<Vec<E>>],
    ) -> Result<()>;

    /// From the sum of all runs' gradients that with respect to the weights, in the first places of `gradient`.
    fn finish(&self, weights: &[E], gradient: &mut [E]);
}

/// What is run, the same for all leaves.
pub(crate) struct Pass<'a, E: Element> {
    pub(crate) task: &'a Task<'a, E>,
    pub(crate) shape: &'a Shape,
    /// Which leaves are kept, and their places, one after the other.
    pub(crate) keeping: &'a [Range<usize>],
    pub(crate) kept: &'a [Mutex<Saved<E>>],
}

impl<'a, E: Element> Pass<'a, E> {
    /// Where leaf `k` is kept in the memory of the host, if it is.
    pub(crate) fn place(&self, k: usize) -> Option<&'a Mutex<Saved<E>>> {
        let mut before = 0;
        for leaves in self.keeping {
            if leaves.contains(&k) {
                return self.kept.get(before + k - leaves.start);
            }
            before += leaves.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::{OnTheFly, Source};
    use imnn_engine::Saved;
    use imnn_models::{dense, serial};
    use imnn_sim::{GaussianMeanVariance, Key};

    #[test]
    fn kept_leaves_have_places_of_their_own() {
        let source = OnTheFly::new(GaussianMeanVariance { n_data: 3 }, &[0.0, 1.0], 9, 9).unwrap();
        let model = Model::new(serial([dense(2)]), Source::<f32>::input_shape(&source)).unwrap();
        let weights = model.initialise::<f32>(Key::new(0));
        let task = Task { weights: weights.values(), source: &source, key: Key::new(0) };
        let shape = Shape::new(&model, &task, 1).unwrap();
        let kept: Vec<_> = (0..5).map(|_| Mutex::<Saved<f32>>::default()).collect();
        let pass = Pass { task: &task, shape: &shape, keeping: &[0..2, 3..3, 5..8], kept: &kept };
        let found: Vec<_> =
            (0..9).map(|k| kept.iter().position(|kept| pass.place(k).is_some_and(|k| std::ptr::eq(k, kept)))).collect();
        assert_eq!(found, [Some(0), Some(1), None, None, None, Some(2), Some(3), Some(4), None]);
    }
}
