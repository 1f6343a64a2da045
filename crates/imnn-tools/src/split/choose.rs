//! Rows drawn by a key.

use imnn_sim::Key;
use rand::Rng;

/// Which of `n` rows are among `k` drawn ones; without a key the last `k`.
///
/// The first `k` steps of the shuffle of Fisher and Yates, with a whole number below `m` from the high half of a 64-bit
/// draw times `m`: a function of the key alone, on every platform.
pub(crate) fn chosen(n: usize, k: usize, key: Option<Key>) -> Vec<bool> {
    let mut chosen = vec![false; n];
    let Some(key) = key else {
        chosen[n - k..].fill(true);
        return chosen;
    };
    let mut rng = key.rng();
    let mut rows: Vec<usize> = (0..n).collect();
    for i in 0..k {
        let below = (n - i) as u128;
        let at = i + ((u128::from(rng.next_u64()) * below) >> 64) as usize;
        rows.swap(i, at);
        chosen[rows[i]] = true;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, k: usize, key: Option<Key>) -> Vec<usize> {
        chosen(n, k, key).into_iter().enumerate().filter(|(_, chosen)| *chosen).map(|(row, _)| row).collect()
    }

    #[test]
    fn as_many_are_chosen_and_all_alike() {
        let mut counts = [0; 10];
        for seed in 0..2000 {
            let rows = rows(10, 3, Some(Key::new(seed)));
            assert_eq!(rows.len(), 3);
            rows.into_iter().for_each(|row| counts[row] += 1);
        }
        // 600 each; five standard deviations are 103.
        assert!(counts.iter().all(|count| (497..703).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_choice_is_pinned() {
        assert_eq!(rows(5, 2, None), [3, 4]);
        assert_eq!(rows(5, 0, Some(Key::new(0))), [] as [usize; 0]);
        assert_eq!(rows(5, 5, Some(Key::new(0))), [0, 1, 2, 3, 4]);
        assert_eq!(rows(20, 4, Some(Key::new(0))), PINNED);
    }

    const PINNED: [usize; 4] = [2, 8, 10, 18];
}
