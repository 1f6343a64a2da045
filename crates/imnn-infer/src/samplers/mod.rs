//! Samplers of log densities that are given as functions: importance, an ensemble of walkers, the no-U-turn sampler;
//! and what chains are worth.

pub mod chains;
pub mod ensemble;
pub mod importance;
#[cfg(feature = "nuts")]
pub mod nuts;
pub mod psis;
