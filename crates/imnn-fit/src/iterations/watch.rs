//! Which iterations count as the best so far.

use crate::history::History;

/// Watches ln det F over the iterations: its average over about as many of the last ones as `window` says, or each by itself.
///
/// ```text
/// s_i = sum_j (1 - 1/window)^(i - j) ln det F_j / sum_j (1 - 1/window)^(i - j)
/// ```
pub(crate) struct Watch {
    keep: f64,
    sum: f64,
    weight: f64,
    /// The largest average.
    largest: f64,
    /// Whether values are compared as they are, for which rounding must not make a difference.
    single: bool,
}

impl Watch {
    /// Goes on after the iterations of a history.
    pub(crate) fn new(window: usize, history: &History) -> Self {
        let keep = 1.0 - 1.0 / window as f64;
        let largest = f64::NEG_INFINITY;
        let mut watch = Watch { keep, sum: 0.0, weight: 0.0, largest, single: window == 1 };
        history.deciding().log_det_f.iter().for_each(|&log_det_f| {
            watch.saw(log_det_f);
        });
        watch
    }

    /// An iteration is the best so far if its ln det F is above this.
    pub(crate) fn threshold(&self) -> f64 {
        if self.single {
            return self.largest;
        }
        let weight = self.keep * self.weight + 1.0;
        if self.largest.is_finite() { self.largest * weight - self.keep * self.sum } else { self.largest }
    }

    /// Whether this ln det F makes its iteration the best so far.
    pub(crate) fn saw(&mut self, log_det_f: f64) -> bool {
        let best = log_det_f > self.threshold();
        self.weight = self.keep * self.weight + 1.0;
        self.sum = self.keep * self.sum + log_det_f;
        if best {
            self.largest = if self.single { log_det_f } else { self.sum / self.weight };
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_are_compared_as_they_are() {
        let mut watch = Watch::new(1, &History::default());
        let next = 2.0_f64.next_up();
        assert_eq!(
            [-1e3, -2e3, 2.0, 2.0, next].map(|log_det_f| watch.saw(log_det_f)),
            [true, false, true, false, true]
        );
        assert_eq!(watch.threshold(), next);
    }

    #[test]
    fn the_largest_of_a_noisy_series_is_not_the_best() {
        let mut watch = Watch::new(10, &History::default());
        // Rises, with one value far out.
        let series = |i: u32| f64::from(i) / 100.0 + if i == 20 { 5.0 } else { 0.0 };
        let best: Vec<u32> = (0..2000).filter(|&i| watch.saw(series(i))).collect();
        assert_eq!(best.last(), Some(&1999));
        assert!(best.contains(&20) && !best.contains(&21));
    }

    #[test]
    fn what_is_above_the_threshold_is_best_and_nothing_else() {
        let mut watch = Watch::new(5, &History::default());
        for i in 0..100 {
            let log_det_f = f64::from((i * 37) % 11 + 1).ln();
            let above = log_det_f > watch.threshold();
            let before = watch.largest;
            assert_eq!(watch.saw(log_det_f), above);
            assert_eq!(watch.largest > before, above);
        }
    }
}
