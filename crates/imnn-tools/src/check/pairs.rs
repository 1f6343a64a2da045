//! Whether the rows of two arrays belong together.

use ndarray::{Array1, Array2, ArrayView2, Axis};

/// How much the rows of two arrays have in common, each array less the mean of its rows.
///
/// ```text
/// correlation = sum_i a_i . b_i / sqrt(sum_i |a_i|^2  sum_i |b_i|^2)
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pairing {
    /// Of the pairs as they are.
    pub correlation: f64,
    /// The same of pairs of other rows, on average.
    pub shuffled: f64,
    /// The standard deviation of that, from the median deviation.
    pub scatter: f64,
    /// The pairs that have nothing in common, while most have.
    pub strangers: Vec<usize>,
    /// Pairs (i, j) of which row i of one is much more like row j of the other, where most rows are so.
    pub elsewhere: Vec<(usize, usize)>,
}

/// Fewer pairs say nothing whatever they are.
const LEAST: usize = 3;

/// Of fewer pairs there is little to be said.
pub(super) const FEW: usize = 8;

/// What can be said about pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They belong together.
    Together,
    /// They have as little in common as any two rows, and would have shown it.
    Strangers,
    /// They have something in common, but not much.
    Loose,
    /// The rows are too few, or hold too little, to say.
    Open,
}

impl Pairing {
    /// Compares the rows; nothing where there are too few or an array does not vary.
    pub(super) fn of(a: &Array2<f64>, b: &Array2<f64>) -> Option<Self> {
        let n = a.nrows();
        if n < LEAST {
            return None;
        }
        let (a, b) = (centred(a.view()), centred(b.view()));
        let (norms_a, norms_b) = (norms(&a), norms(&b));
        let norm = norms_a.dot(&norms_a).sqrt() * norms_b.dot(&norms_b).sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return None;
        }
        let products = a.dot(&b.t());
        let along = |shift: usize| (0..n).map(|i| products[[i, (i + shift) % n]]).sum::<f64>() / norm;
        let others: Vec<f64> = (1..n).map(along).collect();
        // Of rows that are shifted one of these is large, and must not pass for scatter: 1.4826 median deviations are one
        // standard deviation of a normal distribution.
        let shuffled = median(others.clone());
        let scatter = 1.4826 * median(others.iter().map(|other| (other - shuffled).abs()).collect());
        let correlation = along(0);
        let likeness = Array2::from_shape_fn((n, n), |(i, j)| {
            let norm = norms_a[i] * norms_b[j];
            if norm > 0.0 { products[[i, j]] / norm } else { 0.0 }
        });
        // Of few other pairs the deviations say little, those of all rows more.
        let scatter = if n < FEW { chance(&likeness) / (n as f64).sqrt() } else { scatter };
        let mut pairing = Self { correlation, shuffled, scatter, strangers: vec![], elsewhere: vec![] };
        pairing.find(&likeness);
        let shift = (1..n).max_by(|&j, &k| others[j - 1].total_cmp(&others[k - 1])).unwrap_or(1);
        if correlation < 0.5 && others[shift - 1] > 0.7 && (n >= FEW || scatter < 0.15) {
            pairing.elsewhere = (0..n).map(|i| (i, (i + shift) % n)).collect();
        }
        Some(pairing)
    }

    pub(super) fn verdict(&self) -> Verdict {
        let apart = (self.correlation - self.shuffled).abs() / self.scatter.max(1e-12);
        match self.correlation {
            c if c > 0.5 && apart > 5.0 => Verdict::Together,
            c if c.abs() < 0.2 && apart < 5.0 && self.scatter < 0.1 => Verdict::Strangers,
            // Whatever they have in common, three standard deviations do not make it what seeds would.
            c if c + 3.0 * self.scatter < 0.6 && apart < 3.0 && self.scatter < 0.25 => Verdict::Strangers,
            _ if apart >= 5.0 => Verdict::Loose,
            _ => Verdict::Open,
        }
    }

    /// Looks at each row alone, where rows are long enough for that.
    fn find(&mut self, likeness: &Array2<f64>) {
        let n = likeness.nrows();
        let chance = chance(likeness);
        let mut along: Vec<f64> = likeness.diag().to_vec();
        along.sort_by(f64::total_cmp);
        let median = along[n / 2];
        if median > 0.6 {
            let limit = 0.2f64.min(median / 3.0);
            if 5.0 * chance < median - limit {
                self.strangers = (0..n).filter(|&i| likeness[[i, i]] < limit).collect();
            }
            if self.strangers.is_empty() {
                // Of short rows strangers may be alike by chance, but not as alike as all others are.
                let apart = |i: usize| 1.0 - likeness[[i, i]];
                self.strangers = (0..n).filter(|&i| apart(i) > 0.4_f64.max(15.0 * (1.0 - median))).collect();
            }
            return;
        }
        let best = |i: usize| (0..n).max_by(|&j, &k| likeness[[i, j]].total_cmp(&likeness[[i, k]])).unwrap_or(i);
        let elsewhere: Vec<(usize, usize)> = (0..n)
            .map(|i| (i, best(i)))
            .filter(|&(i, j)| i != j && likeness[[i, j]] > 0.7 && likeness[[i, j]] > likeness[[i, i]] + 0.4)
            .collect();
        if 2 * elsewhere.len() > n && chance < 0.25 {
            self.elsewhere = elsewhere;
        }
    }
}

