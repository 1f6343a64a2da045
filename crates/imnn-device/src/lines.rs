//! Memory that begins on a cache line.

use imnn_models::Element;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vectors.
const LINE: usize = 64;
/// So many numbers fill whole lines in every precision.
pub(crate) const NUMBERS: usize = 16;

/// Numbers that begin on a cache line: vectors of them do not lie across two, which costs a hundredth of an iteration.
#[derive(Debug, Default)]
pub(crate) struct Lines<E> {
    values: Vec<E>,
    start: usize,
    len: usize,
}

impl<E: Element> Lines<E> {
    /// Makes them so many, for which memory is taken only if there is not enough. What they hold is unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        if self.values.len() < len + NUMBERS {
            self.values.resize(len + NUMBERS, E::zero());
            // Where alignment cannot be told, it is a matter of speed alone.
            let start = self.values.as_ptr().align_offset(LINE);
            self.start = if start < NUMBERS { start } else { 0 };
        }
        self.len = len;
    }
}

impl<E> Deref for Lines<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.values[self.start..self.start + self.len]
    }
}

impl<E> DerefMut for Lines<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.values[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_on_a_line_and_are_as_many_as_asked() {
        let mut lines = Lines::<f32>::default();
        for len in [0, 1, 1000, 7, 5000] {
            lines.resize(len);
            assert_eq!((lines.len(), lines.as_ptr() as usize % LINE), (len, 0));
            lines.fill(1.0);
        }
    }
}
