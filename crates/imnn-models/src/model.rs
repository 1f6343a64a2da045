//! A network with its shapes resolved: what engines run.

use crate::build::{BuildError, Builder, Built};
use crate::error::{ModelError, Result};
use crate::layer::{Join, Layer};
use crate::layout::{Layout, checked_size};
use crate::network::Network;
use crate::primitive::{Op, Primitive};
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
        if input_shape.is_empty() || input_shape.contains(&0) {
            return Err(ModelError::Shape {
                layer: "layers[0]".into(),
                input: input_shape.to_vec(),
                reason: "a simulation needs at least one axis, and every axis at least one element".into(),
            });
        }
        if checked_size(input_shape).is_none_or(|size| size > isize::MAX as usize) {
            return Err(ModelError::Shape {
                layer: "layers[0]".into(),
                input: input_shape.to_vec(),
                reason: "a simulation of this shape is too large for any memory".into(),
            });
        }
        let mut builder = Builder::new(input_shape);
        builder.network(&network, "layers")?;
        let Built { layout, primitives, output_shape, n_activations } = builder.finish();
        let (input_shape, layout) = (input_shape.to_vec(), Arc::new(layout));
        Ok(Model { network, input_shape, output_shape, primitives, layout, n_activations })
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

    /// The named arrays of the parameters.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }
}

impl Builder {
    /// One layer.
    pub(crate) fn layer(&mut self, layer: &Layer) -> Result<(), BuildError> {
        match layer {
            Layer::Dense(dense) => {
                if dense.features == 0 {
                    return Err("the number of features must be at least 1".into());
                }
                let weights = self.weights(vec![self.channels(), dense.features], 1, &dense.weight, &dense.bias)?;
                self.map(weights, dense.features);
            }
            Layer::Conv(conv) => {
                if conv.filters == 0 {
                    return Err("the number of filters must be at least 1".into());
                }
                let windows = self.windows(&conv.kernel, &conv.strides, conv.padding)?;
                let shape = [&conv.kernel[..], &[self.channels(), conv.filters]].concat();
                let weights = self.weights(shape, windows.n_taps, &conv.weight, &conv.bias)?;
                self.convolve(weights, windows, conv.filters);
            }
            Layer::MaxPool(window) => {
                let windows = self.windows(&window.window, &window.strides, window.padding)?;
                self.pool(Op::MaxPool, windows);
            }
            Layer::AvgPool(window) => {
                let windows = self.windows(&window.window, &window.strides, window.padding)?;
                self.pool(Op::MeanPool, windows);
            }
            Layer::GlobalMaxPool => self.pool(Op::MaxPool, self.global_window()?),
            Layer::GlobalAvgPool => self.pool(Op::MeanPool, self.global_window()?),
            Layer::Flatten => self.reshape(vec![self.shape().iter().product()]),
            Layer::Reshape(shape) => {
                let from = self.shape().iter().product::<usize>();
                match checked_size(shape) {
                    _ if shape.is_empty() => return Err("the shape needs at least one axis".into()),
                    Some(to) if to == from => {}
                    Some(to) => {
                        return Err(format!("it makes {shape:?}, which has {to} elements instead of {from}").into());
                    }
                    None => return Err(format!("it makes {shape:?}, which is too large").into()),
                }
                self.reshape(shape.clone());
            }
            Layer::Parallel(parallel) => {
                let mut branches = Vec::new();
                let mut outputs = Vec::new();
                for (k, branch) in parallel.branches.iter().enumerate() {
                    let (primitives, output) = self.branch(branch, &format!("branches[{k}]"))?;
                    branches.push(primitives);
                    outputs.push(output);
                }
                let output = joined(&outputs, parallel.join)?;
                self.push(Op::Parallel { branches, join: parallel.join }, output);
            }
            Layer::Activation(activation) => self.pointwise(*activation),
            Layer::Custom(layer) => {
                let output = layer.output_shape(self.shape())?;
                if output.is_empty() || output.contains(&0) {
                    return Err(format!("its output_shape {output:?} needs at least one axis and no axis of 0").into());
                }
                let entries = self.own_weights(layer.parameters(self.shape()))?;
                self.push(Op::Custom { layer: layer.clone(), entries }, output);
            }
        }
        Ok(())
    }
}

/// The axes of joined branches.
fn joined(outputs: &[Vec<usize>], join: Join) -> Result<Vec<usize>, String> {
    let first = outputs.first().ok_or("it has no branches")?;
    let last = first.len() - 1;
    match join {
        Join::Sum if outputs.iter().any(|other| other != first) => {
            Err(format!("branches to be added must end in one shape, they end in {outputs:?}"))
        }
        Join::Sum => Ok(first.clone()),
        Join::Concat if outputs.iter().any(|other| other.len() != first.len() || other[..last] != first[..last]) => {
            Err(format!("branches to be concatenated must agree in all axes but the last, they end in {outputs:?}"))
        }
        Join::Concat => Ok([&first[..last], &[outputs.iter().map(|other| other[last]).sum()]].concat()),
    }
}
