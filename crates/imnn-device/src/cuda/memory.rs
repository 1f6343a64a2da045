//! Memory and sequences of a card that are given back together.

use crate::commands::{Backend, Command, Span};
use crate::error::Result;

/// What was taken from a card for one purpose; [`Held::release`] gives it back.
#[derive(Debug, Default)]
pub(super) struct Held {
    memory: Vec<usize>,
    sequences: Vec<usize>,
}

impl Held {
    /// Memory for so many numbers, whose contents are unspecified.
    pub(super) fn allocate<T>(&mut self, backend: &mut impl Backend, len: usize) -> Result<Span> {
        let memory = backend.allocate(len * size_of::<T>())?;
        self.memory.push(memory);
        Ok(Span { memory, start: 0, len })
    }

    /// Memory with these numbers.
    pub(super) fn upload<T: bytemuck::NoUninit>(&mut self, backend: &mut impl Backend, values: &[T]) -> Result<Span> {
        let span = self.allocate::<T>(backend, values.len())?;
        backend.upload(span.memory, 0, bytemuck::cast_slice(values))?;
        Ok(span)
    }

    /// A sequence of commands.
    pub(super) fn prepare(&mut self, backend: &mut impl Backend, commands: Vec<Command>) -> Result<usize> {
        let sequence = backend.prepare(commands)?;
        self.sequences.push(sequence);
        Ok(sequence)
    }

    /// Gives everything back: sequences first, since they use the memory.
    pub(super) fn release(&mut self, backend: &mut impl Backend) -> Result<()> {
        self.sequences.drain(..).try_for_each(|sequence| backend.forget(sequence))?;
        self.memory.drain(..).try_for_each(|memory| backend.free(memory))
    }
}
