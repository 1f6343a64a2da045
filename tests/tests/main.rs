//! Tests across the crates: each module below says what belongs in it.

#![allow(clippy::unwrap_used)]

/// Whole training runs of the original package, number by number.
mod golden_fit;
