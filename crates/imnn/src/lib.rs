//! Information maximising neural networks: the facade over the imnn crates.

pub use imnn_data as data;
pub use imnn_device as device;
pub use imnn_fit as fit;
pub use imnn_models as models;
#[cfg(feature = "plot")]
pub use imnn_plot as plot;
pub use imnn_sim as sim;
pub use imnn_stats as stats;
