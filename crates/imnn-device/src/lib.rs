//! Where networks run: leaves of simulations spread over the threads of a CPU.
//!
//! A [`Device`] readies a network for a [`Session`], which takes weights and a source of simulations and gives the
//! summaries and their derivatives; then, from the gradient of the loss with respect to those, the gradient with respect to
//! the weights. Work is cut into leaves of a few simulations; a program runs one leaf on one worker.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod cpu;
mod crew;
mod cuda;
mod device;
mod dfdx;
mod error;
mod fused;
mod leaves;
mod lines;
mod program;
mod reduce;
mod session;
mod shape;
mod workers;

pub use cpu::Cpu;
pub use cuda::{Cuda, CudaReport, Gpu};
pub use device::{Cotangents, Device, Session, Summaries, Task};
pub use error::{DeviceError, Result};
