//! Stateless random keys, simulators with exact derivatives, and built-in simulators.
//!
//! A simulation is a pure function of a [`Key`] and the parameters `theta`; there is no global
//! generator and no hidden state. The same key at another `theta` gives the *seed-matched*
//! simulation: the same random draws, seen through other parameters. Its derivative at fixed key,
//!
//! ```text
//! d data / d theta_a   (key held fixed)
//! ```
//!
//! is what an information maximising neural network is trained on.
//!
//! A simulator is written in one of three ways:
//!
//! | How | Derivative | Cost beside `simulate` |
//! | --- | --- | --- |
//! | [`DualSimulator`], generic over dual numbers, wrapped in [`ForwardMode`] | exact | one pass per parameter and one for the values |
//! | [`Simulator`] by hand | exact, as written | often almost nothing |
//! | a plain function, wrapped in [`FiniteDifferences`] | seed-matched central differences | two passes per parameter and one for the values |
//!
//! Built-in simulators, each with its exact Fisher information, are in [`built_in`].
//!
//! The crates whose types appear in the interface are re-exported, so that a simulator compiles
//! against the versions used here: [`num_dual`], [`rand`], [`rand_distr`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod built_in;
mod error;
mod finite;
mod forward;
mod key;
mod real;
mod scratch;
mod simulator;
mod steps;
#[cfg(test)]
mod testing;

pub use built_in::*;
pub use error::SimError;
pub use finite::FiniteDifferences;
pub use forward::{DualSimulator, ForwardMode};
pub use key::{Key, KeyRng};
pub use real::Real;
pub use simulator::{Simulator, check_parameters};
pub use steps::ParameterSteps;

pub use num_dual;
pub use rand;
pub use rand_distr;
