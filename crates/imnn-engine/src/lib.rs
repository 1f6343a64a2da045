//! How one microbatch of simulations runs through a network on one CPU thread.
//!
//! A [`Program`] runs a microbatch forward and backward in memory that its caller owns. There are two:
//!
//! - [`Plan`], for networks of known primitives: layers are simplified ([`plan`]), and every activation, gradient and patch
//!   gets its place. The rows of a microbatch, values and tangents, are then one matrix in every layer:
//!
//!   ```text
//!   rows      x_1 .. x_n                      simulations (those below and above the fiducial too)
//!             t_11 .. t_1p, t_21 .. t_np      their derivatives with respect to the parameters
//!   forward   linear: one product with W      activation: v = x + b, y = f(v), t' = f'(v) t in one pass
//!   backward  the same steps in reverse       g_W = left^T g_y,   g_x = g_y W^T
//!   ```
//!
//! - [`Reference`], for all networks: the definition on the tape of dfdx that every engine is tested against.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod plan;
mod program;
mod reference;
mod steps;

pub use plan::Plan;
pub use program::{MicrobatchCotangents, Program, Rows, Saved};
pub use reference::{IsolatedThreads, Reference};
