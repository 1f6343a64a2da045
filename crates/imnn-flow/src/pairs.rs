//! Pairs (y, c) to train on, checked; which of them are held out.

use crate::error::{FlowError, Result};
use crate::shuffle::shuffled;
use imnn_sim::{Key, Real};
use ndarray::{Array2, ArrayView2};

/// Pairs of y and c, row by row, all numbers finite.
///
/// ```
/// use imnn_flow::Pairs;
/// use ndarray::Array2;
/// let y = Array2::from_shape_fn((100, 2), |(k, j)| (k + j) as f64);
/// let c = Array2::from_shape_fn((100, 1), |(k, _)| k as f32);
/// let pairs = Pairs::new(y.view(), c.view())?.named(&["Omega_c", "sigma_8"], &["x"])?;
/// assert_eq!(pairs.len(), 100);
/// # Ok::<(), imnn_flow::FlowError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pairs {
    y: Array2<f64>,
    c: Array2<f64>,
    names: [Vec<String>; 2],
}

/// Fewer pairs than this are refused: a tenth of them, held out, would tell nothing.
pub const FEWEST_PAIRS: usize = 50;

impl Pairs {
    /// Pairs of the rows of `y` `(n, D)` and of `c` `(n, q)`, in single or double precision.
    ///
    /// # Errors
    /// If the numbers of rows differ or are below [`FEWEST_PAIRS`], y has no columns, or an entry is not finite.
    pub fn new<A: Real, B: Real>(y: ArrayView2<'_, A>, c: ArrayView2<'_, B>) -> Result<Self> {
        if y.nrows() != c.nrows() {
            return Err(FlowError::Pairs(format!(
                "y has {} rows and c has {}: row k of c must be the context of row k of y",
                y.nrows(),
                c.nrows()
            )));
        }
        if y.nrows() < FEWEST_PAIRS {
            return Err(FlowError::Pairs(format!(
                "{} pairs are too few to train on: at least {FEWEST_PAIRS} are needed, and a thousand or more are usual",
                y.nrows()
            )));
        }
        if y.ncols() == 0 {
            return Err(FlowError::Pairs("y has no columns: there is nothing whose density could be learnt".into()));
        }
        let numbered = |what: &str, n: usize| (0..n).map(|k| format!("{what}[{k}]")).collect();
        let names = [numbered("y", y.ncols()), numbered("c", c.ncols())];
        let pairs = Pairs { y: y.mapv(Real::f64), c: c.mapv(Real::f64), names };
        for (array, names) in [&pairs.y, &pairs.c].into_iter().zip(&pairs.names) {
            if let Some(((row, column), &value)) = array.indexed_iter().find(|(_, value)| !value.is_finite()) {
                return Err(FlowError::NotFinite { row, column: names[column].clone(), value });
            }
        }
        Ok(pairs)
    }

    /// The same with names for the columns, which messages and notes use.
    ///
    /// # Errors
    /// If there are not as many names as columns.
    pub fn named(mut self, y: &[impl AsRef<str>], c: &[impl AsRef<str>]) -> Result<Self> {
        for (what, names, columns) in [("y", y.len(), self.y.ncols()), ("c", c.len(), self.c.ncols())] {
            if names != columns {
                return Err(FlowError::Pairs(format!("there are {names} names for the {columns} columns of {what}")));
            }
        }
        self.names =
            [y.iter().map(|n| n.as_ref().to_string()).collect(), c.iter().map(|n| n.as_ref().to_string()).collect()];
        Ok(self)
    }

    /// Number of pairs.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.y.nrows()
    }

    /// `(n, D)`.
    pub fn y(&self) -> ArrayView2<'_, f64> {
        self.y.view()
    }

    /// `(n, q)`.
    pub fn c(&self) -> ArrayView2<'_, f64> {
        self.c.view()
    }

    /// Names of the columns of y.
    pub fn y_names(&self) -> &[String] {
        &self.names[0]
    }

    /// Names of the columns of c.
    pub fn c_names(&self) -> &[String] {
        &self.names[1]
    }
}

