//! What can go wrong while networks run over simulations.

use imnn_data::DataError;
use imnn_models::ModelError;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The simulations could not be read or made.
    #[error(transparent)]
    Data(#[from] DataError),

    /// The network could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),

    /// The network is for data of another shape.
    #[error(
        "the network takes simulations of shape {network:?} and these have {found:?}; set the network's input shape to that \
         of the data, or reshape the data"
    )]
    InputShape {
        /// The shape that the network was resolved for.
        network: Vec<usize>,
        /// The shape of the simulations.
        found: Vec<usize>,
    },

    /// The parameter vector is not that of the network.
    #[error("the network has {expected} weights and {found} were given")]
    Weights {
        /// Number of weights of the network.
        expected: usize,
        /// Number of weights given.
        found: usize,
    },

    /// The cotangents are not those of the summaries.
    #[error("cotangents of shape {found:?} do not belong to summaries of shape {expected:?}")]
    Cotangents {
        /// Shape of the summaries.
        expected: Vec<usize>,
        /// Shape of the cotangents.
        found: Vec<usize>,
    },

    /// The network made something that is no number.
    #[error(
        "the network made {value} for simulation {row} (of {n_s}); the weights have run away: lower the learning rate, clip the \
         gradient, or scale the data to order one"
    )]
    NonFinite {
        /// Row of the simulation.
        row: usize,
        /// Number of simulations.
        n_s: usize,
        /// The offending value.
        value: f64,
    },

    /// Worker threads could not be started.
    #[error("{threads} worker threads could not be started: {message}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        message: String,
    },
}

/// The result type of this crate.
pub type Result<T, E = DeviceError> = std::result::Result<T, E>;
