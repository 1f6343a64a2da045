//! NVIDIA GPUs as devices.
//!
//! ```text
//! plan (imnn-engine) -> commands (lower) -> backend: the card (card.rs), or in tests the same kernels on the host
//! ```
//!
//! A session cuts the simulations into a few large batches, prepares a list of commands for each, and in every iteration
//! only runs these lists: simulations, weights and layers stay on the card, summaries and cotangents cross to the host.

#[cfg(any(test, feature = "cuda"))]
mod batches;
#[cfg(feature = "cuda")]
mod card;
#[cfg(all(test, feature = "cuda"))]
mod card_tests;
#[cfg(feature = "cuda")]
mod compile;
#[cfg(feature = "cuda")]
mod copies;
mod device;
#[cfg(any(test, feature = "cuda"))]
mod evaluation;
#[cfg(any(test, feature = "cuda"))]
mod feed;
#[cfg(test)]
mod feed_tests;
#[cfg(feature = "cuda")]
mod issue;
#[cfg(any(test, feature = "cuda"))]
mod iteration;
#[cfg(any(test, feature = "cuda"))]
mod layout;
#[cfg(any(test, feature = "cuda"))]
mod memory;
#[cfg(any(test, feature = "cuda"))]
mod read;
mod report;
pub mod roofline;
#[cfg(any(test, feature = "cuda"))]
mod session;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "cuda"))]
mod training;

pub use device::Cuda;
pub use report::{CudaReport, Gpu};
