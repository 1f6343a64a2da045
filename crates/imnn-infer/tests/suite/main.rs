//! Tests of posteriors against exact laws and golden numbers.

#![allow(clippy::unwrap_used)]

mod abc;
mod gaussian;
mod golden;
mod hostile;
mod smc;
mod toy;
