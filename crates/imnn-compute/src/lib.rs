//! Numbers on a CPU: matrix products, vectorised loops, elementary functions and a fork-join thread pool.
//!
//! | Item | What it is |
//! | --- | --- |
//! | [`Number`] | `f32` or `f64`, with what the rest of this crate needs of them |
//! | [`vectorised!`] | functions whose loops use the widest vector instructions of the processor |
//! | [`matrix`], [`narrow`] | products of matrices inside slices |
//! | [`elementary`] | `exp` and `ln(1 + x)` for vectorised loops |
//! | [`AlignedVec`] | numbers that begin on a cache line |
//! | [`threads`] | a pool whose threads spin between regions, and tasks shared among its workers |
//!
//! It knows no network and no simulation.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod aligned;
pub mod elementary;
pub mod matrix;
pub mod narrow;
mod number;
pub mod threads;
mod vectorised;

pub use aligned::{AlignedVec, NUMBERS_PER_LINE};
pub use number::Number;

/// For [`vectorised!`] and other code that chooses instructions when the program runs.
#[doc(hidden)]
pub use pulp;
