//! Permutations drawn from a key.

use imnn_sim::Key;
use rand::RngExt;

/// A permutation of 0..n, each as likely as the others (Fisher and Yates).
pub(crate) fn shuffled(n: usize, key: Key) -> Vec<usize> {
    let mut rng = key.rng();
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_orders_are_about_equally_frequent() {
        let mut counts = std::collections::BTreeMap::new();
        for k in 0..6000 {
            *counts.entry(shuffled(3, Key::new(1).fold_in(k))).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations of a binomial count with mean 1000.
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
