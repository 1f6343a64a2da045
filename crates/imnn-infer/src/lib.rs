//! Posteriors of parameters from summaries.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod abc;
mod caution;
mod check;
pub mod density;
pub mod diagnostics;
mod error;
pub mod export;
mod gaussian;
mod laplace;
mod pairs;
mod parallel;
mod posterior;
pub mod samplers;
mod smc;
pub mod weights;

pub use abc::{Abc, Accept, Accepted, Adjust, Budget, Distance, Metric, PerTarget, Simulate, blocks_of, each_of};
pub use caution::Caution;
pub use error::{InferError, Result};
pub use gaussian::{Fisher, GaussianApproximation, GaussianOptions, Widening};
pub use laplace::{Laplace, laplace};
pub use pairs::{Invalid, Pairs};
pub use parallel::all_threads;
pub use posterior::{Measured, Posterior};
pub use smc::{Population, SmcAbc, SmcSettings, Stop};

pub use imnn_prior as prior;
