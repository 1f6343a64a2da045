//! How simulations are cut into batches for a card, and what stays there.

use crate::lower::{Lengths, lengths};
use crate::shape::Shape;
use imnn_engine::Plan;
use imnn_models::Element;

/// A cut, and how many batches have memory of their own; all further ones share the last of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batches {
    /// The task, with batches for microbatches.
    pub(crate) shape: Shape,
    /// What the largest batch needs.
    pub(crate) lengths: Lengths,
    /// How many stay as simulations.
    pub(crate) n_inputs: usize,
    /// How many stay with all layers, between forward and backward.
    pub(crate) n_saved: usize,
    /// Whether there is a stage too, for the simulations of the batch that comes next.
    pub(crate) staged: bool,
}

/// What a cut must keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Bytes.
    pub(crate) memory: usize,
    /// Most simulations of a batch.
    pub(crate) n: usize,
    /// Most numbers of patches at a time.
    pub(crate) patches: usize,
    /// Whether there will be a backward pass.
    pub(crate) backward: bool,
    /// Whether simulations that are on the card need not be brought there again.
    pub(crate) constant: bool,
}

impl Batches {
    /// The largest batches for which there is room; none if there is not even room for single simulations.
    ///
    /// Where not everything can be saved, a batch takes a quarter of the memory at most, so that some are. Where simulations
    /// have to be brought again there is a stage as well, unless everything fits but for that.
    pub(crate) fn new<E: Element>(plan: &Plan<E>, task: impl Fn(usize) -> Shape, room: Room) -> Option<Self> {
        let mut size = room.n;
        loop {
            let shape = task(size);
            let lengths = largest(plan, &shape, room);
            let batches = (0..shape.microbatches.len()).map(|k| shape.microbatches.rows(k).len()).max().unwrap_or(0);
            let n = shape.microbatches.len().max(1);
            let (input, saved, shared) = bytes::<E>(&lengths);
            // Kernels count in 32 bits.
            if lengths.largest < u32::MAX as usize {
                let one = shared.saturating_add(input).saturating_add(saved);
                let all = one.saturating_add((n - 1).saturating_mul(input.saturating_add(saved)));
                if all <= room.memory {
                    let staged = !room.constant && all.saturating_add(input) <= room.memory;
                    let n_saved = if room.backward { n } else { 1 };
                    return Some(Batches { shape, lengths, n_inputs: n, n_saved, staged });
                }
                let last = batches <= 1;
                if one <= room.memory / if last { 1 } else { 4 } {
                    let rest = room.memory - one;
                    let staged = rest >= input;
                    let rest = if staged { rest - input } else { rest };
                    let n_inputs = n.min(1 + rest / input.max(1));
                    let rest = rest - (n_inputs - 1) * input;
                    let n_saved = if room.backward { n_inputs.min(1 + rest / saved.max(1)) } else { 1 };
                    return Some(Batches { shape, lengths, n_inputs, n_saved, staged });
                }
            }
            if batches <= 1 {
                return None;
            }
            size = batches.min(size).div_ceil(2);
        }
    }
}

/// The most that any batch needs.
fn largest<E: Element>(plan: &Plan<E>, shape: &Shape, room: Room) -> Lengths {
    let mut most = Lengths { input: 0, saved: 0, indices: 0, arena: 0, patches: 0, partial: 0, largest: 0 };
    for k in 0..shape.microbatches.len() {
        let one = lengths(plan, shape.rows(k), room.patches);
        let backward = usize::from(room.backward);
        most.input = most.input.max(one.input);
        most.saved = most.saved.max(one.saved);
        most.indices = most.indices.max(one.indices);
        most.arena = most.arena.max(one.arena * backward);
        most.patches = most.patches.max(one.patches);
        most.partial = most.partial.max(one.partial * backward);
        most.largest = most.largest.max(one.largest);
    }
    most
}

/// Bytes of a batch's input and layers, and of what all batches use in turn.
fn bytes<E>(lengths: &Lengths) -> (usize, usize, usize) {
    let size = size_of::<E>();
    let saved = lengths.saved * size + lengths.indices * size_of::<u32>();
    (lengths.input * size, saved, (lengths.arena + lengths.patches + lengths.partial) * size)
}
