//! Where networks run: leaves of simulations spread over the threads of a CPU, or over several devices.
//!
//! A [`Device`] readies a network for a [`Session`], which takes weights and a source of simulations and gives the
//! summaries and their derivatives; then, from the gradient of the loss with respect to those, the gradient with respect to
//! the weights. Work is cut into leaves of a few simulations; a program runs one leaf on one worker.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aggregator;
mod bench;
mod cpu;
mod cpu_member;
mod crew;
mod cuda;
mod device;
mod dfdx;
mod error;
mod fused;
mod leaves;
mod lines;
mod member;
mod meter;
mod program;
mod reduce;
mod session;
mod shape;
mod team;
mod vectorised;
mod workers;

pub use aggregator::{Aggregator, Unit};
pub use cpu::Cpu;
#[doc(hidden)] // For benchmarks alone.
pub use cuda::yardstick;
pub use cuda::{Cuda, CudaReport, Gpu};
pub use device::{Cotangents, Device, Evaluated, Keys, Resident, Session, Start, Summaries, Task, Usage};
pub use error::{DeviceError, Result};
