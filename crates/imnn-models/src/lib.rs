//! Networks with exact tangents: layers, parameters, initialisers, dfdx autodiff and optimisers.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod activations;
mod builder;
mod catalogue;
mod element;
mod error;
mod features;
mod given;
mod grammar;
mod initialise;
mod layer;
pub mod layers;
mod layout;
mod model;
mod module;
mod network;
pub mod optimisers;
mod primitive;
mod reference;
mod settings;
mod suggested;
mod tape;
mod user_layer;
mod weights;
mod whiten;
mod windows;

pub use activations::Activation;
pub use catalogue::Catalogued;
pub use element::Element;
pub use error::{ModelError, Result};
pub use features::Features;
pub use initialise::Initialiser;
pub use layer::Layer;
pub use layers::custom::custom_error;
pub use layers::functions;
pub use layers::functions::*;
pub use layers::{Conv, Dense, Parallel, Window};
pub use layout::{Entry, Layout, Parameters};
pub use model::Model;
pub use module::{Batched, DfdxModule, KnownModule};
pub use network::{Network, serial};
pub use optimisers::built_in::*;
pub use optimisers::{Clip, Clipped, DeviceUpdate, Method, Optimiser, OptimiserConfig, OptimiserState, Schedule};
pub use primitive::{Affine, Join, Linear, Op, Primitive, Shape, Standardisation};
pub use reference::{Batch, Output, backward, forward};
pub use tape::{Dual, Matrix, Tape, Vector};
pub use user_layer::{ErasedLayer, ParameterSpec, UserLayer};
pub use windows::{OUTSIDE, Padding, Windows};
