//! The read-out of a network's features: its last linear layer in closed form.

use crate::error::Result;
use crate::moments::Simulations;
use imnn_data::Source;
use imnn_device::Device;
use imnn_models::{Element, Features, Model, Parameters};
use imnn_sim::Key;
use imnn_stats::{FeatureMoments, ReadOut, Statistics};
use ndarray::ArrayView2;
use std::ops::Range;

/// Simulations for each feature that the read-out takes of data of this shape from a source that has any number: without a ridge it
/// would lose about one part in so many of det F for each parameter to their finite number. Training makes that good for vectors,
/// for which it costs less.
pub(crate) fn per_feature(input_shape: &[usize]) -> usize {
    if input_shape.len() > 1 { 400 } else { 200 }
}

/// The largest error of a summary of variance 1 that the rounding of features may make.
const LARGEST_ROUNDING: f64 = 0.03;

/// A read-out.
pub(crate) struct Found {
    pub(crate) read_out: ReadOut,
    /// Simulations that it was made from.
    pub(crate) n_s: usize,
}

impl Found {
    /// This, if on simulations that it was not made from it is better than the last layer that there is; or why not.
    pub(crate) fn if_better(self) -> Result<Self, String> {
        let ReadOut { held_out, present, .. } = self.read_out;
        if held_out > present {
            return Ok(self);
        }
        Err(format!(
            "on simulations that it was not made from the read-out has ln det F {held_out:.3}, the last layer as it is {present:.3}"
        ))
    }
}

/// The read-out of the features that these weights give of the simulations of a source, so many for each feature where there are;
/// or why there is none.
pub(crate) fn of_source<E: Element>(
    model: &Model,
    parameters: &Parameters<E>,
    device: &dyn Device<E>,
    source: &dyn Source<E>,
    key: Key,
    per_feature: usize,
) -> Result<Result<Found, String>> {
    let Some(features) = model.features() else { return Ok(Err(NOT_LINEAR.into())) };
    let halves = moments(&features, parameters, device, source, key, per_feature, 2)?;
    Ok(found(&features, parameters, halves, n_given(source)))
}

/// Parts of the simulations for validation, each of which is measured by the read-out of all the others.
const CROSSED: usize = 10;

/// The read-out from the simulations of two sources together, and the statistics of those of the second, each part by the read-out
/// that had not seen it.
pub(crate) fn of_sets<E: Element>(
    model: &Model,
    parameters: &Parameters<E>,
    device: &dyn Device<E>,
    sets: [(&dyn Source<E>, Key); 2],
) -> Result<Result<(Found, Statistics), String>> {
    let Some(features) = model.features() else { return Ok(Err(NOT_LINEAR.into())) };
    let of = |(source, key): (&dyn Source<E>, Key), n_parts| {
        moments(&features, parameters, device, source, key, per_feature(source.spec().data_shape()), n_parts)
    };
    let mut both = vec![];
    for set in sets {
        both.append(&mut of(set, 1)?);
    }
    let training = both[0].clone();
    let found = match found(&features, parameters, both, n_given(sets[0].0)) {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let parts = of(sets[1], CROSSED.min(sets[1].0.n_d()))?;
    let crossed = found.read_out.crossed(&training, &parts);
    Ok(crossed.map(|statistics| (found, statistics)).map_err(|error| error.to_string()))
}

const NOT_LINEAR: &str = "the network does not end in a linear layer";

/// The moments of the features in so many parts of the simulations.
pub(crate) fn moments<E: Element>(
    features: &Features,
    parameters: &Parameters<E>,
    device: &dyn Device<E>,
    source: &dyn Source<E>,
    key: Key,
    per_feature: usize,
    n_parts: usize,
) -> Result<Vec<FeatureMoments>> {
    let n_features = features.model().n_summaries();
    let simulations = Simulations::about(per_feature * n_features, source, key);
    let mut session = device.load(features.model())?;
    simulations.moments(session.as_mut(), parameters.values(), n_features, n_parts)
}

/// How many given summaries a source has, which a network beside them has as its last features.
fn n_given<E: Element>(source: &dyn Source<E>) -> usize {
    source.spec().given.as_ref().map_or(0, |given| given.n_given)
}

/// The read-out of all features, and from how many simulations.
fn found<E: Element>(
    features: &Features,
    parameters: &Parameters<E>,
    halves: Vec<FeatureMoments>,
    n_given: usize,
) -> Result<Found, String> {
    let halves = <[FeatureMoments; 2]>::try_from(halves).map_err(|_| "there are no halves")?;
    let read_out = solve(features, parameters, 0..halves[0].n_features(), &halves, n_given)?;
    Ok(Found { read_out, n_s: halves.iter().map(FeatureMoments::n_s).sum() })
}

/// The read-out of some of the features, whose moments these are and of which the last are given summaries, if it can be computed with in the precision of the weights.
pub(crate) fn solve<E: Element>(
    features: &Features,
    parameters: &Parameters<E>,
    part: Range<usize>,
    halves: &[FeatureMoments; 2],
    n_given: usize,
) -> Result<ReadOut, String> {
    let weight = features.weight(parameters);
    let n_summaries = weight.len() / features.model().n_summaries().max(1);
    let of_part = weight.get(part.start * n_summaries..part.end * n_summaries).unwrap_or_default();
    let present = ArrayView2::from_shape((part.len(), n_summaries), of_part).map_err(|error| error.to_string())?;
    let read_out = ReadOut::with_ridge_of_last(halves, present, n_given).map_err(|error| error.to_string())?;
    // Written so that a NaN is refused.
    let rounding = read_out.cancellation * E::epsilon().f64();
    if !(rounding <= LARGEST_ROUNDING && read_out.weight.iter().all(|&w| E::of(w).is_finite())) {
        return Err(format!(
            "the terms of the read-out cancel to one part in {:.0e}, too much for {}; inputs of mean 0 and variance 1 help, or \
             precision = \"f64\"",
            read_out.cancellation,
            E::NAME
        ));
    }
    Ok(read_out)
}
