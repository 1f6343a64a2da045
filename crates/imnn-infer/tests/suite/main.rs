//! Tests of posteriors against exact laws and golden numbers.

#![allow(clippy::unwrap_used)]

mod abc;
mod diagnostics;
mod export;
mod gaussian;
mod golden;
mod hostile;
mod samplers;
mod smc;
mod toy;
