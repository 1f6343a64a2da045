//! Where networks run: leaves of simulations spread over the threads of a CPU.
//!
//! A [`Device`] takes a network, its weights and a source of simulations, and gives the summaries and their derivatives;
//! then, from the gradient of the loss with respect to those, the gradient with respect to the weights. Work is cut into
//! leaves of a few simulations; an [`Engine`] runs one leaf on one worker.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cpu;
mod device;
mod engine;
mod error;
mod leaves;
mod workers;

pub use cpu::Cpu;
pub use device::{Cotangents, Device, Pass, Summaries, Task};
pub use engine::{Dfdx, Engine};
pub use error::{DeviceError, Result};
pub use leaves::{leaf_size, leaves};
