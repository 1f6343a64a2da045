//! The fused engine: networks whose layers it knows, leaf by leaf, as few large matrix products as possible.
//!
//! A [`Plan`] is made once from a network: layers are simplified ([`simplify`]), and every activation, gradient and patch
//! gets its place ([`plan`]). A leaf's rows, values and tangents, are then one matrix in every layer:
//!
//! ```text
//! rows      x_1 .. x_n                      simulations (those below and above the fiducial too)
//!           t_11 .. t_1p, t_21 .. t_np      their derivatives with respect to the parameters
//! forward   linear: one product with W      activation: v = x + b, y = f(v), t' = f'(v) t in one pass
//! backward  the same steps in reverse       g_W = left^T g_y,   g_x = g_y W^T
//! ```
//!
//! Each layer's file begins with its rules. The definition that all of them are tested against is that on dfdx's tape in
//! `imnn-models`.

mod activation;
#[cfg(test)]
pub(crate) mod agreement;
mod arena;
mod combine;
mod compose;
mod gather;
mod linear;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod lower;
mod math;
mod matrix;
mod narrow;
mod plan;
mod pool;
mod run;
mod simplify;

pub(crate) use plan::Plan;
