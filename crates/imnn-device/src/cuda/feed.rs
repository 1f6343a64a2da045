//! Bringing simulations to the card.

use super::backend::Backend;
use super::bytes;
use super::layout::{Data, Layout};
use super::read::read;
use crate::device::Task;
use crate::error::Result;
use imnn_models::Element;

/// What brings simulations to the card.
pub(crate) struct Feed<E> {
    /// The rows of a batch.
    rows: Vec<E>,
}

impl<E: Element> Feed<E> {
    pub(crate) fn new() -> Self {
        Feed { rows: vec![] }
    }

    /// Sees to it that the simulations of batch `k` lie in their place.
    ///
    /// # Errors
    /// If they cannot be read, or the card refuses.
    pub(crate) fn bring<B: Backend>(
        &mut self,
        backend: &mut B,
        layout: &mut Layout,
        task: &Task<'_, E>,
        k: usize,
        pass: u64,
    ) -> Result<()> {
        let data = task.source.constant().map_or(Data::Pass(pass), Data::Constant);
        if layout.input_at(k) != Some((data, k)) {
            read(task, &layout.batches.shape, k, &mut self.rows)?;
            layout.set_input(k, None);
            let span = layout.spans[k].input;
            backend.upload(span.memory, span.start * size_of::<E>(), bytes::of(&self.rows))?;
            layout.set_input(k, Some((data, k)));
        }
        Ok(())
    }
}
