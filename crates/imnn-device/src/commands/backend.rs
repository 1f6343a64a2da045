//! What a card has to be able to do: memory, copies, and to carry out commands.

use super::Command;
use crate::error::Result;

/// Whether a card has done what was asked about; on any thread.
pub(crate) type Done = Box<dyn Fn() -> bool + Send + Sync>;

/// A card. Commands and copies are carried out one after the other, but for [`Backend::send`], which goes on beside them.
pub(crate) trait Backend: Send {
    /// The card's number, for messages.
    fn device(&self) -> usize;

    /// Bytes that can be allocated now.
    fn available(&mut self) -> Result<usize>;

    /// Memory for so many bytes, whose contents are unspecified.
    ///
    /// # Errors
    /// [`crate::DeviceError::OutOfMemory`] where there is not enough.
    fn allocate(&mut self, bytes: usize) -> Result<usize>;

    /// Gives memory back. Sequences that use it must have been forgotten.
    fn free(&mut self, memory: usize) -> Result<()>;

    /// Copies `bytes` to a place in memory, so many bytes behind its beginning. They may be changed on return.
    fn upload(&mut self, memory: usize, offset: usize, bytes: &[u8]) -> Result<()>;

    /// Fills `bytes` from a place in memory, when all that was ordered before is done.
    fn download(&mut self, memory: usize, offset: usize, bytes: &mut [u8]) -> Result<()>;

    /// Keeps commands to be run, as a graph where there are such.
    fn prepare(&mut self, commands: Vec<Command>) -> Result<usize>;

    /// Runs a sequence; it may still be running on return.
    fn run(&mut self, sequence: usize) -> Result<()>;

    /// Drops a sequence.
    fn forget(&mut self, sequence: usize) -> Result<()>;

    /// A buffer of the host that the card copies from by itself, while both are at work; none if the host has no such
    /// memory to give.
    fn pin(&mut self, bytes: usize) -> Result<Option<usize>>;

    /// Gives a buffer back.
    fn unpin(&mut self, buffer: usize) -> Result<()>;

    /// A buffer, to be filled; aligned for numbers. Waits until all copies from it are done.
    fn pinned(&mut self, buffer: usize) -> Result<&mut [u8]>;

    /// Copies the first bytes of a buffer to the beginning of a stage, beside what else was ordered: only what was taken
    /// from stages before is waited for. A stage is memory that nothing but `send` writes and nothing but `take` reads.
    fn send(&mut self, buffer: usize, stage: usize, bytes: usize) -> Result<()>;

    /// Copies the first bytes of a stage, once they are there, to a place in memory.
    fn take(&mut self, stage: usize, memory: usize, offset: usize, bytes: usize) -> Result<()>;

    /// Copies the first bytes of a buffer to a place in memory.
    fn copy(&mut self, buffer: usize, memory: usize, offset: usize, bytes: usize) -> Result<()>;

    /// Tells whether all that was ordered so far is done, `send` aside.
    fn watch(&mut self) -> Result<Done>;
}
