//! Where networks run: on the threads of a CPU, on GPUs, or on several of a kind.
//!
//! A [`Device`] compiles a network for a [`Session`], which takes weights and a source of simulations and returns the
//! summaries and their derivatives; then, from the gradient of the loss with respect to those, the gradient with respect to
//! the weights. An [`Aggregator`] makes one device of several.
//!
//! | Module | What it is |
//! | --- | --- |
//! | `device` | the contract between the trainer and whatever runs networks |
//! | `cpu` | microbatches of simulations on threads |
//! | `lower` | plans as commands for a GPU |
//! | `commands` | the commands, the kernels that they launch, and an emulation of a GPU for tests |
//! | `cuda` | sessions and training on NVIDIA GPUs |
//! | `several` | several sessions as one, each with its share of the simulations |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aggregator;
#[cfg(any(test, feature = "cuda"))]
mod commands;
mod cpu;
mod cuda;
mod device;
mod error;
#[cfg(any(test, feature = "cuda"))]
mod lower;
mod microbatches;
mod reduce;
#[cfg(any(test, feature = "cuda"))]
mod several;
mod shape;

pub use aggregator::{Aggregate, Aggregator};
pub use cpu::{Cpu, Load, loads};
#[doc(hidden)] // For benchmarks alone.
pub use cuda::roofline;
pub use cuda::{Cuda, CudaReport, Gpu};
pub use device::{Cotangents, Device, DeviceTraining, Keys, LossResult, Session, Start, Summaries, Task, Usage};
pub use error::{DeviceError, Result};
