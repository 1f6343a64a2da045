//! Settings of one call of fit.

use crate::error::{FitError, Result};
use imnn_stats::Loss;
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// How to train, and for how long.
///
/// ```
/// use imnn_fit::FitSettings;
/// let settings = FitSettings { tolerance: 0.002, ..FitSettings::default() };
/// assert_eq!(settings.kappa, None); // 0.1, unless lambda or epsilon are given
/// assert_eq!(FitSettings::original().lambda, Some(10.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitSettings {
    /// Factor of the penalty `kappa ||C - I||^2`, which holds the scale of the summaries. Default 0.1, unless `lambda` or
    /// `epsilon` are given. With 0 there is no penalty, and the scale is held by whitening the last layer every 50
    /// iterations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
    /// Largest strength of the original's penalty `r(L2) L2`; 10 where only `epsilon` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// How far from the identity the covariance may be before the original's penalty sets in; 0.1 where only `lambda` is
    /// given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Whether the network's last linear layer is set in closed form before training, and after it if that is better on
    /// held-out simulations. Default true.
    pub read_out: bool,
    /// Whether it is also set so every so many iterations of training. Default no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_out_every: Option<usize>,
    /// Without an optimiser of one's own, and with simulations and a validation set from files: whether at the end a last layer that
    /// is a read-out is made again from both sets together. Twice as many simulations lose half as much to their number; what
    /// was held out tells of the last layer before. Default true.
    pub refit: bool,
    /// Whether the last linear layer, where it is not set by the read-out, is mapped once before training, so that the
    /// summaries of the first batch have mean 0 and covariance I. Default true.
    pub whiten: bool,
    /// Without an optimiser of one's own: iterations of the first round; each round is twice as long as the one before.
    /// Default 400, of fields 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<usize>,
    /// Without an optimiser of one's own: training ends after a round that gains less than this in ln det F on held-out
    /// simulations, or no more than the error of what it gains. Default 0.005: half a per cent of det F.
    pub tolerance: f64,
    /// How many of a source's simulations each iteration takes, other ones each time. By default all; without an optimiser of
    /// one's own, of files at most 1000, or 200 of fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minibatch: Option<usize>,
    /// Training stops after this many iterations in any case; 0 sets the last layer and trains nothing. Default 100,000.
    pub max_iterations: usize,
    /// With an optimiser of one's own: training stops after this many iterations in a row without a larger det F (of the
    /// validation set, if there is one), counted once `min_iterations` are done. Default 100.
    pub patience: usize,
    /// Patience is not counted up to this iteration. Default 100.
    pub min_iterations: usize,
    /// Without a validation set, patience and the best weights look at ln det F averaged over about so many iterations: the
    /// largest of a noisy series is a number that its weights do not have. Default 20.
    pub smoothing: usize,
    /// Whether the statistics at the end are those of the weights with the largest det F, or of the final ones. Default true.
    pub best: bool,
}

impl Default for FitSettings {
    fn default() -> Self {
        FitSettings {
            kappa: None,
            lambda: None,
            epsilon: None,
            read_out: true,
            read_out_every: None,
            refit: true,
            whiten: true,
            round: None,
            tolerance: 0.005,
            minibatch: None,
            max_iterations: 100_000,
            patience: 100,
            min_iterations: 100,
            smoothing: 20,
            best: true,
        }
    }
}

impl FitSettings {
    /// The settings of the Python package `imnn`: lambda 10, epsilon 0.1, the last layer as it was drawn, and the largest
    /// single det F for patience and best weights.
    pub fn original() -> Self {
        FitSettings {
            lambda: Some(10.0),
            epsilon: Some(0.1),
            read_out: false,
            whiten: false,
            smoothing: 1,
            ..FitSettings::default()
        }
    }

    /// Checks the settings; all that does not depend on the data is found out here.
    ///
    /// # Errors
    /// If a number is out of range, both `kappa` and `lambda` or `epsilon` are given, or the loss refuses them
    /// ([`Loss::new`], [`Loss::squared`]).
    ///
    /// ```
    /// use imnn_fit::FitSettings;
    /// let error = FitSettings { patience: 0, ..FitSettings::default() }.checked().unwrap_err();
    /// assert_eq!(error.to_string(), "patience is 0, it must be at least 1");
    /// ```
    pub fn checked(&self) -> Result<CheckedSettings> {
        let refuse =
            |setting, value: String, range: &str| Err(FitError::Setting { setting, value, range: range.into() });
        let at_least_one = [
            ("patience", Some(self.patience)),
            ("round", self.round),
            ("smoothing", Some(self.smoothing)),
            ("minibatch", self.minibatch),
            ("read_out_every", self.read_out_every),
        ];
        if let Some((setting, _)) = at_least_one.into_iter().find(|(_, value)| *value == Some(0)) {
            return refuse(setting, "0".into(), "at least 1");
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return refuse("tolerance", self.tolerance.to_string(), "finite and not negative");
        }
        let loss = match (self.kappa, self.lambda, self.epsilon) {
            (kappa, None, None) => Loss::squared(kappa.unwrap_or(0.1))?,
            (None, lambda, epsilon) => Loss::new(lambda.unwrap_or(10.0), epsilon.unwrap_or(0.1))?,
            (Some(kappa), _, _) => {
                return refuse(
                    "kappa",
                    kappa.to_string(),
                    "left out where lambda or epsilon are given: there is one penalty",
                );
            }
        };
        Ok(CheckedSettings { loss, settings: self.clone() })
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
