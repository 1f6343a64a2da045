//! Tests across the crates: each module below says what belongs in it.

#![allow(clippy::unwrap_used)]

/// Same key, same bits: histories for several numbers of threads and budgets of memory.
mod determinism;
/// Whole training runs of the original package, number by number.
mod golden_fit;
/// The gradient that a device returns is that of the loss.
mod gradient;
/// Trained networks against exact laws.
mod laws;
/// Noise, and simulators on the fly, as the trainer reads them.
mod noise;
/// What the builder and the trainer refuse, in their words.
mod refusals;
/// Saved runs give back what was saved, and training goes on as if it had not stopped.
mod saved;
/// Small runs that several modules use.
mod small;
