//! Statistics of the values of an array, in one pass and bounded memory.

use imnn_sim::Real;

use imnn_data::{ArrayPath, ArrayReader, DataError, RowOptions};

/// Statistics of values; those that are not finite are counted and left out of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The finite values.
    pub n: u64,
    /// Those that are NaN.
    pub nan: u64,
    /// Those that are infinite.
    pub infinite: u64,
    /// The least.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
}

impl Default for Statistics {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { n: 0, nan: 0, infinite: 0, min, max, mean: 0.0, squares: 0.0 }
    }
}

impl Statistics {
    /// Takes more values into account.
    pub fn add<E: Real>(&mut self, values: &[E]) {
        for values in values.chunks(1 << 12) {
            self.merge(&Self::of_few(values));
        }
    }

    /// The standard deviation, with divisor n as numpy has it; 0 for less than two values.
    pub fn std(&self) -> f64 {
        if self.n < 2 { 0.0 } else { (self.squares / self.n as f64).sqrt() }
    }

    /// All values.
    pub fn len(&self) -> u64 {
        self.n + self.nan + self.infinite
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of_few<E: Real>(values: &[E]) -> Self {
        let mut of = Self::default();
        let mut sum = 0.0;
        for value in values.iter().map(|value| value.f64()) {
            if value.is_finite() {
                of.n += 1;
                sum += value;
                of.min = of.min.min(value);
                of.max = of.max.max(value);
            } else if value.is_nan() {
                of.nan += 1;
            } else {
                of.infinite += 1;
            }
        }
        if of.n > 0 {
            of.mean = sum / of.n as f64;
            let finite = values.iter().map(|value| value.f64()).filter(|value| value.is_finite());
            of.squares = finite.map(|value| (value - of.mean).powi(2)).sum();
        }
        of
    }

    /// Chan, Golub & LeVeque's rule, which loses no digits where the mean is large.
    fn merge(&mut self, other: &Self) {
        let n = (self.n + other.n) as f64;
        if other.n > 0 {
            let apart = other.mean - self.mean;
            self.mean += apart * other.n as f64 / n;
            self.squares += other.squares + apart * apart * self.n as f64 * other.n as f64 / n;
        }
        self.n += other.n;
        self.nan += other.nan;
        self.infinite += other.infinite;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// The statistics of an array, whatever its size; with one `reader` for all arrays of an archive this is opened once.
///
/// # Errors
/// Those of reading it.
pub fn statistics(reader: &mut ArrayReader, path: &ArrayPath, options: &RowOptions) -> Result<Statistics, DataError> {
    let mut statistics = Statistics::default();
    reader.for_each_rows::<f64>(path, options, &mut |_, values| {
        statistics.add(values);
        Ok(())
    })?;
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_plain_formulas() {
        let values: Vec<f64> = (0..10_000).map(|i| 1e6 + f64::from((i * 7919) % 101)).collect();
        let mut statistics = Statistics::default();
        values.chunks(777).for_each(|some| statistics.add(some));
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 1e4;
        assert!((statistics.mean - mean).abs() < 1e-9 * mean);
        assert!((statistics.std() - variance.sqrt()).abs() < 1e-9);
        assert_eq!((statistics.min, statistics.max, statistics.n), (1e6, 1e6 + 100.0, 10_000));
    }

    #[test]
    fn what_is_not_finite_is_counted() {
        let mut statistics = Statistics::default();
        statistics.add(&[f32::NAN, 1.0, f32::INFINITY, 3.0, f32::NEG_INFINITY]);
        assert_eq!((statistics.n, statistics.nan, statistics.infinite, statistics.mean), (2, 1, 2, 2.0));
        assert_eq!(statistics.std(), 1.0);
        assert_eq!(Statistics::default().std(), 0.0);
    }
}
