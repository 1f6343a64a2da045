//! Conditional autoregressive normalising flows.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod architecture;
mod bijection;
mod ensemble;
mod error;
mod evaluator;
mod files;
mod flow;
mod pairs;
mod shuffle;
mod standardise;
mod train;
mod transforms;
mod weighting;

pub use architecture::{Architecture, Bijection};
pub use ensemble::{Ensemble, disagreement};
pub use error::{FlowError, Result};
pub use evaluator::Evaluator;
pub use flow::{Draws, Flow, Gradients};
pub use pairs::{FEWEST_PAIRS, Pairs, Split};
pub use standardise::Standardisation;
pub use train::{
    End, Epoch, MemberReport, MemberState, Note, Progress, Status, Trained, Training, TrainingSettings, TrainingState,
    train,
};
pub use transforms::Transforms;
pub use weighting::{Weighting, mixture, stacking, stacking_with_floor};
