//! Priors for simulation-based inference: products of named laws with constraints, and the coordinates in which they
//! are standard normal.
//!
//! | What | Where |
//! | --- | --- |
//! | laws of one parameter | [`Uniform`], [`Normal`], [`Lognormal`], [`Loguniform`], [`TruncatedNormal`], [`HalfNormal`], [`Beta`], [`Gamma`], [`Table`]; one's own by the trait [`Law`] |
//! | products, a multivariate normal block, constraints | [`Prior::builder`] |
//! | the prior's own coordinates `phi = Phi^-1(F(theta))`, both ways, with derivatives | [`Prior::to_phi`], [`Prior::to_theta`], [`Prior::pulled_back`] |
//! | draws by key: draw `k` depends on `k` alone | [`Prior::sample`] |
//! | priors in TOML files | [`config`] |
//!
//! In `phi` a prior without constraints is `N(0, I)` whatever its laws are. Samplers and approximate Bayesian
//! computation run there: no proposal falls outside the prior, and all parameters have the scale 1. A uniform law's
//! coordinate is the probit of its share, not the logit; so an uninformed posterior is normal there too, and not
//! logistic.
//!
//! What rounding allows: `theta` to `phi` and back gives `theta` to a few units in the last place. `phi` to `theta` and
//! back gives `phi` to 1e-12 plus what one unit in the last place of `theta` is worth in `phi`: a uniform law between
//! 0.1 and 0.5 has at `phi = 8` no other number between `theta` and 0.5.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod block;
mod builder;
mod cholesky;
pub mod config;
mod constraint;
mod error;
mod law;
mod laws;
mod prior;
pub mod special;

pub use builder::Builder;
pub use cholesky::Cholesky;
pub use error::{PriorError, Result};
pub use law::Law;
pub use laws::{Beta, Gamma, HalfNormal, Lognormal, Loguniform, Normal, Table, TruncatedNormal, Uniform};
pub use prior::{Acceptance, Prior};
