//! Tests of whole networks.
#![allow(clippy::unwrap_used)]

/// Branches without layers.
mod branches;
/// Networks of the original package.
mod golden;
/// Tangents and gradients of every layer against differences and against each other.
mod layers;
/// Random networks for these tests.
mod networks;
