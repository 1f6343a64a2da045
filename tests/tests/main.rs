//! Tests across the crates: each module below says what belongs in it.

#![allow(clippy::unwrap_used)]

/// Interrupted runs that go on: the bits of those that nothing has interrupted.
mod checkpoints;
/// Each class of the original by its equivalent here: the bits of one device and data in memory.
mod classes;
/// Same key, same bits: histories for several numbers of threads and budgets of memory.
mod determinism;
/// The golden files and their manifest.
mod golden_files;
/// Whole training runs of the original package, number by number.
mod golden_fit;
/// Networks of the original package on a device: summaries, their derivatives and weight gradients.
mod golden_net;
/// The gradient that a device returns is that of the loss.
mod gradient;
/// Trained networks against exact laws.
mod laws;
/// Every activation and every layer on a device, against its definition.
mod layers;
/// Muon through the trainer.
mod muon;
/// Noise, and simulators on the fly, as the trainer reads them.
mod noise;
/// Several processes that train together.
mod ranks;
/// The last layer in closed form, and training in rounds.
mod read_out;
/// How much of a run goes into reading simulations.
mod reading;
/// What the builder and the trainer refuse, in their words.
mod refusals;
/// The same run twice on a device: the same bits.
mod repeats;
/// Saved runs give back what was saved, and training goes on as if it had not stopped.
mod saved;
/// Training whose numbers come to nothing goes back to good weights.
mod setbacks;
/// Small runs that several modules use.
mod small;
/// Networks chosen by looking at simulations.
mod suggestion;