/// How alike two rows are that do not belong together, in root mean square.
fn chance(likeness: &Array2<f64>) -> f64 {
    let n = likeness.nrows();
    let squares: f64 = likeness.indexed_iter().filter(|((i, j), _)| i != j).map(|(_, c)| c * c).sum();
    (squares / (n * (n - 1)) as f64).sqrt()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Rows less their mean.
pub(super) fn centred(array: ArrayView2<'_, f64>) -> Array2<f64> {
    match array.mean_axis(Axis(0)) {
        Some(mean) => &array - &mean,
        // There are none.
        None => array.to_owned(),
    }
}

fn norms(array: &Array2<f64>) -> Array1<f64> {
    array.rows().into_iter().map(|row| row.dot(&row).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use imnn_sim::Key;

    use super::*;

    fn noise(seed: u64, (n, m): (usize, usize)) -> Array2<f64> {
        let mut values = vec![0.0; n * m];
        Key::new(seed).fill_normal(&mut values);
        Array2::from_shape_vec((n, m), values).unwrap()
    }

    #[test]
    fn the_same_noise_belongs_together() {
        // A common pattern alone must not look like a common seed.
        let pattern = noise(9, (1, 50)) * 100.0;
        let a = noise(1, (40, 50)) + &pattern;
        let same = Pairing::of(&a, &(&a * 1.1)).unwrap();
        assert!((same.correlation - 1.0).abs() < 1e-9 && same.verdict() == Verdict::Together);
        let other = Pairing::of(&a, &(noise(2, (40, 50)) + &pattern)).unwrap();
        assert!(other.correlation.abs() < 0.1 && other.verdict() == Verdict::Strangers, "{other:?}");
        let half = Pairing::of(&a, &(&a * 0.3 + noise(2, (40, 50)))).unwrap();
        assert_eq!(half.verdict(), Verdict::Loose);
        assert!(same.strangers.is_empty() && other.elsewhere.is_empty());
    }

    #[test]
    fn rows_in_another_order_and_single_strangers_are_found() {
        let a = noise(1, (40, 300));
        let mut moved = a.clone();
        (0..40).for_each(|i| moved.row_mut(i).assign(&a.row((i + 1) % 40)));
        let found = Pairing::of(&a, &moved).unwrap();
        assert_eq!((found.elsewhere.len(), found.elsewhere[3]), (40, (3, 2)));
        let mut some = a.clone();
        [7, 30].iter().for_each(|&i| some.row_mut(i).assign(&noise(5 + i as u64, (1, 300)).row(0)));
        assert_eq!(Pairing::of(&a, &some).unwrap().strangers, [7, 30]);
    }

    #[test]
    fn a_few_long_rows_say_much() {
        let mut wrong = 0;
        for seed in 0..50 {
            let (one, other) = (noise(seed, (6, 20)), noise(100 + seed, (6, 20)));
            assert_eq!(Pairing::of(&one, &(&one * 1.1)).unwrap().verdict(), Verdict::Together);
            wrong += usize::from(Pairing::of(&one, &other).unwrap().verdict() != Verdict::Strangers);
        }
        assert!(wrong < 10, "{wrong}");
        // Rows of few values, as there are many of.
        let (one, other) = (noise(1, (24, 5)), noise(2, (24, 5)));
        assert_eq!(Pairing::of(&one, &other).unwrap().verdict(), Verdict::Strangers);
    }

    #[test]
    fn little_data_says_nothing() {
        let few = noise(1, (2, 10));
        assert_eq!(Pairing::of(&few, &few), None);
        assert_eq!(Pairing::of(&noise(1, (20, 3)), &Array2::ones((20, 3))), None);
        assert_eq!(Pairing::of(&noise(1, (10, 1)), &noise(2, (10, 1))).unwrap().verdict(), Verdict::Open);
    }
}