/// Which pairs are trained on and which are held out: for early stopping and for the weights of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    training: Vec<usize>,
    validation: Vec<usize>,
}

impl Split {
    /// Holds out this share of `n` pairs, at least two, drawn from the key.
    ///
    /// # Errors
    /// If the share is not between 0 and 1 or leaves fewer than two pairs on either side.
    pub fn new(n: usize, share: f64, key: Key) -> Result<Self> {
        if !(share > 0.0 && share < 1.0) {
            return Err(FlowError::setting("validation", share, "above 0 and below 1"));
        }
        let held_out = ((n as f64 * share).round() as usize).max(2);
        let mut order = shuffled(n, key);
        let mut validation = order.split_off(n.saturating_sub(held_out));
        order.sort_unstable();
        validation.sort_unstable();
        Self::from_rows(order, validation, n)
    }

    /// These rows of `n` pairs.
    ///
    /// # Errors
    /// If a row does not exist or occurs twice, or either side has fewer than two.
    pub fn from_rows(training: Vec<usize>, validation: Vec<usize>, n: usize) -> Result<Self> {
        let mut seen = vec![false; n];
        for &row in training.iter().chain(&validation) {
            match seen.get_mut(row) {
                None => return Err(FlowError::Pairs(format!("the split names row {row} of {n} pairs"))),
                Some(true) => return Err(FlowError::Pairs(format!("the split names row {row} twice"))),
                Some(seen) => *seen = true,
            }
        }
        if training.len() < 2 || validation.len() < 2 {
            return Err(FlowError::Pairs(format!(
                "the split has {} pairs to train on and {} held out; both need at least 2",
                training.len(),
                validation.len()
            )));
        }
        Ok(Split { training, validation })
    }

    /// The rows that are trained on.
    pub fn training(&self) -> &[usize] {
        &self.training
    }

    /// The rows that are held out.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(y: Array2<f64>, c: Array2<f32>) -> String {
        Pairs::new(y.view(), c.view()).unwrap_err().to_string()
    }

    #[test]
    fn pairs_that_cannot_be_trained_on_are_refused() {
        let zeros = Array2::<f64>::zeros;
        assert!(refused(zeros((60, 2)), Array2::zeros((61, 1))).starts_with("y has 60 rows and c has 61"));
        assert!(refused(zeros((10, 2)), Array2::zeros((10, 1))).starts_with("10 pairs are too few"));
        assert!(refused(zeros((60, 0)), Array2::zeros((60, 1))).starts_with("y has no columns"));
        let mut c = Array2::zeros((60, 3));
        c[[7, 2]] = f32::NAN;
        assert!(refused(zeros((60, 2)), c).starts_with("row 7 of c[2] is NaN"));
        let mut y = zeros((60, 2));
        y[[59, 0]] = f64::NEG_INFINITY;
        assert!(refused(y, Array2::zeros((60, 3))).starts_with("row 59 of y[0] is -inf"));
    }

    #[test]
    fn splits_are_disjoint_and_complete() {
        let split = Split::new(103, 0.1, Key::new(0)).unwrap();
        let mut all = [split.training(), split.validation()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..103));
        assert_eq!(split.validation().len(), 10);
        assert_ne!(split, Split::new(103, 0.1, Key::new(1)).unwrap());
    }

    #[test]
    fn splits_that_make_no_sense_are_refused() {
        let refused = |split: Result<Split>| split.unwrap_err().to_string();
        assert_eq!(refused(Split::new(100, 1.0, Key::new(0))), "validation is 1, it must be above 0 and below 1");
        assert_eq!(refused(Split::from_rows(vec![0, 1], vec![1, 2], 5)), "the split names row 1 twice");
        assert_eq!(refused(Split::from_rows(vec![0, 1], vec![5, 2], 5)), "the split names row 5 of 5 pairs");
        assert!(refused(Split::from_rows(vec![0, 1], vec![3], 5)).contains("1 held out"));
    }
}
