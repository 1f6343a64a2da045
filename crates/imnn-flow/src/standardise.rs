//! Columns to mean 0 and standard deviation 1.

use crate::error::{FlowError, Result};
use imnn_compute::Number;
use ndarray::ArrayView2;

/// How the columns of y or c are brought to mean 0 and standard deviation 1; constant columns are left out.
///
/// ```text
/// x' = (x - mean) / sd        sd with divisor n
/// ```
///
/// ```
/// use imnn_flow::Standardisation;
/// use ndarray::array;
/// let x = array![[1.0, 7.0], [3.0, 7.0]];
/// let standardisation = Standardisation::fit(x.view(), &["mass", "charge"])?;
/// assert_eq!((standardisation.mean()[0], standardisation.sd()[0]), (2.0, 1.0));
/// assert_eq!(standardisation.constant(), [1]);
/// # Ok::<(), imnn_flow::FlowError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Standardisation {
    mean: Vec<f64>,
    /// 0 in constant columns.
    sd: Vec<f64>,
    kept: Vec<usize>,
}

/// A column whose standard deviation is below this part of its largest entry is constant: what varies are last digits.
const CONSTANT: f64 = 1e-14;
/// Standardised numbers are cut here: beyond it a density is 0 for every purpose, and squares stay finite.
const LARGEST: f64 = 1e9;

