//! Biases that are added along with an activation.

use imnn_compute::Number;

/// Up to this length a short bias is repeated.
pub(super) const TILE: usize = 256;

/// `f(x + bias)` in place, for a bias that is repeated.
#[inline(always)]
pub(super) fn with_bias<E: Number>(bias: &[E], values: &mut [E], f: impl Fn(E) -> E) {
    let mut tile = [E::zero(); TILE];
    let bias = repeated(bias, &mut tile);
    for values in values.chunks_mut(bias.len()) {
        for (v, b) in values.iter_mut().zip(bias) {
            *v = f(*v + *b);
        }
    }
}

/// A short bias, or other numbers of the channels, several times, for longer loops.
#[inline(always)]
pub(super) fn repeated<'a, E: Number>(bias: &'a [E], tile: &'a mut [E; TILE]) -> &'a [E] {
    let length = TILE / bias.len() * bias.len();
    if length <= bias.len() {
        return bias;
    }
    tile[..length].chunks_exact_mut(bias.len()).for_each(|copy| copy.copy_from_slice(bias));
    &tile[..length]
}

/// Number of values in a tensor of `total` numbers: `n` simulations with `p` tangents each.
pub(super) fn n_values(n: usize, p: usize, total: usize) -> usize {
    debug_assert!(total.is_multiple_of((n * (1 + p)).max(1)), "{total} numbers for {n} simulations with {p} tangents");
    total / (1 + p)
}
