//! How a call of fit went.

use crate::held_out::Estimate;
use serde::{Deserialize, Serialize};

/// How a call of fit went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What summaries that were given and the network tell, where there are both and held-out simulations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Shares>,
    /// If at the end the last layer was made again from the training and the validation set together
    /// ([`FitSettings::refit`](crate::FitSettings::refit)): how many simulations these are. What was held out tells of the last layer before that.
    pub refit: Option<usize>,
    /// The share of the device's time, from 0 to 1, that went into reading or making simulations. Near 1 the source bounds
    /// the run, not the network.
    pub reading: f64,
}

/// What given summaries t and a network tell, each alone and both: `ln det F` on held-out simulations of the linear maps with
/// the largest det F ([`ReadOut`](imnn_stats::ReadOut)), made from training simulations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Shares {
    /// Of the given summaries; `None` where they are too few for the parameters.
    pub given: Option<Estimate>,
    /// Of the features of the network, which was trained for what they add and not to be best alone.
    pub network: Option<Estimate>,
    /// Of both together.
    pub both: Estimate,
    /// How much more both tell than the given summaries: the logarithm of `det (F_t + V S^-1 V^T) / det F_t`.
    pub added: Option<Estimate>,
}

/// Why training stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// det F did not grow for as many iterations as patience allows.
    Patience,
    /// A round gained less than the tolerance.
    Tolerance,
    /// There are no held-out simulations to tell whether another round would gain anything.
    OneRound,
    /// The largest number of iterations was reached.
    MaxIterations,
    /// The observer ended it, or somebody asked for its end ([`Request::End`](crate::Request::End)).
    Observer,
}

/// How the last layer began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LastLayer {
    /// By the read-out.
    ReadOut {
        /// `ln det F` on simulations that it was not made from.
        held_out: f64,
        /// The ridge, in units of the variance of each feature.
        ridge: f64,
        /// Simulations that it was made from.
        n_s: usize,
    },
    /// Whitened: the summaries of the first simulations have mean 0 and covariance I. With the reason if the read-out was
    /// tried.
    Whitened {
        /// Why the read-out was not taken.
        instead: Option<String>,
    },
    /// As the weights were drawn or given.
    AsGiven,
}
