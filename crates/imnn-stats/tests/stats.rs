//! Integration tests of imnn-stats through its public surface.

#![allow(clippy::unwrap_used)]

/// Public types are Send, Sync and Unpin.
mod autotraits;
/// Numbers of the Python package, from `tests/golden`.
mod golden;
/// Closed-form gradients against central differences at random points.
mod gradients;
/// Input that has to be refused, and the messages.
mod hostile;
/// F without bias, with its errors and what it is worth.
mod information;
/// Exact laws: invariances and Gaussians with known information.
mod laws;
/// The read-out of features.
mod read_out;
/// Random numbers for the tests.
mod samples;
/// What is said of an F that is worth little.
mod worth;
