//! A call of fit: the last layer, training, and the statistics of what came of it.

use crate::error::{FitError, Result};
use crate::held_out::Estimate;
use crate::imnn::{Imnn, On, Weights};
use crate::iterations::Stop;
use crate::last_layer::LastLayer;
use crate::observer::{Observer, Silent};
use crate::settings::FitSettings;
use crate::train::Trained;
use imnn_models::Element;

/// How a call of fit went.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Iterations of this call.
    pub iterations: usize,
    /// Why it stopped.
    pub stop: Stop,
    /// How the last layer began; `None` where the network had been trained before.
    pub last_layer: Option<LastLayer>,
    /// How much larger `ln det F` is on held-out simulations with the read-out after training than with the trained last
    /// layer. If it is positive the read-out was taken; if it is larger than its error, training had not come to its end,
    /// and at least so much may still be missing.
    pub read_out_gain: Option<Estimate>,
    /// `ln det F` on held-out simulations: the validation set, or new ones of the simulator.
    pub held_out: Option<Estimate>,
    /// If at the end the last layer was made again from the training and the validation set together
    /// ([`FitSettings::refit`]): how many simulations these are. What was held out tells of the last layer before that.
    pub refit: Option<usize>,
    /// The share of the device's time, from 0 to 1, that went into reading or making simulations. Near 1 the source bounds
    /// the run, not the network.
    pub reading: f64,
}

impl<E: Element> Imnn<E> {
    /// Trains until patience or iterations run out, then measures the Fisher statistics: with the best or the final weights
    /// as the settings say, on the validation set if there is one, else on the training set (for a simulator, on fresh
    /// simulations).
    ///
    /// A second call goes on from the final weights, keeping the optimiser's moments, the history and the best weights; the
    /// iteration that sets learning rate and bias correction starts at 0 again.
    ///
    /// # Errors
    /// [`FitError::Stopped`] if training cannot go on, with the cause: history and best weights up to there are kept.
    /// Otherwise for settings out of range.
    pub fn fit(&mut self, settings: &FitSettings) -> Result<Outcome> {
        self.fit_with(settings, &mut Silent)
    }

    /// As [`Imnn::fit`], with somebody looking on: [`crate::Bar`] for a progress bar, or a closure.
    ///
    /// # Errors
    /// As [`Imnn::fit`].
    pub fn fit_with(&mut self, settings: &FitSettings, observer: &mut dyn Observer) -> Result<Outcome> {
        let settings = settings.checked()?;
        let before = self.session.usage();
        let stopped = |source: FitError| FitError::Stopped { iteration: 0, source: source.into() };
        let drawn = self.state.parameters.clone();
        let last_layer = if self.history().is_empty() {
            Some(self.begin(settings.read_out, settings.whiten).map_err(stopped)?)
        } else {
            None
        };
        // Where training from the read-out loses information, it begins again without.
        let again = matches!(last_layer, Some(LastLayer::ReadOut { .. })).then_some(drawn);
        let trained = self.train(&settings, again, observer)?;
        let Trained { iterations, stop, held_out, read_out_gain, refit } = trained;
        let weights = if settings.best && self.state.best.is_some() { Weights::Best } else { Weights::Final };
        let on = if self.parts.validation.is_some() { On::Validation } else { On::Training };
        self.set_statistics(weights, on)?;
        let reading = self.session.usage().since(before).reading_share();
        Ok(Outcome { iterations, stop, last_layer, read_out_gain, held_out, refit, reading })
    }
}
