//! Networks with exact tangents: layers, parameters, initialisers, dfdx autodiff and optimisers.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod activation;
mod build;
mod custom;
mod description;
mod dfdx_engine;
mod error;
mod grammar;
mod initialise;
mod layer;
mod layout;
mod model;
mod module;
mod network;
mod optimiser;
mod primitive;
mod weights;
mod whiten;
mod windows;

pub use activation::Activation;
pub use custom::{ErasedLayer, ParameterSpec, UserLayer, custom_error};
pub use dfdx_engine::{Batch, Dual, Element, Matrix, Output, Tape, Vector, backward, forward};
pub use error::{ModelError, Result};
pub use layer::{
    Conv, Dense, Initialiser, Join, Layer, Padding, Parallel, Window, asinh, avg_pool, concat, conv, custom, dense,
    elu, exp, flatten, gelu, global_avg_pool, global_max_pool, identity, leaky_relu, log1p, max_pool, relu, reshape,
    residual, selu, sigmoid, softplus, sum, tanh,
};
pub use layout::{Entry, Layout, Parameters};
pub use model::Model;
pub use module::{Batched, DfdxModule, KnownModule};
pub use network::{Network, serial};
pub use optimiser::{
    Adam, AdamW, Clip, Clipped, Method, Optimiser, OptimiserConfig, OptimiserState, RmsProp, Schedule, Sgd,
};
pub use primitive::{Affine, Linear, Op, Primitive, Shape};
pub use windows::{OUTSIDE, Windows};
