//! Tests of whole flows.
#![allow(clippy::unwrap_used)]

/// Kernels against the definition, values and gradients.
mod agreement;
/// The flow on dfdx's tape.
mod definition;
/// Reference numbers of numpy and torch.
mod golden;
/// What holds for every flow.
mod laws;
/// Random flows.
mod random;
