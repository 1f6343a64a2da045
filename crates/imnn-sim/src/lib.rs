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
//! The crates whose types appear in the interface are re-exported, so that a simulator compiles
//! against the versions used here: [`num_dual`], [`rand`], [`rand_distr`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod key;
mod real;
mod simulator;

pub use error::SimError;
pub use key::{Key, KeyRng};
pub use real::Real;
pub use simulator::{Simulator, check_parameters};

pub use num_dual;
pub use rand;
pub use rand_distr;
