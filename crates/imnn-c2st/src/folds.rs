//! Standardisation, folds and starts.

use crate::C2stError;
use crate::classifier::{Classifier, Samples};
use imnn_compute::matrix::prepare;
use imnn_compute::threads::{Order, Scheduler, ThreadPool, lock};
use imnn_sim::Key;
use ndarray::ArrayView2;
use rand::RngExt;
use std::sync::{Arc, Mutex, PoisonError};

/// How the test is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Into how many parts the samples are divided, each of which is told by a network trained on the others: 2 to 100.
    /// Defaults to 5.
    pub folds: usize,
    /// How often all is done with other random numbers, 1 to 1000. Defaults to 4.
    pub starts: usize,
    /// Threads; 0, the default, for as many as the processor has. The bits do not depend on it.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { folds: 5, starts: 4, threads: 0 }
    }
}

/// The result of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The share of samples told rightly, mean over folds and starts: 0.5 for two sets of one law.
    pub accuracy: f64,
    /// The same for each start.
    pub starts: Vec<f64>,
    /// How long the longest training was, in epochs.
    pub epochs: usize,
}

/// Tells `samples` `(n, d)` from a `reference` `(m, d)`; of the longer set only as many rows as of the other are used. Both are
/// standardised by mean and standard deviation of the reference (divisor m - 1), as in sbibm.
///
/// # Errors
/// If the sets do not fit each other, are too small, or hold what is not a number.
pub fn c2st(
    reference: ArrayView2<'_, f64>,
    samples: ArrayView2<'_, f64>,
    settings: &Settings,
    key: Key,
) -> Result<Score, C2stError> {
    let (rows, second) = standardised(reference, samples, settings)?;
    let dims = reference.ncols();
    prepare();
    let all = Samples { dims, rows: &rows, second: &second };
    let (folds, starts) = (settings.folds, settings.starts);
    let orders: Vec<Vec<usize>> =
        key.fold_in_each(0..starts as u64).map(|key| shuffled(second.len(), key.split::<1>()[0])).collect();
    let done = Mutex::new(vec![(0.0, 0); folds * starts]);
    let threads = match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let pool = ThreadPool::new(threads.min(folds * starts))?;
    Scheduler::new(Arc::new(pool)).run(folds * starts, 1, Order::Up, |_, tasks| {
        for task in tasks {
            let (start, fold) = (task / folds, task % folds);
            let order = &orders[start];
            let (from, to) = (fold * order.len() / folds, (fold + 1) * order.len() / folds);
            let training = [&order[..from], &order[to..]].concat();
            let [_, weights, batches] = key.fold_in(start as u64).split();
            let mut classifier = Classifier::<f32>::new(dims, weights.fold_in(fold as u64));
            let epochs = classifier.train(&all, &training, batches.fold_in(fold as u64))?;
            lock(&done)[task] = (classifier.accuracy(&all, &order[from..to]), epochs);
        }
        Ok::<(), C2stError>(())
    })?;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let starts: Vec<f64> =
        done.chunks(folds).map(|folds| folds.iter().map(|fold| fold.0).sum::<f64>() / folds.len() as f64).collect();
    Ok(Score {
        accuracy: starts.iter().sum::<f64>() / starts.len() as f64,
        starts,
        epochs: done.iter().map(|fold| fold.1).max().unwrap_or(0),
    })
}

