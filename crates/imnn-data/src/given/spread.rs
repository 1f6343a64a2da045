//! Place behind the data of each row.

use imnn_sim::Real;

/// Makes place for `n_given` numbers behind each `len` of what a source wrote.
pub(super) fn spread<E: Real>(numbers: &mut Vec<E>, len: usize, n_given: usize) {
    let rows = numbers.len() / len;
    numbers.resize(rows * (len + n_given), E::zero());
    for row in (1..rows).rev() {
        numbers.copy_within(row * len..(row + 1) * len, row * (len + n_given));
    }
}
