//! Biases that are added along with an activation.

use imnn_compute::{Number, vectorised};

/// Up to this length a short bias is repeated.
const TILE: usize = 256;

vectorised! {
    /// `values += bias`, which is repeated; nothing if it is empty.
    pub(super) fn add_bias<'a, E>(bias: &'a [E], values: &'a mut [E]) {
        if !bias.is_empty() {
            with_bias(bias, values, |v| v);
        }
    }
}

/// `f(x + bias)` in place.
#[inline(always)]
pub(super) fn with_bias<E: Number>(bias: &[E], values: &mut [E], f: impl Fn(E) -> E) {
    // A short bias is repeated, for longer loops.
    let mut tile = [E::zero(); TILE];
    let length = TILE / bias.len() * bias.len();
    let bias = if length > bias.len() {
        tile[..length].chunks_exact_mut(bias.len()).for_each(|copy| copy.copy_from_slice(bias));
        &tile[..length]
    } else {
        bias
    };
    for values in values.chunks_mut(bias.len()) {
        for (v, b) in values.iter_mut().zip(bias) {
            *v = f(*v + *b);
        }
    }
}

/// Number of values in a tensor of `total` numbers: `n` simulations with `p` tangents each.
pub(super) fn n_values(n: usize, p: usize, total: usize) -> usize {
    debug_assert!(total.is_multiple_of((n * (1 + p)).max(1)), "{total} numbers for {n} simulations with {p} tangents");
    total / (1 + p)
}
