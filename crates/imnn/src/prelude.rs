//! What a program that trains a network needs, in one line: `use imnn::prelude::*;`.

pub use imnn_data::{
    ArrayPath, Arrays, Augmentation, Augmented, Files, FilesKind, Noise, OnTheFly, Simulation, Source, Streamed,
    Streaming, Transform, Transformed, simulate_exact, simulate_numerical,
};
pub use imnn_device::{Aggregator, Cpu, Device, Session};
pub use imnn_fit::{
    Bar, Compressor, DataArray, FitSettings, History, Imnn, Observer, On, Progress, Start, Suggestion, Weights,
};
pub use imnn_models::functions::*;
pub use imnn_models::optimisers::built_in::*;
pub use imnn_models::{
    Clip, Clipped, Element, Initialiser, Layer, Model, Network, Optimiser, OptimiserConfig, Padding, Parameters,
    Schedule, UserLayer, serial,
};
#[cfg(feature = "plot")]
pub use imnn_plot::{HistoryPlot, plot_history};
pub use imnn_sim::built_in::*;
pub use imnn_sim::num_dual::DualNum;
pub use imnn_sim::{DualSimulator, FiniteDifferences, ForwardMode, Key, Simulator};
pub use imnn_stats::Statistics;
