//! Repeated measurements and their summary.

use serde::Serialize;

/// Measurements of one quantity.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Series {
    values: Vec<f64>,
}

impl Series {
    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The value in the middle; of two in the middle their mean. NaN without measurements.
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
        }
    }

    pub fn range(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted.first().copied().unwrap_or(f64::NAN), sorted.last().copied().unwrap_or(f64::NAN))
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Series { values: values.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        let odd: Series = [3.0, 1.0, 10.0].into_iter().collect();
        assert_eq!((odd.median(), odd.range()), (3.0, (1.0, 10.0)));
        let even: Series = [4.0, 1.0, 10.0, 2.0].into_iter().collect();
        assert_eq!(even.median(), 3.0);
        assert!(Series::default().median().is_nan());
    }
}