impl Standardisation {
    /// From the rows of an array, which must be finite; `names` are those of the columns, for messages.
    ///
    /// # Errors
    /// If an entry is not finite, or a column so wide that its standard deviation is not a number.
    pub fn fit(x: ArrayView2<'_, f64>, names: &[impl AsRef<str>]) -> Result<Self> {
        let name = |column: usize| match names.get(column) {
            Some(name) => name.as_ref().to_string(),
            None => format!("column {column}"),
        };
        let (mut mean, mut sd) = (Vec::new(), Vec::new());
        for (at, column) in x.columns().into_iter().enumerate() {
            if let Some((row, &value)) = column.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(FlowError::NotFinite { row, column: name(at), value });
            }
            let n = column.len() as f64;
            // A first mean, and then what is left of the differences: exact for constant columns.
            let first = column.first().copied().unwrap_or(0.0);
            let m = first + column.iter().map(|v| (v - first) / n).sum::<f64>();
            // Relative to the largest, so that squares neither overflow nor vanish.
            let largest = column.iter().fold(0.0, |largest: f64, v| largest.max((v - m).abs()));
            let unit = if largest > 0.0 { largest } else { 1.0 };
            let s = unit * (column.iter().map(|v| ((v - m) / unit).powi(2)).sum::<f64>() / n).sqrt();
            if !m.is_finite() || !s.is_finite() {
                return Err(FlowError::Pairs(format!(
                    "{} reaches from {:e} to {:e}, too far for its mean and standard deviation; give its logarithm, or \
                     scale it",
                    name(at),
                    column.iter().copied().fold(f64::INFINITY, f64::min),
                    column.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                )));
            }
            let magnitude = column.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
            mean.push(m);
            sd.push(if s > CONSTANT * magnitude && s.is_normal() { s } else { 0.0 });
        }
        Self::from_parts(mean, sd)
    }

    /// No change, for columns that have a scale by nature, such as the coordinates in which a prior is N(0, I).
    pub fn identity(columns: usize) -> Self {
        Standardisation { mean: vec![0.0; columns], sd: vec![1.0; columns], kept: (0..columns).collect() }
    }

    /// These means and standard deviations, 0 for columns that are left out.
    ///
    /// # Errors
    /// If the lengths differ, a mean is not finite, or a standard deviation neither 0 nor normal and positive.
    pub fn from_parts(mean: Vec<f64>, sd: Vec<f64>) -> Result<Self> {
        if mean.len() != sd.len() {
            return Err(FlowError::Parts(format!("there are {} means and {} deviations", mean.len(), sd.len())));
        }
        if let Some(value) = mean.iter().find(|value| !value.is_finite()) {
            return Err(FlowError::Parts(format!("a mean is {value}, it must be finite")));
        }
        if let Some(value) = sd.iter().find(|value| !(**value == 0.0 || value.is_normal() && **value > 0.0)) {
            return Err(FlowError::Parts(format!("a standard deviation is {value}, it must be positive, or 0")));
        }
        let kept = (0..sd.len()).filter(|&column| sd[column] > 0.0).collect();
        Ok(Standardisation { mean, sd, kept })
    }

    /// Number of columns, constant ones included.
    pub fn columns(&self) -> usize {
        self.mean.len()
    }

    /// The columns that are not constant.
    pub fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// The columns that are left out.
    pub fn constant(&self) -> Vec<usize> {
        (0..self.columns()).filter(|&column| self.sd[column] == 0.0).collect()
    }

    /// The mean of each column.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The standard deviation of each column, 0 for constant ones.
    pub fn sd(&self) -> &[f64] {
        &self.sd
    }

    /// A row, standardised, without constant columns; the context of row numbers must be a row of all columns.
    pub(crate) fn apply<'a, E: Number>(&'a self, row: &'a [f64]) -> impl Iterator<Item = E> + 'a {
        self.kept.iter().map(|&column| {
            let value = (row[column] - self.mean[column]) / self.sd[column];
            E::of(value.clamp(-LARGEST, LARGEST))
        })
    }

    /// A standardised row back to all columns.
    pub(crate) fn undo(&self, standardised: impl Iterator<Item = f64>, row: &mut [f64]) {
        row.copy_from_slice(&self.mean);
        for (&column, value) in self.kept.iter().zip(standardised) {
            row[column] += self.sd[column] * value;
        }
    }

    /// A gradient with respect to standardised columns to one with respect to all columns.
    pub(crate) fn undo_gradient(&self, standardised: impl Iterator<Item = f64>, row: &mut [f64]) {
        row.fill(0.0);
        for (&column, value) in self.kept.iter().zip(standardised) {
            row[column] = value / self.sd[column];
        }
    }

    /// `sum ln sd`.
    pub(crate) fn log_volume(&self) -> f64 {
        self.kept.iter().map(|&column| self.sd[column].ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn columns_are_brought_to_unit_scale_and_back() {
        let x = array![[1.0, 3.0, 1e200], [2.0, 3.0, -1e200], [6.0, 3.0, 3e200]];
        let standardisation = Standardisation::fit(x.view(), &["a", "b", "c"]).unwrap();
        assert_eq!(standardisation.kept(), [0, 2]);
        let rows: Vec<Vec<f64>> =
            x.rows().into_iter().map(|row| standardisation.apply::<f64>(&row.to_vec()).collect()).collect();
        for column in 0..2 {
            let moment = |power: i32| rows.iter().map(|row| row[column].powi(power)).sum::<f64>() / 3.0;
            assert!(moment(1).abs() < 1e-14 && (moment(2) - 1.0).abs() < 1e-14);
        }
        let mut back = [0.0; 3];
        standardisation.undo(rows[2].iter().copied(), &mut back);
        approx::assert_relative_eq!(back[..], [6.0, 3.0, 3e200][..], max_relative = 1e-14);
    }

    #[test]
    fn what_varies_in_the_last_digits_is_constant() {
        let x = array![[1e6], [1e6 + 1e-9], [1e6]];
        assert_eq!(Standardisation::fit(x.view(), &["a"]).unwrap().constant(), [0]);
        let x = array![[1e6], [1e6 + 1e-3], [1e6]];
        assert_eq!(Standardisation::fit(x.view(), &["a"]).unwrap().kept(), [0]);
    }

    #[test]
    fn numbers_without_a_scale_are_refused() {
        let message = |x: ndarray::Array2<f64>| Standardisation::fit(x.view(), &["mass"]).unwrap_err().to_string();
        assert!(message(array![[1.0], [f64::NAN]]).starts_with("row 1 of mass is NaN: all numbers must be finite"));
        assert!(message(array![[f64::MAX], [-f64::MAX]]).starts_with("mass reaches from -1.797"));
    }
}
