//! Optimiser states in files.

use super::{Archive, Entry, fill, read_bytes, refuse, safe};
use crate::error::Result;
use crate::optimisers::OptimiserState;
use imnn_io::atomic::write;
use imnn_sim::Real;
use std::path::Path;

impl<E: Real> OptimiserState<E> {
    /// Writes the state as a safetensors file, which appears whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        Ok(write(path, self.encode().or_else(|message| refuse(path, message))?)?)
    }

    /// Reads a state that [`OptimiserState::save`] wrote, in single or double precision, whichever is wanted here.
    /// [`crate::Optimiser::check`] tells whether it belongs to an optimiser and a number of parameters.
    ///
    /// # Errors
    /// If the file cannot be read, is something else, or an entry is not finite.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::decode(&read_bytes(path)?).or_else(|message| refuse(path, message))
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let shapes: Vec<[usize; 1]> = self.slots().iter().map(|(_, vector)| [vector.len()]).collect();
        let entries: Vec<Entry<'_, E>> = (self.slots().iter().zip(&shapes))
            .map(|((name, vector), shape)| (name.as_str(), shape.as_slice(), vector.as_slice()))
            .collect();
        safe::encode(&entries, safe::OPTIMISER)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut archive = safe::SafeArchive::new(bytes, safe::OPTIMISER)?;
        let mut slots = Vec::new();
        for name in archive.names() {
            let values = archive.read(&name)?;
            let mut vector = vec![E::zero(); values.len()];
            fill(&mut vector, &values, &name)?;
            slots.push((name, vector));
        }
        Ok(OptimiserState::new(slots))
    }
}
