//! A call of fit: the last layer, training, and the statistics of what came of it.

use crate::error::{FitError, Result};
use crate::imnn::{Imnn, On, Weights};
use crate::last_layer::Refit;
use crate::observer::{Observer, Silent};
use crate::outcome::{LastLayer, Outcome};
use crate::settings::FitSettings;
use crate::state::{Call, Counters};
use crate::train::Trained;
use imnn_models::Element;

impl<E: Element> Imnn<E> {
    /// Trains until patience or iterations run out, then measures the Fisher statistics: with the best or the final weights
    /// as the settings say, on the validation set if there is one, else on the training set (for a simulator, on fresh
    /// simulations).
    ///
    /// Where checkpoints are kept ([`ImnnBuilder::checkpoints`](crate::ImnnBuilder::checkpoints)) and there was one, this goes on from it, and
    /// comes to the same bits as if nothing had happened; calls that had come to their end give their outcome again, at once.
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
        // A call that came to its end before the process that made a checkpoint was ended.
        self.calls += 1;
        if let Some(outcome) = self.state.outcomes.get(self.calls - 1) {
            return Ok(outcome.clone());
        }
        let checked = settings.checked()?;
        let before = self.session.usage();
        self.last_checkpoint.goes_on = false;
        match &self.state.call {
            Some(call) => call.check(settings)?,
            None => self.state.call = Some(self.begin_call(settings)?),
        }
        let trained = self.train(&checked, observer);
        let call = self.state.call.take();
        if trained.as_ref().is_err_and(|error| !error.is_numerical()) {
            // What ended it may be mended: a disk that was gone for a moment.
            self.last_checkpoint.goes_on = self.checkpoints.is_some();
        }
        let Trained { iterations, stop, held_out, read_out_gain, refit } = trained?;
        let last_layer = call.and_then(|call| call.last_layer);
        let weights = if settings.best && self.state.best.is_some() { Weights::Best } else { Weights::Final };
        let on = if self.parts.validation.is_some() { On::Validation } else { On::Training };
        self.set_statistics(weights, on)?;
        let refit = refit.map(|Refit { n_s, before, crossed }| {
            self.measured_before(before, crossed);
            n_s
        });
        let shares = self.shares()?;
        let reading = self.session.usage().since(before).reading_share();
        let outcome = Outcome { iterations, stop, last_layer, read_out_gain, held_out, shares, refit, reading };
        self.state.outcomes.push(outcome.clone());
        Ok(outcome)
    }

    /// Begins a call: with the last layer, where nothing has been trained before.
    fn begin_call(&mut self, settings: &FitSettings) -> Result<Call<E>> {
        let stopped = |source: FitError| FitError::Stopped { iteration: 0, source: source.into() };
        let drawn = self.state.parameters.clone();
        let last_layer = match self.history().is_empty() {
            true => Some(self.begin(settings.read_out, settings.whiten).map_err(stopped)?),
            false => None,
        };
        // Where training from the read-out loses information, it begins again without.
        let drawn = matches!(last_layer, Some(LastLayer::ReadOut { .. })).then_some(drawn);
        self.state.counters = Counters::default();
        Ok(Call { settings: settings.clone(), last_layer, drawn, round: None })
    }
}

impl<E> Call<E> {
    /// Refuses to go on with other settings.
    fn check(&self, settings: &FitSettings) -> Result<()> {
        let facts = |settings: &FitSettings| toml::Table::try_from(settings).unwrap_or_default();
        let (own, other) = (facts(&self.settings), facts(settings));
        let differs = own.keys().chain(other.keys()).find(|key| own.get(*key) != other.get(*key));
        let value = |table: &toml::Table, key: &str| {
            table.get(key).map_or_else(|| "not given".to_owned(), toml::Value::to_string)
        };
        differs.map_or(Ok(()), |key| {
            Err(FitError::Disagree {
                what: format!("{key} of the run to go on with"),
                found: value(&own, key),
                expected: value(&other, key),
            })
        })
    }
}
