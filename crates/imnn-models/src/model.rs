//! A network with its shapes resolved: what engines run.

use crate::builder::Builder;
use crate::error::{ModelError, Result};
use crate::layout::{Layout, Parameters, checked_size};
use crate::network::Network;
use crate::primitive::{Op, Primitive};
use imnn_sim::{Key, Real};
use std::sync::Arc;

/// A network for data of one shape: its primitives, with all shapes, and the places of its weights.
#[derive(Clone, Debug)]
pub struct Model {
    network: Network,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    primitives: Vec<Primitive>,
    layout: Arc<Layout>,
    n_activations: usize,
}

impl Model {
    /// Resolves the shapes of `network` for simulations of shape `input_shape` (channels last).
    ///
    /// # Errors
    /// If a layer cannot take the shape that reaches it; the message names the layer, the shape and what it needs.
    pub fn new(network: Network, input_shape: &[usize]) -> Result<Self> {
        let refuse = |reason: &str| {
            let (layer, input) = ("layers[0]".into(), input_shape.to_vec());
            Err(ModelError::Shape { layer, input, reason: reason.into() })
        };
        if input_shape.is_empty() || input_shape.contains(&0) {
            return refuse("a simulation needs at least one axis, and every axis at least one element");
        }
        if checked_size(input_shape).is_none_or(|size| size > isize::MAX as usize) {
            return refuse("a simulation of this shape is too large for any memory");
        }
        let mut builder = Builder::new(input_shape);
        network.build(&mut builder, "layers")?;
        let Builder { layout, primitives, shape: output_shape, n_activations, .. } = builder;
        let (input_shape, layout) = (input_shape.to_vec(), Arc::new(layout));
        Ok(Model { network, input_shape, output_shape, primitives, layout, n_activations })
    }

    /// The network with other primitives, whose weights lie where they did.
    pub(crate) fn with_primitives(&self, primitives: Vec<Primitive>, output_shape: Vec<usize>) -> Self {
        Model { primitives, output_shape, ..self.clone() }
    }

    /// The description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Shape of one simulation.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// Shape of the output for one simulation.
    pub fn output_shape(&self) -> &[usize] {
        &self.output_shape
    }

    /// Number of elements of one simulation.
    pub fn input_size(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Number of summaries: all elements of the output.
    pub fn n_summaries(&self) -> usize {
        self.output_shape.iter().product()
    }

    /// What an engine runs, first to last.
    pub fn primitives(&self) -> &[Primitive] {
        &self.primitives
    }

    /// Numbers that the layers make of one simulation, gathered windows included: a measure of the memory that it takes.
    pub fn n_activations(&self) -> usize {
        self.n_activations
    }

    /// The first layer whose derivative jumps: a piecewise linear activation or a largest number, by position and name.
    ///
    /// ```
    /// use imnn_models::{Model, dense, gelu, leaky_relu, serial};
    /// let model = Model::new(serial([dense(8), gelu(), dense(8), leaky_relu(), dense(2)]), &[3])?;
    /// assert_eq!(model.kink(), Some("layers[3] (leaky_relu)"));
    /// # Ok::<(), imnn_models::ModelError>(())
    /// ```
    pub fn kink(&self) -> Option<&str> {
        kink(&self.primitives)
    }

    /// The named arrays of the parameters.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The initial weights that `key` stands for: array k of the layout is drawn from `key.fold_in(k)` as its
    /// [`crate::Initialiser`] says.
    ///
    /// Draws are made in f64 and then rounded, so that f32 and f64 runs of one key start alike.
    ///
    /// ```
    /// use imnn_models::{dense, leaky_relu, serial, Model};
    /// use imnn_sim::Key;
    /// let model = Model::new(serial([dense(128), leaky_relu(), dense(2)]), &[10])?;
    /// let weights = model.initialise::<f64>(Key::new(0));
    /// let rounded = model.initialise::<f32>(Key::new(0));
    /// assert!(weights.values().iter().zip(rounded.values()).all(|(&w, &r)| w as f32 == r));
    /// # Ok::<(), imnn_models::ModelError>(())
    /// ```
    pub fn initialise<E: Real>(&self, key: Key) -> Parameters<E> {
        let mut parameters = Parameters::zeros(self.layout().clone());
        for (k, entry) in self.layout().entries().iter().enumerate() {
            let values = &mut parameters.values_mut()[entry.range()];
            entry.initialiser.fill((entry.fan_in, entry.fan_out), key.fold_in(k as u64), values);
        }
        parameters
    }
}

fn kink(primitives: &[Primitive]) -> Option<&str> {
    primitives.iter().find_map(|primitive| match &primitive.op {
        Op::Parallel { branches, .. } => branches.iter().find_map(|branch| kink(branch)),
        op => op.has_kink().then_some(&*primitive.label),
    })
}
