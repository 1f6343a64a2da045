//! Networks run by their definition on dfdx.

use crate::program::{MicrobatchCotangents, Program, Rows, Saved};
use imnn_compute::threads::Workers;
use imnn_models::{Batch, Element, Model, Output, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::io;

/// A network on the tape of dfdx. It saves its inputs only: the backward pass runs the forward pass again.
pub struct Reference(Model);

impl Reference {
    /// The definition of this network.
    pub fn new(model: &Model) -> Self {
        Reference(model.clone())
    }

    /// The input as dfdx takes it: values and tangents apart.
    fn batch<'a, E>(&self, rows: Rows, saved: &'a Saved<E>) -> Batch<'a, E> {
        let size = self.0.input_size();
        let (values, tangents) = saved.numbers[..rows.total() * size].split_at(rows.n * size);
        Batch { n: rows.n, values, tangents }
    }
}

impl<E: Element> Program<E> for Reference {
    fn saved_len(&self, rows: Rows) -> (usize, usize) {
        (rows.total() * self.0.input_size(), 0)
    }

    fn scratch_len(&self, _: Rows) -> usize {
        0
    }

    fn gradient_len(&self) -> usize {
        self.0.layout().len()
    }

    fn load(&mut self, _: &[E]) {}

    fn forward(&self, weights: &[E], rows: Rows, saved: &mut Saved<E>, _: &mut [E], summaries: &mut [E]) -> Result<()> {
        let output = imnn_models::forward(&self.0, weights, &self.batch(rows, saved))?;
        let (values, tangents) = summaries.split_at_mut(output.values.len());
        values.copy_from_slice(&output.values);
        tangents.copy_from_slice(&output.tangents);
        Ok(())
    }

    fn backward(
        &self,
        weights: &[E],
        rows: Rows,
        saved: &Saved<E>,
        cotangents: MicrobatchCotangents<'_, E>,
        _: &mut [E],
        gradient: &mut [E],
    ) -> Result<()> {
        let cotangents = Output { values: cotangents.values.to_vec(), tangents: cotangents.tangents.repeat(rows.n) };
        imnn_models::backward(&self.0, weights, &self.batch(rows, saved), &cotangents, gradient)
    }

    fn finish(&self, _: &[E], _: &mut [E]) {}
}

/// Threads for [`Reference`], each alone in a rayon pool of its own.
///
/// dfdx asks rayon how many threads there are and splits matrix products among them; in a pool of one thread a microbatch
/// stays on its thread.
pub struct IsolatedThreads(Vec<ThreadPool>);

impl IsolatedThreads {
    /// Starts this many threads.
    ///
    /// # Errors
    /// If the system refuses to start them.
    pub fn new(threads: usize) -> io::Result<Self> {
        let pool = |k| ThreadPoolBuilder::new().num_threads(1).thread_name(move |_| format!("imnn-dfdx-{k}")).build();
        (0..threads).map(|k| pool(k).map_err(io::Error::other)).collect::<io::Result<_>>().map(IsolatedThreads)
    }
}

impl Workers for IsolatedThreads {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn each(&self, n: usize, work: &(dyn Fn(usize) + Sync)) {
        one_by_one(&self.0[..n], 0, work);
    }
}

fn one_by_one(pools: &[ThreadPool], worker: usize, work: &(dyn Fn(usize) + Sync)) {
    match pools {
        [] => {}
        [last] => last.install(|| work(worker)),
        [first, others @ ..] => first.in_place_scope(|scope| {
            scope.spawn(|_| work(worker));
            one_by_one(others, worker + 1, work);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn every_worker_is_called_once_and_sees_one_thread() {
        for threads in [1, 2, 3] {
            let workers = IsolatedThreads::new(threads).unwrap();
            assert_eq!(workers.count(), threads);
            for n in 0..=threads {
                let seen = Mutex::new(vec![]);
                workers.each(n, &|worker| seen.lock().unwrap().push((worker, rayon::current_num_threads())));
                let mut seen = seen.into_inner().unwrap();
                seen.sort_unstable();
                assert_eq!(seen, (0..n).map(|worker| (worker, 1)).collect::<Vec<_>>());
            }
        }
    }
}
