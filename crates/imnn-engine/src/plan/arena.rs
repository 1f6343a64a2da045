//! Slots in one piece of memory for buffers that live at different times.

/// When a buffer is first written and last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Slots given so far.
#[derive(Debug, Default)]
pub(super) struct Arena {
    given: Vec<(Lifetime, std::ops::Range<usize>)>,
}

impl Arena {
    /// For each the first slot that no other has at the same time; 0 if it is never used.
    pub(super) fn slots(&mut self, sizes: &[usize], lifetimes: &[Option<Lifetime>]) -> Vec<usize> {
        sizes
            .iter()
            .zip(lifetimes)
            .map(|(&size, lifetime)| lifetime.map_or(0, |lifetime| self.slot(size, lifetime)))
            .collect()
    }

    /// Length of the memory.
    pub(super) fn len(&self) -> usize {
        self.given.iter().map(|(_, range)| range.end).max().unwrap_or(0)
    }

    fn slot(&mut self, size: usize, lifetime: Lifetime) -> usize {
        let mut taken: Vec<_> = self
            .given
            .iter()
            .filter(|(other, _)| other.first <= lifetime.last && lifetime.first <= other.last)
            .map(|(_, range)| range.clone())
            .collect();
        taken.sort_by_key(|range| range.start);
        let mut start = 0;
        for range in taken {
            if range.start >= start + size {
                break;
            }
            start = start.max(range.end);
        }
        self.given.push((lifetime, start..start + size));
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_one_time_are_apart_and_memory_is_reused() {
        let life = |first, last| Some(Lifetime { first, last });
        let mut arena = Arena::default();
        let sizes = [4, 2, 3, 5, 1];
        let lives = [life(0, 1), life(1, 2), life(2, 3), None, life(0, 3)];
        let places = arena.slots(&sizes, &lives);
        assert_eq!(places, [0, 4, 0, 0, 6]);
        assert_eq!(arena.len(), 7);
    }
}
