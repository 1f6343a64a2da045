//! Settings of one call of fit.

use crate::error::{FitError, Result};
use imnn_stats::Loss;
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// How long to train, and with which regularisation.
///
/// ```
/// use imnn_fit::FitSettings;
/// let settings = FitSettings { patience: 200, ..FitSettings::default() };
/// assert_eq!(settings.lambda, 10.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitSettings {
    /// Largest strength of the covariance regularisation. Default 10.
    pub lambda: f64,
    /// How far from the identity the covariance may be before the regularisation sets in. Default 0.1.
    pub epsilon: f64,
    /// Training stops after this many iterations in a row without a larger det F (of the validation set, if there is
    /// one), counted once `min_iterations` are done. Default 100.
    pub patience: usize,
    /// Patience is not counted up to this iteration. Default 100.
    pub min_iterations: usize,
    /// Training stops after this many iterations in any case. Default 100,000.
    pub max_iterations: usize,
    /// Whether the statistics at the end are those of the weights with the largest det F, or of the final ones. The largest
    /// of a noisy series is biased upward: measure on fresh simulations what matters. Default true.
    pub best: bool,
    /// Whether the network's last linear layer is mapped once, before training, so that the summaries of the first batch
    /// have mean 0 and covariance I. Default true.
    pub whiten: bool,
}

impl Default for FitSettings {
    fn default() -> Self {
        FitSettings {
            lambda: 10.0,
            epsilon: 0.1,
            patience: 100,
            min_iterations: 100,
            max_iterations: 100_000,
            best: true,
            whiten: true,
        }
    }
}

impl FitSettings {
    /// Checks the settings; all that does not depend on the data is found out here.
    ///
    /// # Errors
    /// If `patience` or `max_iterations` is 0, or `lambda` and `epsilon` are refused by
    /// [`Regularisation::new`](imnn_stats::Regularisation::new).
    ///
    /// ```
    /// use imnn_fit::FitSettings;
    /// let error = FitSettings { patience: 0, ..FitSettings::default() }.checked().unwrap_err();
    /// assert_eq!(error.to_string(), "patience is 0, it must be at least 1");
    /// ```
    pub fn checked(&self) -> Result<CheckedSettings> {
        for (setting, value) in [("patience", self.patience), ("max_iterations", self.max_iterations)] {
            if value == 0 {
                return Err(FitError::Setting { setting, value: "0".into(), range: "at least 1".into() });
            }
        }
        Ok(CheckedSettings { loss: Loss::new(self.lambda, self.epsilon)?, settings: self.clone() })
    }
}

/// [`FitSettings`] that have passed [`FitSettings::checked`].
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedSettings {
    settings: FitSettings,
    loss: Loss,
}

impl CheckedSettings {
    /// The loss that these settings ask for.
    pub fn loss(&self) -> Loss {
        self.loss
    }
}

impl Deref for CheckedSettings {
    type Target = FitSettings;

    fn deref(&self) -> &FitSettings {
        &self.settings
    }
}
