//! Normal numbers on the card: for each simulation those that its key gives on the host.

use crate::cuda::backend::{Argument, Command, Span, count, launch};

/// What draws them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    /// Numbers of a simulation.
    pub(super) len: usize,
    /// How much of a simulation's bits a thread takes, in units of 64 bits.
    pub(super) part: usize,
    /// The key of the pass.
    pub(super) key: Span,
    /// For each part of each simulation the numbers before it, and where its first one begins.
    pub(super) counts: Span,
    pub(super) places: Span,
}

/// Threads for the numbers of one simulation. A number takes 1.025 times 64 bits on average; the last thread takes whatever
/// is left.
pub(super) fn parts(len: usize, part: usize) -> usize {
    if len <= part { 1 } else { (len + len / 32).div_ceil(part) }
}

impl Noise {
    /// Draws for `rows` simulations, the first with the key of index `first`. Number j of row r goes to
    /// `j / width * outer + r * width + j % width`.
    pub(super) fn draw(
        &self,
        first: u64,
        rows: usize,
        (width, outer): (usize, usize),
        to: Span,
        commands: &mut Vec<Command>,
    ) {
        let parts = parts(self.len, self.part);
        let key = [Argument::Indices(self.key), Argument::Count(first as u32), Argument::Count((first >> 32) as u32)];
        let n = if parts > 1 { rows * parts } else { 0 };
        let found = [self.counts.part(0..n), self.places.part(0..n)].map(Argument::Indices);
        if parts > 1 {
            launch(commands, "count_draws", n, &[&key[..], &[count(rows), count(self.part)], &found].concat());
            launch(commands, "find_draws", rows, &[&key[..], &[count(parts), count(self.part)], &found].concat());
        }
        let sizes = [count(self.len), count(width), count(outer), Argument::Numbers(to)];
        let arguments = [&key[..], &[count(rows), count(self.part)], &found, &sizes].concat();
        launch(commands, "draw_normals", rows * parts, &arguments);
    }
}
