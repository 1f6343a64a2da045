//! Where everything lies: slots in one piece of memory for buffers that live at different times.

use super::build::{Builder, StepOp};
use super::{Buffer, Plan, Slot, Transposed};
use imnn_compute::{NUMBERS_PER_LINE, Number};

/// When a buffer is first written and last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lifetime {
    first: usize,
    last: usize,
}

/// Slots given so far.
#[derive(Debug, Default)]
struct Arena {
    given: Vec<(Lifetime, std::ops::Range<usize>)>,
}

impl Arena {
    /// For each the first slot that no other has at the same time; 0 if it is never used.
    fn slots(&mut self, sizes: &[usize], lifetimes: &[Option<Lifetime>]) -> Vec<usize> {
        sizes
            .iter()
            .zip(lifetimes)
            .map(|(&size, lifetime)| lifetime.map_or(0, |lifetime| self.slot(size, lifetime)))
            .collect()
    }

    /// Length of the memory.
    fn len(&self) -> usize {
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

impl Builder {
    /// Transposed weights for narrow products, and for the products that flow back: a general product reads them as they
    /// lie, instead of transposing W for every microbatch.
    fn transpose(&mut self, needed: &[bool], narrow: bool) {
        for step in &mut self.steps {
            let from = step.input.buffer;
            let StepOp::Linear(linear) = &mut step.op else { continue };
            if linear.narrow == narrow && (narrow || needed[from]) {
                let len = linear.weight.range.len();
                let to = self.derived..self.derived + len;
                self.derived = to.end;
                let rows = len / step.output.shape.channels;
                let transposed = Transposed { from: linear.weight.clone(), rows, to: to.clone(), narrow };
                self.transposed.push(transposed);
                linear.transposed = Some(Slot::derived(to));
            }
        }
    }

    /// Decides which gradients are needed, and gives every buffer its slots.
    pub(super) fn finish<E: Number>(mut self, output: usize, n_weights: usize) -> Plan<E> {
        let needed = std::mem::take(&mut self.needed);
        self.transpose(&needed, true);
        let n_folded = self.derived;
        self.transpose(&needed, false);
        // The gradient of a smooth activation's input, which nothing else reads, takes the place of its output's.
        let mut place: Vec<usize> = (0..self.sizes.len()).collect();
        for step in self.steps.iter().rev().filter(|step| matches!(step.op, StepOp::Smooth(_))) {
            place[step.input.buffer] = place[step.output.buffer];
        }
        // In the order of the backward pass: when gradients and combined rows are first written and last read.
        let mut gradients = vec![None; self.sizes.len()];
        let mut combined = vec![None; self.sizes.len()];
        gradients[output] = Some(Lifetime { first: 0, last: 0 });
        let seen = |lifetime: &mut Option<Lifetime>, time: usize| {
            let lifetime = lifetime.get_or_insert(Lifetime { first: time, last: time });
            lifetime.last = time;
        };
        for (time, step) in self.steps.iter_mut().rev().enumerate() {
            let (from, to) = (step.input.buffer, step.output.buffer);
            let (from_place, to_place) = (place[from], place[to]);
            if needed[to] {
                seen(&mut gradients[to_place], time);
            }
            if needed[from] && from_place != to_place {
                step.accumulate = gradients[from_place].is_some();
                seen(&mut gradients[from_place], time);
            }
            if matches!(step.op, StepOp::Linear(_)) {
                step.combine = combined[from].is_none();
                seen(&mut combined[from], time);
            }
        }
        // Everything begins on a cache line, for any number of rows.
        let padded: Vec<usize> = self.sizes.iter().map(|size| size.next_multiple_of(NUMBERS_PER_LINE)).collect();
        let mut arena = Arena::default();
        let gradients = arena.slots(&padded, &gradients);
        let combined = arena.slots(&padded, &combined);
        let mut saved = 0;
        let buffers = (0..self.sizes.len())
            .map(|k| {
                saved += padded[k];
                Buffer {
                    size: self.sizes[k],
                    saved: saved - padded[k],
                    gradient: gradients[place[k]],
                    combined: combined[k],
                    needed: needed[k],
                }
            })
            .collect();
        let piecewise_linear = !self.steps.iter().any(|step| matches!(step.op, StepOp::Smooth(_) | StepOp::Pooled(_)));
        Plan {
            steps: self.steps,
            buffers,
            output,
            saved: (saved, self.indices),
            cotangents: arena.len(),
            patches: self.patches.next_multiple_of(NUMBERS_PER_LINE),
            n_weights,
            derived: vec![E::zero(); self.derived],
            constants: self.constants.iter().map(|&constant| E::of(constant)).collect(),
            n_folded,
            composed: self.composed,
            transposed: self.transposed,
            piecewise_linear,
        }
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
