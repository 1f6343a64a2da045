//! NVIDIA GPUs as devices.
//!
//! ```text
//! plan (fused/plan.rs) -> commands (fused/lower) -> backend: the card (card.rs), or in tests the same kernels on the host
//! ```
//!
//! A session cuts the simulations into a few large batches, readies a list of commands for each, and in every iteration
//! only runs these lists: simulations, weights and layers stay on the card, summaries and cotangents cross to the host.

#[cfg(any(test, feature = "cuda"))]
pub(crate) mod backend;
#[cfg(any(test, feature = "cuda"))]
mod batches;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod bytes;
#[cfg(feature = "cuda")]
mod card;
#[cfg(all(test, feature = "cuda"))]
mod card_tests;
#[cfg(feature = "cuda")]
mod compile;
#[cfg(feature = "cuda")]
mod copies;
mod device;
#[cfg(test)]
pub(crate) mod emulated;
#[cfg(any(test, feature = "cuda"))]
mod evaluation;
#[cfg(any(test, feature = "cuda"))]
mod feed;
#[cfg(test)]
mod feed_tests;
#[cfg(any(test, feature = "cuda"))]
mod iteration;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod kernels;
#[cfg(any(test, feature = "cuda"))]
mod lanes;
#[cfg(any(test, feature = "cuda"))]
mod layout;
#[cfg(feature = "cuda")]
mod libraries;
#[cfg(any(test, feature = "cuda"))]
mod read;
mod report;
#[cfg(any(test, feature = "cuda"))]
mod session;
#[cfg(any(test, feature = "cuda"))]
mod settled;
#[cfg(any(test, feature = "cuda"))]
mod several;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "cuda"))]
mod traffic;
pub mod yardstick;

pub use device::Cuda;
pub use report::{CudaReport, Gpu};
