//! Networks beside summaries that were given: how they are put together, and what each of both tells.

use crate::error::Result;
use crate::held_out::Estimate;
use crate::imnn::Imnn;
use crate::input::InputMoments;
use crate::outcome::Shares;
use crate::read_out::{moments, per_feature, solve};
use imnn_data::{Given, Source};
use imnn_models::{Element, Features, Network, Parameters};
use imnn_sim::Key;
use imnn_stats::FeatureMoments;

/// `network`, which is for the data alone and ends in a dense layer, for a source in whose rows given summaries stand behind the
/// data ([`Joined`](imnn_data::Joined), [`Summarised`](imnn_data::Summarised)): its last layer sees both, see
/// [`Network::with_given`]. For any other source it is `network`.
///
/// ```
/// use imnn_data::{OnTheFly, PowerSpectrum, Source, Summarised};
/// use imnn_device::Cpu;
/// use imnn_fit::{Imnn, Suggestion, beside_given};
/// use imnn_sim::{Key, PowerLawField};
///
/// let fields = OnTheFly::new(PowerLawField::new(16)?, &[1.0, 0.5], 200, 40)?;
/// let power = PowerSpectrum::of(Source::<f32>::input_shape(&fields))?;
/// let training = Summarised::new::<f32>(fields, power)?;
/// let network = Suggestion::new::<f32>(&training, 2, &Cpu::all()?, Key::new(0))?.network;
/// let network = beside_given::<f32>(network, &training, Key::new(0))?;
/// let imnn = Imnn::<f32>::builder(network).training(training).theta_fid([1.0, 0.5]).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the network does not end in a dense layer, or simulations cannot be read.
pub fn beside_given<E: Element>(network: Network, source: &dyn Source<E>, key: Key) -> Result<Network> {
    let Some(given) = &source.spec().given else { return Ok(network) };
    let InputMoments { mean, deviation, .. } = InputMoments::of(source, key, |value| value)?;
    let n_data = given.data_len();
    Ok(network.with_given(&given.data_shape, &mean[n_data..], &deviation[n_data..])?)
}

impl<E: Element> Imnn<E> {
    /// What given summaries and the network tell with the best weights; `None` where there are no given summaries or no held-out
    /// simulations.
    pub(crate) fn shares(&mut self) -> Result<Option<Shares>> {
        let (Some(features), Some(given)) = (self.parts.model.features(), self.parts.training.spec().given.clone())
        else {
            return Ok(None);
        };
        let weights = self.state.best.as_ref().unwrap_or(&self.state.parameters).clone();
        self.shares_of(&features, &given, &weights)
    }

    fn shares_of(&mut self, features: &Features, given: &Given, weights: &Parameters<E>) -> Result<Option<Shares>> {
        let n = features.model().n_summaries();
        if given.n_given > n {
            return Ok(None);
        }
        let (training, key) = (self.parts.training.as_ref(), self.state.keys.read_out);
        let n_sims = per_feature(training.spec().data_shape());
        let device = self.parts.device.as_ref();
        let halves = moments(features, weights, device, training, key, n_sims, 2)?;
        let Ok(halves) = <[FeatureMoments; 2]>::try_from(halves) else { return Ok(None) };
        // The features of the network come first.
        let parts = [(n - given.n_given..n, 0), (0..n - given.n_given, 0), (0..n, given.n_given)];
        let mut found = Vec::with_capacity(parts.len());
        for (part, n_given) in parts {
            let of_part = halves.each_ref().map(|half| half.features(part.clone()));
            let Ok(read_out) = solve(features, weights, part.clone(), &of_part, n_given) else {
                found.push(None);
                continue;
            };
            let mut parameters = weights.clone();
            let n_summaries = read_out.bias.len();
            let mut weight = vec![0.0; n * n_summaries];
            let own = &mut weight[part.start * n_summaries..part.end * n_summaries];
            own.iter_mut().zip(&read_out.weight).for_each(|(to, from)| *to = *from);
            features.set(&mut parameters, &weight, &read_out.bias.to_vec())?;
            let Some(held_out) = self.held_out_with(&parameters)? else { return Ok(None) };
            let value = held_out.log_det_f().ok();
            found.push(value.map(|value| (value, held_out)));
        }
        let Ok([given, network, both]) = <[Option<_>; 3]>::try_from(found) else { return Ok(None) };
        let Some((value, both)) = both else { return Ok(None) };
        let added = given.as_ref().map(|(_, given)| both.gain_over(given)).transpose()?;
        let value_of = |part: Option<(Estimate, _)>| part.map(|(value, _)| value);
        Ok(Some(Shares { given: value_of(given), network: value_of(network), both: value, added }))
    }
}
