//! Places in one piece of memory for things that live at different times.

/// When something is first written and last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Places given so far.
#[derive(Debug, Default)]
pub(super) struct Arena {
    given: Vec<(Life, std::ops::Range<usize>)>,
}

impl Arena {
    /// The first place for each that no other one has at the same time; 0 for what never lives.
    pub(super) fn places(&mut self, sizes: &[usize], lives: &[Option<Life>]) -> Vec<usize> {
        sizes.iter().zip(lives).map(|(&size, life)| life.map_or(0, |life| self.place(size, life))).collect()
    }

    /// Length of the memory.
    pub(super) fn len(&self) -> usize {
        self.given.iter().map(|(_, range)| range.end).max().unwrap_or(0)
    }

    fn place(&mut self, size: usize, life: Life) -> usize {
        let mut taken: Vec<_> = self
            .given
            .iter()
            .filter(|(other, _)| other.first <= life.last && life.first <= other.last)
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
        self.given.push((life, start..start + size));
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lives_at_one_time_lies_apart_and_memory_is_used_again() {
        let life = |first, last| Some(Life { first, last });
        let mut arena = Arena::default();
        let sizes = [4, 2, 3, 5, 1];
        let lives = [life(0, 1), life(1, 2), life(2, 3), None, life(0, 3)];
        let places = arena.places(&sizes, &lives);
        assert_eq!(places, [0, 4, 0, 0, 6]);
        assert_eq!(arena.len(), 7);
    }
}
