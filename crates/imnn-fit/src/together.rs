//! What processes that train together come to know of each other.

use crate::checkpoint::Request;
use crate::error::{FitError, Result};
use crate::state::TrainingState;
use imnn_device::DeviceError;
use imnn_models::Element;
use imnn_ranks::{Agreed, Digest, Outcome, Ranks, agree};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a process wishes while it trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// What a signal or another thread asks for.
    Asked(Request),
    /// That training ends, as its observer does.
    Observer,
}

/// A number for the end that an observer asks for, beside those of requests.
const OBSERVER: u8 = 255;

/// All ranks come to know whether one could not put together what it is to train, and whether all begin alike; `state` is what
/// it begins with.
///
/// # Errors
/// The error of the lowest rank that has one; [`imnn_ranks::RanksError::Differ`].
pub(crate) fn begun<T, E: Element>(
    ranks: &dyn Ranks,
    begun: Result<T>,
    state: impl FnOnce(&T) -> &TrainingState<E>,
) -> Result<T> {
    ranks.purpose("the start of the others");
    let value = begun.as_ref().map_or(0, |begun| number(state(begun)));
    let digest = Digest { what: "weights, key or checkpoint", value };
    agree(ranks, &Outcome::of(&begun), Some(digest)).map_err(DeviceError::from)?;
    begun
}

/// A number that another state would not have.
fn number<E: Element>(state: &TrainingState<E>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (state.keys.root, state.counters.done, state.counters.before, state.history.len()).hash(&mut hasher);
    state.parameters.values().iter().for_each(|weight| weight.f64().to_bits().hash(&mut hasher));
    hasher.finish()
}

/// What one of the ranks wishes, before an iteration; the lowest of several.
///
/// # Errors
/// That of a rank which `failed`.
pub(crate) fn agreed(
    ranks: &dyn Ranks,
    iteration: usize,
    own: Option<Wish>,
    failed: Option<FitError>,
) -> Result<Option<Wish>> {
    ranks.purpose(&format!("the start of iteration {iteration}"));
    let outcome = match (failed, own) {
        (Some(error), _) => Outcome::Failed(error.to_string()),
        (None, Some(Wish::Asked(request))) => Outcome::Stop(request as u8),
        (None, Some(Wish::Observer)) => Outcome::Stop(OBSERVER),
        (None, None) => Outcome::Fine,
    };
    match agree(ranks, &outcome, None).map_err(DeviceError::from)? {
        Agreed::GoOn => Ok(None),
        Agreed::Stop { signal: OBSERVER, .. } => Ok(Some(Wish::Observer)),
        Agreed::Stop { signal, .. } => Ok(Request::of(signal).map(Wish::Asked)),
    }
}
