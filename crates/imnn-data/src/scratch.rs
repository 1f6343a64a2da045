//! Memory that a thread keeps between reads, so that reading allocates nothing.

use std::cell::Cell;
use std::thread::LocalKey;

/// Lends what the thread keeps in `slot`. It is taken out meanwhile: a read inside the read gets another.
pub(crate) fn lend<T: Default, R>(slot: &'static LocalKey<Cell<T>>, work: impl FnOnce(&mut T) -> R) -> R {
    let mut kept = slot.take();
    let result = work(&mut kept);
    slot.set(kept);
    result
}

/// The first `len` numbers of a buffer, of which there are made to be enough; what they hold at first is unspecified.
pub(crate) fn first(buffer: &mut Vec<f64>, len: usize) -> &mut [f64] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

thread_local! {
    /// Simulations before they are rounded, or the one that is being permuted.
    pub(crate) static NUMBERS: Cell<Vec<f64>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loan_within_a_loan_is_another_and_the_outer_one_is_kept() {
        let sum: f64 = lend(&NUMBERS, |outer| {
            first(outer, 3).fill(1.0);
            lend(&NUMBERS, |inner| first(inner, 5).fill(2.0));
            outer.iter().sum()
        });
        assert_eq!(sum, 3.0);
        assert_eq!(lend(&NUMBERS, |kept| first(kept, 2).to_vec()), [1.0, 1.0]);
    }
}
