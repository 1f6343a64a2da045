//! How an ensemble is trained.

use crate::architecture::Architecture;
use crate::error::{FlowError, Result};
use crate::weighting::Weighting;
use serde::{Deserialize, Serialize};

/// Settings of a training, with the defaults that are stated.
///
/// ```
/// use imnn_flow::{Architecture, Bijection, TrainingSettings};
/// let settings = TrainingSettings {
///     architecture: Architecture { bijection: Bijection::Affine, ..Architecture::default() },
///     members: 2,
///     ..TrainingSettings::default()
/// };
/// assert_eq!((settings.learning_rate, settings.patience), (2e-3, 20));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSettings {
    /// The transforms of every member.
    pub architecture: Architecture,
    /// Number of members, 1 to 1000. Defaults to 4.
    pub members: usize,
    /// How the members are weighted. Defaults to stacking.
    pub weighting: Weighting,
    /// Learning rate of Adam, above 0. Defaults to 2e-3.
    pub learning_rate: f64,
    /// Pairs in a batch, at least 1. By default a twentieth of the pairs, but no fewer than 50 and no more than 200: few
    /// pairs need many updates. The last, smaller batch of an epoch is left out; where there are fewer pairs than a batch,
    /// all of them are one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// The Euclidean norm that a gradient is scaled down to, above 0. Defaults to 5.
    pub clip_norm: f64,
    /// Share of the pairs that is held out, the same for all members. Defaults to 0.1.
    pub validation: f64,
    /// How many epochs may pass without a better loss on the held-out pairs. Defaults to 20.
    pub patience: usize,
    /// How often, when patience has ended, training goes back to the best weights and on with a tenth of the learning rate.
    /// Defaults to 1.
    pub cooldowns: usize,
    /// The most epochs of a member. Defaults to 2000.
    pub max_epochs: usize,
    /// Whether columns of y are brought to mean 0 and standard deviation 1; no for coordinates in which a prior is
    /// N(0, I), so that an untrained flow is the prior. Defaults to yes. Columns of c always are.
    pub standardise_y: bool,
    /// Threads that members are shared among; 0, the default, for as many as the processor has. The bits do not depend
    /// on it.
    #[serde(skip)]
    pub threads: usize,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        TrainingSettings {
            architecture: Architecture::default(),
            members: 4,
            weighting: Weighting::default(),
            learning_rate: 2e-3,
            batch: None,
            clip_norm: 5.0,
            validation: 0.1,
            patience: 20,
            cooldowns: 1,
            max_epochs: 2000,
            standardise_y: true,
            threads: 0,
        }
    }
}

impl TrainingSettings {
    /// Pairs in a batch, of so many that are trained on.
    pub(crate) fn batch_of(&self, pairs: usize) -> usize {
        self.batch.unwrap_or_else(|| (pairs / 20).clamp(50, 200)).min(pairs)
    }

    /// Whether all settings are in their ranges; those of the architecture are checked with the data.
    ///
    /// # Errors
    /// [`FlowError::Setting`] naming the first that is not.
    pub fn check(&self) -> Result<()> {
        let positive = |name, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(FlowError::setting(name, value, "above 0 and finite")),
        };
        let within = |name, value: usize, least: usize, most: usize| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(FlowError::setting(name, value, format!("{least} to {most}"))),
        };
        within("members", self.members, 1, 1000)?;
        within("batch", self.batch.unwrap_or(1), 1, 1_000_000)?;
        within("patience", self.patience, 1, 1_000_000)?;
        within("cooldowns", self.cooldowns, 0, 10)?;
        within("max_epochs", self.max_epochs, 1, 1_000_000)?;
        within("threads", self.threads, 0, 1024)?;
        positive("learning_rate", self.learning_rate)?;
        positive("clip_norm", self.clip_norm)?;
        if !(self.validation > 0.0 && self.validation < 1.0) {
            return Err(FlowError::setting("validation", self.validation, "above 0 and below 1"));
        }
        Ok(())
    }
}
