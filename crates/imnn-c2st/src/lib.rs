//! Classifier two-sample test (C2ST): how often a network tells rightly from which of two sets a sample comes. 0.5 says that
//! it cannot, 1 that it always can.
//!
//! The classifier is that of the benchmark sbibm: two hidden layers of ten units per dimension, rectified; trained by Adam
//! with a rate of 1e-3 on batches of 200 until the loss has not fallen by 1e-4 for more than ten epochs; five folds; all as in
//! scikit-learn's `MLPClassifier` and `KFold`. What differs are the random numbers: start, folds and order of pairs come
//! from a key. sbibm gives every fold the same seed, and so do its published values, which read a little higher than the
//! mean over starts; compare with them by scikit-learn itself, and with values from here by the mean over several
//! [`Settings::starts`].
//!
//! ```
//! use imnn_c2st::{Settings, c2st};
//! use imnn_sim::Key;
//! use ndarray::Array2;
//! let mut numbers = vec![0.0; 800];
//! Key::new(0).fill_normal(&mut numbers);
//! let reference = Array2::from_shape_vec((400, 2), numbers).unwrap();
//! let shifted = &reference + 9.0;
//! let settings = Settings { starts: 1, ..Settings::default() };
//! let score = c2st(reference.view(), shifted.view(), &settings, Key::new(1))?;
//! assert!(score.accuracy > 0.99);
//! # Ok::<(), imnn_c2st::C2stError>(())
//! ```
//!
//! # References
//! Friedman 2003, "On multivariate goodness-of-fit and two-sample testing"; Lopez-Paz & Oquab 2017, arXiv:1610.06545;
//! Lueckmann, Boelts, Greenberg, Gonçalves & Macke 2021, arXiv:2101.04653, for the classifier.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod classifier;
mod folds;

pub use folds::{Score, Settings, c2st};

/// An error of this crate.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum C2stError {
    /// The two sets have different numbers of columns, or none.
    #[error("the reference has {reference} columns and the samples have {samples}; both need the same, at least 1")]
    Columns {
        /// Of the reference.
        reference: usize,
        /// Of the samples.
        samples: usize,
    },

    /// There are too few samples for the folds.
    #[error("there are {found} samples in the smaller set; {needed} are needed for {folds} folds")]
    Few {
        /// Rows of the smaller set.
        found: usize,
        /// Rows that are needed.
        needed: usize,
        /// Number of folds.
        folds: usize,
    },

    /// An entry is NaN or infinite.
    #[error("row {row}, column {column} of the {set} is {value}; all numbers must be finite")]
    NotFinite {
        /// `reference` or `samples`.
        set: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The entry.
        value: f64,
    },

    /// A column of the reference has no standard deviation to measure by.
    #[error("column {column} of the reference is constant or too wide to have a standard deviation: leave it out")]
    NoScale {
        /// The column, from 0.
        column: usize,
    },

    /// A setting is out of its range.
    #[error("{setting} is {value}, it must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: usize,
        /// The values allowed.
        range: &'static str,
    },

    /// The optimiser refused its settings.
    #[error(transparent)]
    Optimiser(#[from] imnn_models::ModelError),

    /// Threads could not be started.
    #[error("threads could not be started: {0}")]
    Threads(#[from] std::io::Error),
}

/// The text of the error, which is what a `main` that returns it prints.
impl std::fmt::Debug for C2stError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
