//! Buffers that a thread keeps between simulations.

use std::cell::Cell;
use std::thread::LocalKey;

use num_traits::Zero;

/// Lends `len` elements of the thread's buffer to `work`; what they hold at first is unspecified.
///
/// The buffer is taken out of its cell while it is lent, so a simulator that calls another one of
/// its own kind gets a second buffer instead of a clash. It never shrinks: a thread keeps the
/// largest buffer it has needed.
pub(crate) fn lend<T: Copy + Zero, R>(
    buffer: &'static LocalKey<Cell<Vec<T>>>,
    len: usize,
    work: impl FnOnce(&mut [T]) -> R,
) -> R {
    let mut values = buffer.take();
    if values.len() < len {
        values.resize(len, T::zero());
    }
    let result = work(&mut values[..len]);
    buffer.set(values);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static BUFFER: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
    }

    #[test]
    fn a_nested_loan_gets_its_own_buffer() {
        let sum: f64 = lend(&BUFFER, 3, |outer| {
            outer.fill(1.0);
            lend(&BUFFER, 5, |inner| inner.fill(2.0));
            outer.iter().sum()
        });
        assert_eq!(sum, 3.0);
        lend(&BUFFER, 2, |small| assert_eq!(small.len(), 2));
        lend(&BUFFER, 7, |large| assert_eq!(large.len(), 7));
    }
    #[test]
    fn the_buffer_is_kept() {
        let address = |len| lend(&BUFFER, len, |values| values.as_ptr().addr());
        let first = address(9);
        assert_eq!(address(4), first);
        assert_eq!(address(9), first);
    }
}
