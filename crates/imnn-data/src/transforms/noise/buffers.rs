//! Memory for samples that are being added, used again by whichever thread is next.

use std::sync::{Mutex, PoisonError};

/// Buffers of one noise: as many as there are threads that add it at once.
#[derive(Debug)]
pub(super) struct Buffers<E>(Mutex<Vec<Vec<E>>>);

impl<E> Default for Buffers<E> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<E: imnn_sim::Real> Buffers<E> {
    /// Lends `len` numbers, of which the values are unspecified.
    pub(super) fn lend<R>(&self, len: usize, work: impl FnOnce(&mut [E]) -> R) -> R {
        // A thread that panicked has left the list as it was.
        let list = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = list().pop().unwrap_or_default();
        buffer.resize(len, E::zero());
        let result = work(&mut buffer);
        list().push(buffer);
        result
    }
}
