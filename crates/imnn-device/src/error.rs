//! What can go wrong while networks run over simulations.

use imnn_data::DataError;
use imnn_models::ModelError;
use imnn_ranks::RanksError;

/// An error of this crate.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The simulations could not be read or made.
    #[error(transparent)]
    Data(#[from] DataError),

    /// The network could not be run.
    #[error(transparent)]
    Model(#[from] ModelError),

    /// Another rank failed, or is gone.
    #[error(transparent)]
    Ranks(#[from] RanksError),

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

    /// The gradient is not as long as the weights.
    #[error("the network has {expected} weights and there is a gradient of {found}")]
    Gradient {
        /// Number of weights of the network.
        expected: usize,
        /// Length of the gradient given.
        found: usize,
    },

    /// The source returned something else than it promised.
    #[error(
        "reading simulations {start}..{end} gave {} numbers of them and {} of their derivatives, expected {} and {}; the \
         source's `read` must fill the microbatch as its `input_shape`, `n_params` and `derivatives` say",
        found[0], found[1], expected[0], expected[1]
    )]
    Microbatch {
        /// First of the simulations.
        start: usize,
        /// Behind the last of them.
        end: usize,
        /// How many numbers there should be, of simulations and derivatives.
        expected: [usize; 2],
        /// How many there are.
        found: [usize; 2],
    },

    /// The network returned NaN or infinity.
    #[error(
        "the network returned {value} for simulation {row} (of {n_s}): either a layer has no value for these data, as log1p \
         has none below -1, or training has diverged: lower the learning rate, clip the gradient, or scale the data to \
         order one"
    )]
    NonFinite {
        /// Row of the simulation.
        row: usize,
        /// Number of simulations.
        n_s: usize,
        /// The offending value.
        value: f64,
    },

    /// This build cannot use GPUs.
    #[error(
        "this build has no support for GPUs; build with the feature `cuda` (`cargo build --release --features cuda`, no CUDA \
         is needed for that), or use the CPU"
    )]
    NoCudaFeature,

    /// What CUDA needs is not on this machine.
    #[error("no GPU can be used: {missing}; `imnn devices` shows what there is, and the CPU works without")]
    NoCuda {
        /// What is missing, and how to get it.
        missing: String,
    },

    /// The machine has no GPU of this number.
    #[error("there is no GPU {device}: this machine has {found}, numbered from 0")]
    NoGpu {
        /// The number asked for.
        device: usize,
        /// How many there are.
        found: usize,
    },

    /// A GPU refused what it was asked to do.
    #[error("GPU {device} could not {action}: {message}")]
    Gpu {
        /// Its number.
        device: usize,
        /// What was asked.
        action: String,
        /// What the driver or library said.
        message: String,
    },

    /// A GPU has too little memory.
    #[error(
        "GPU {device} has too little memory for this network: {bytes} more bytes were asked for; end other programs that \
         use it, raise `memory`, or make the network or its input smaller"
    )]
    OutOfMemory {
        /// Its number.
        device: usize,
        /// How much was asked for.
        bytes: usize,
    },

    /// The GPU engine does not know a layer.
    #[error("{reason}; networks with such layers run on the CPU: set the device's kind to \"cpu\"")]
    GpuLayer {
        /// Which layer, and why.
        reason: String,
    },

    /// An aggregation of no devices.
    #[error("there are no devices to aggregate; give at least one")]
    NoDevices,

    /// An aggregation of devices whose results would differ.
    #[error(
        "device 0 runs networks on {first} and device {index} on {other}: results would depend on who ran which simulations; \
         give devices that run networks the same way"
    )]
    Kinds {
        /// The kind of the first device.
        first: &'static str,
        /// Which device is of another.
        index: usize,
        /// Of which.
        other: &'static str,
    },

    /// No simulations at all for a device.
    #[error("n_per_device is 0; give at least 1, or leave it out")]
    NPerDevice,

    /// A fault in this crate.
    #[error("internal error: {what}; this is a fault in imnn, please report it")]
    Internal {
        /// What cannot be.
        what: &'static str,
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

/// The message, so that it is readable if `main` returns the error.
impl std::fmt::Debug for DeviceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The result type of this crate.
pub type Result<T, E = DeviceError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_their_message_when_main_returns_them() {
        let error = DeviceError::NoGpu { device: 3, found: 1 };
        assert_eq!(format!("{error:?}"), error.to_string());
        assert_eq!(format!("{:?}", DeviceError::NPerDevice), "n_per_device is 0; give at least 1, or leave it out");
    }
}
