//! What a card has to be able to do: memory, copies, kernels and matrix products.
//!
//! All that the engine does on a card is a list of [`Command`]s, made once for the sizes at hand and run in every
//! iteration. A backend only carries commands out; so the engine can be tested where there is no card.

use crate::error::Result;
use std::ops::Range;

/// Some numbers (or indices) in one allocation of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Which allocation.
    pub(crate) memory: usize,
    /// The first number.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Span {
    /// All behind the first `start` numbers.
    pub(crate) fn from(self, start: usize) -> Span {
        self.part(start..self.len)
    }

    pub(crate) fn part(self, range: Range<usize>) -> Span {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {self:?}");
        Span { memory: self.memory, start: self.start + range.start, len: range.len() }
    }
}

/// What a kernel is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Argument {
    /// Numbers in the precision of the network.
    Numbers(Span),
    /// Numbers in double precision, whatever that of the network.
    Doubles(Span),
    /// Indices of four bytes.
    Indices(Span),
    Count(u32),
}

/// A factor of a product, rows `ld` apart as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factor {
    pub(crate) span: Span,
    pub(crate) ld: usize,
    pub(crate) transposed: bool,
}

/// `c (m, n) = a (m, k) b (k, n)`, or `c += a b`; rows of c are `ld` apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Product {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: Factor,
    pub(crate) b: Factor,
    pub(crate) c: Span,
    pub(crate) ld: usize,
    pub(crate) accumulate: bool,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Runs a kernel in so many threads; their number is its first argument.
    Launch {
        kernel: &'static str,
        threads: u32,
        arguments: Vec<Argument>,
    },
    Product(Product),
    /// Fills with zeros.
    Zero(Span),
}

/// A number for a kernel; batches are cut so that all of them fit.
pub(crate) fn count(n: usize) -> Argument {
    Argument::Count(n as u32)
}

/// Adds to a list the run of a kernel in so many threads, if there are any.
pub(crate) fn launch(commands: &mut Vec<Command>, kernel: &'static str, threads: usize, arguments: &[Argument]) {
    if threads > 0 {
        commands.push(Command::Launch { kernel, threads: threads as u32, arguments: arguments.to_vec() });
    }
}

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
