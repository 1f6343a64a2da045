//! Biases that are added along with an activation.

use imnn_compute::Number;
use pulp::{Arch, Simd, WithSimd};

/// Up to this length a short bias is repeated.
const TILE: usize = 256;

/// `values += bias`, which is repeated; nothing if it is empty.
pub(super) fn add_bias<E: Number>(bias: &[E], values: &mut [E]) {
    Arch::new().dispatch(AddBias { bias, values });
}

/// Adds the bias alone.
struct AddBias<'a, E> {
    bias: &'a [E],
    values: &'a mut [E],
}

impl<E: Number> WithSimd for AddBias<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if !self.bias.is_empty() {
            with_bias(self.bias, self.values, |v| v);
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
