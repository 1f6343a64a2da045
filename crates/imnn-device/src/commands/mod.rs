//! The work of a GPU as a list of commands: kernels and matrix products over spans of its memory.
//!
//! A list is made once for the sizes at hand and run in every iteration. A [`Backend`] only carries commands out, so all that
//! decides can be tested without a GPU, on the emulated card of [`emulated`].

pub(crate) mod backend;
#[cfg(test)]
pub(crate) mod emulated;
pub(crate) mod kernels;
pub(crate) mod lanes;
#[cfg(test)]
mod streams;

pub(crate) use backend::{Backend, Done};

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

impl Command {
    /// Bytes that it moves between a card's memory and its processors, about, for numbers of `size` bytes: each number of
    /// a span is read or written once, as if caches held it for all threads; what a product adds to is read as well.
    pub(crate) fn bytes(&self, size: usize) -> u64 {
        let bytes = match self {
            Command::Zero(span) => span.len * size,
            Command::Product(p) => {
                let written = if p.accumulate { 2 } else { 1 } * p.m * p.n;
                (p.m * p.k + p.k * p.n + written) * size
            }
            Command::Launch { arguments, .. } => {
                arguments.iter().filter_map(|argument| argument.span(size)).map(|(span, size)| span.len * size).sum()
            }
        };
        bytes as u64
    }
}

impl Argument {
    /// Where its numbers lie, and the bytes of each, if those of the network have `size`.
    pub(crate) fn span(self, size: usize) -> Option<(Span, usize)> {
        match self {
            Argument::Numbers(span) => Some((span, size)),
            Argument::Doubles(span) => Some((span, size_of::<f64>())),
            Argument::Indices(span) => Some((span, size_of::<u32>())),
            Argument::Count(_) => None,
        }
    }
}

/// A kernel with its arguments behind the number of threads, which are given in their order.
pub(crate) struct Kernel {
    name: &'static str,
    arguments: Vec<Argument>,
}

impl Kernel {
    pub(crate) fn new(name: &'static str) -> Self {
        Kernel { name, arguments: Vec::new() }
    }

    pub(crate) fn numbers<const N: usize>(self, spans: [Span; N]) -> Self {
        self.with(spans.map(Argument::Numbers))
    }

    pub(crate) fn doubles<const N: usize>(self, spans: [Span; N]) -> Self {
        self.with(spans.map(Argument::Doubles))
    }

    pub(crate) fn indices<const N: usize>(self, spans: [Span; N]) -> Self {
        self.with(spans.map(Argument::Indices))
    }

    /// Batches are cut so that all of them fit.
    pub(crate) fn counts<const N: usize>(self, counts: [usize; N]) -> Self {
        self.with(counts.map(|n| Argument::Count(n as u32)))
    }

    fn with<const N: usize>(mut self, arguments: [Argument; N]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Adds to a list its run in so many threads, if there are any.
    pub(crate) fn launch(self, threads: usize, commands: &mut Vec<Command>) {
        if threads > 0 {
            commands.push(self.run(threads));
        }
    }

    pub(crate) fn run(self, threads: usize) -> Command {
        Command::Launch { kernel: self.name, threads: threads as u32, arguments: self.arguments }
    }
}

/// Copies numbers as they are.
pub(crate) fn copy(from: Span, to: Span) -> Command {
    Kernel::new("copy").numbers([from]).counts([1]).numbers([to]).counts([1, 1, 0]).run(to.len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_read_their_factors_and_write_or_add() {
        let span = Span { memory: 0, start: 0, len: 100 };
        let factor = Factor { span, ld: 9, transposed: false };
        let product = Product { m: 3, n: 4, k: 5, a: factor, b: factor, c: span, ld: 8, accumulate: false };
        assert_eq!(Command::Product(product).bytes(4), 4 * (15 + 20 + 12));
        let added = Product { accumulate: true, ..product };
        assert_eq!(Command::Product(added).bytes(8), 8 * (15 + 20 + 24));
        assert_eq!(Command::Zero(span).bytes(4), 400);
        let arguments = vec![Argument::Numbers(span), Argument::Doubles(span.part(0..3)), Argument::Count(7)];
        assert_eq!(Command::Launch { kernel: "copy", threads: 10, arguments }.bytes(4), 424);
    }
}