/// All rows of the reference and then as many samples, standardised, and which of them are samples.
fn standardised(
    reference: ArrayView2<'_, f64>,
    samples: ArrayView2<'_, f64>,
    settings: &Settings,
) -> Result<(Vec<f32>, Vec<bool>), C2stError> {
    for (setting, value, most, range) in [
        ("folds", settings.folds, 100, "2 to 100"),
        ("starts", settings.starts, 1000, "1 to 1000"),
        ("threads", settings.threads, 1024, "0 to 1024"),
    ] {
        let least = if setting == "folds" { 2 } else { usize::from(setting == "starts") };
        if !(least..=most).contains(&value) {
            return Err(C2stError::Setting { setting, value, range });
        }
    }
    let dims = reference.ncols();
    if dims != samples.ncols() || dims == 0 {
        return Err(C2stError::Columns { reference: dims, samples: samples.ncols() });
    }
    let n = reference.nrows().min(samples.nrows());
    let needed = 2 * settings.folds;
    if n < needed {
        return Err(C2stError::Few { found: n, needed, folds: settings.folds });
    }
    for (set, x) in [("reference", reference), ("samples", samples)] {
        if let Some(((row, column), &value)) = x.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(C2stError::NotFinite { set, row, column, value });
        }
    }
    let mut scales = Vec::new();
    for (column, x) in reference.columns().into_iter().enumerate() {
        let x = x.iter().take(n);
        let mean = x.clone().map(|v| v / n as f64).sum::<f64>();
        let sd = (x.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt();
        // A constant leaves last digits.
        if !sd.is_normal() || sd < 1e-14 * mean.abs() {
            return Err(C2stError::NoScale { column });
        }
        scales.push((mean, sd));
    }
    // Far away is far away: beyond this squares would overflow.
    let scaled = |(v, (mean, sd)): (&f64, &(f64, f64))| ((v - mean) / sd).clamp(-1e9, 1e9) as f32;
    let mut rows = Vec::with_capacity(2 * n * dims);
    for x in [reference, samples] {
        for row in x.rows().into_iter().take(n) {
            rows.extend(row.iter().zip(&scales).map(scaled));
        }
    }
    Ok((rows, (0..2 * n).map(|row| row >= n).collect()))
}

/// A permutation of 0..n.
fn shuffled(n: usize, key: Key) -> Vec<usize> {
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
    use ndarray::{Array2, array};

    fn normal(n: usize, dims: usize, key: u64) -> Array2<f64> {
        let mut numbers = vec![0.0; n * dims];
        Key::new(key).fill_normal(&mut numbers);
        Array2::from_shape_vec((n, dims), numbers).unwrap()
    }

    fn score(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
        c2st(x.view(), y.view(), &Settings { starts: 1, ..Settings::default() }, Key::new(9)).unwrap().accuracy
    }

    /// No classifier does better than comparing the densities, and this one comes near: shifted by one standard deviation,
    /// twice as wide, and the same. Accuracies of 2000 samples have a standard error of 0.011.
    #[test]
    fn the_best_possible_accuracies_are_reached() {
        let (x, y) = (normal(1000, 2, 1), normal(1000, 2, 2));
        let same = score(&x, &y);
        assert!((same - 0.5).abs() < 0.035, "{same}");
        let wide = score(&x, &(2.0 * &y));
        assert!((wide - 0.7362).abs() < 0.035, "{wide}");
        let shifted = score(&x, &(&y + &array![[1.0, 0.0]]));
        assert!((shifted - 0.6915).abs() < 0.035, "{shifted}");
        let apart = score(&x, &(&y + 1e3));
        assert_eq!(apart, 1.0);
        // Units do not matter.
        let scaled = |x: &Array2<f64>| 1e6 * x + 1e9;
        assert!((score(&scaled(&x), &scaled(&(2.0 * &y))) - wide).abs() < 0.03);
    }

    #[test]
    fn bits_do_not_depend_on_threads() {
        let (x, y) = (normal(150, 3, 1), normal(170, 3, 2));
        let with = |threads| {
            let settings = Settings { folds: 3, starts: 2, threads };
            c2st(x.view(), y.view(), &settings, Key::new(1)).unwrap()
        };
        assert_eq!(with(1), with(4));
        assert_eq!(with(1).starts.len(), 2);
        assert_ne!(with(1).starts[0], with(1).starts[1]);
    }

    #[test]
    fn sets_that_cannot_be_compared_are_refused() {
        let message = |x: Array2<f64>, y: Array2<f64>| {
            c2st(x.view(), y.view(), &Settings::default(), Key::new(1)).unwrap_err().to_string()
        };
        let x = normal(20, 2, 1);
        assert!(message(x.clone(), normal(20, 3, 1)).starts_with("the reference has 2 columns and the samples have 3"));
        assert!(
            message(x.clone(), normal(9, 2, 1)).starts_with("there are 9 samples in the smaller set; 10 are needed")
        );
        let mut bad = x.clone();
        bad[[7, 1]] = f64::NAN;
        assert!(message(x.clone(), bad).starts_with("row 7, column 1 of the samples is NaN"));
        let mut bad = x.clone();
        bad.column_mut(1).fill(0.1);
        assert!(message(bad, x.clone()).starts_with("column 1 of the reference is constant"));
        let settings = Settings { folds: 1, ..Settings::default() };
        let error = c2st(x.view(), x.view(), &settings, Key::new(1)).unwrap_err().to_string();
        assert_eq!(error, "folds is 1, it must be 2 to 100");
    }
}
