//! A network with its shapes resolved: what engines run.

use crate::activation::Activation;
use crate::custom::ErasedLayer;
use crate::error::{ModelError, Result};
use crate::layer::{Conv, Dense, Initialiser, Join, Layer, Parallel, Window};
use crate::layout::{Layout, checked_size};
use crate::network::Network;
use crate::windows::Windows;
use std::ops::Range;
use std::sync::Arc;

/// A network for data of one shape: every layer with its shapes and the place of its weights.
#[derive(Clone, Debug)]
pub struct Model {
    network: Network,
    input_shape: Vec<usize>,
    output_shape: Vec<usize>,
    nodes: Vec<Node>,
    layout: Arc<Layout>,
}

/// A layer in its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Its position and name, such as `layers[3] (dense)`.
    pub label: String,
    /// Shape of one simulation where it enters.
    pub input: Vec<usize>,
    /// Shape of one simulation where it leaves.
    pub output: Vec<usize>,
}

/// What a layer does, with everything that depends on shapes worked out. Weights are indices into [`Layout::entries`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// `y = x W + b` over the last axis.
    Dense {
        /// Index of the weight `(n_in, n_out)`.
        weight: usize,
        /// Index of the bias `(n_out,)`.
        bias: usize,
    },
    /// Convolution: gather the windows, then `y = patches W + b`.
    Conv {
        /// Index of the weight `(*kernel, channels, filters)`.
        weight: usize,
        /// Index of the bias `(filters,)`.
        bias: usize,
        /// Where the windows read.
        windows: Arc<Windows>,
    },
    /// The largest value of each window, per channel.
    MaxPool(Arc<Windows>),
    /// The mean of each window over the positions inside the data, per channel.
    AvgPool(Arc<Windows>),
    /// The same numbers in another shape.
    Reshape,
    /// Branches and how they are joined.
    Parallel {
        /// The layers of each branch.
        branches: Vec<Vec<Node>>,
        /// How the outputs become one.
        join: Join,
    },
    /// A function of each element.
    Activation(Activation),
    /// A layer of the user's own, with the indices of its weights.
    Custom {
        /// The layer.
        layer: Arc<dyn ErasedLayer>,
        /// Indices of its weights.
        parameters: Range<usize>,
    },
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
        let mut resolver = Resolver::default();
        let nodes = resolver.network(&network, input_shape, "layers")?;
        let output_shape = nodes.last().map_or(input_shape, |node| &node.output).to_vec();
        Ok(Model { network, input_shape: input_shape.to_vec(), output_shape, nodes, layout: Arc::new(resolver.layout) })
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

    /// The layers in their places.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The named arrays of the parameters.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }
}

/// Walks a description, carrying the layout and the number of layers with weights met so far.
#[derive(Default)]
struct Resolver {
    layout: Layout,
    n_weighted: usize,
}

impl Resolver {
    fn network(&mut self, network: &Network, input: &[usize], path: &str) -> Result<Vec<Node>> {
        let mut nodes: Vec<Node> = Vec::with_capacity(network.layers.len());
        for (k, layer) in network.layers.iter().enumerate() {
            let input = nodes.last().map_or(input, |node| &node.output).to_vec();
            nodes.push(self.layer(layer, input, &format!("{path}[{k}]"))?);
        }
        Ok(nodes)
    }

    fn layer(&mut self, layer: &Layer, input: Vec<usize>, path: &str) -> Result<Node> {
        let label = format!("{path} ({})", layer.name());
        let refuse = |reason: String| ModelError::Shape { layer: label.clone(), input: input.clone(), reason };
        let (op, output) = match layer {
            Layer::Dense(dense) => self.dense(dense, &input).map_err(refuse)?,
            Layer::Conv(conv) => self.conv(conv, &input).map_err(refuse)?,
            Layer::MaxPool(window) => {
                let (windows, output) = pool(window, &input).map_err(refuse)?;
                (Op::MaxPool(windows), output)
            }
            Layer::AvgPool(window) => {
                let (windows, output) = pool(window, &input).map_err(refuse)?;
                (Op::AvgPool(windows), output)
            }
            Layer::GlobalMaxPool => {
                let (windows, output) = global_pool(&input).map_err(refuse)?;
                (Op::MaxPool(windows), output)
            }
            Layer::GlobalAvgPool => {
                let (windows, output) = global_pool(&input).map_err(refuse)?;
                (Op::AvgPool(windows), output)
            }
            Layer::Flatten => (Op::Reshape, vec![input.iter().product()]),
            Layer::Reshape(shape) => {
                let from = input.iter().product::<usize>();
                match checked_size(shape) {
                    _ if shape.is_empty() => return Err(refuse("the shape needs at least one axis".into())),
                    Some(to) if to == from => {}
                    Some(to) => {
                        let reason = format!("it makes {shape:?}, which has {to} elements instead of {from}");
                        return Err(refuse(reason));
                    }
                    None => return Err(refuse(format!("it makes {shape:?}, which is too large"))),
                }
                (Op::Reshape, shape.clone())
            }
            Layer::Parallel(parallel) => self.parallel(parallel, &input, path)?,
            Layer::Activation(activation) => (Op::Activation(*activation), input.clone()),
            Layer::Custom(layer) => {
                let output = layer.output_shape(&input).map_err(refuse)?;
                let first = self.layout.entries().len();
                let parameters = layer.parameters(&input);
                let k = self.n_weighted;
                self.n_weighted += usize::from(!parameters.is_empty());
                for p in parameters {
                    let fans = (p.fan_in, p.fan_out);
                    self.layout.push(k, &p.name, p.shape, p.initialiser, fans).map_err(refuse)?;
                }
                let op = Op::Custom { layer: layer.clone(), parameters: first..self.layout.entries().len() };
                (op, output)
            }
        };
        Ok(Node { op, label, input, output })
    }

    fn dense(&mut self, dense: &Dense, input: &[usize]) -> Result<(Op, Vec<usize>), String> {
        if dense.features == 0 {
            return Err("the number of features must be at least 1".into());
        }
        let n_in = input[input.len() - 1];
        let n_out = dense.features;
        let (weight, bias) = self.weights(vec![n_in, n_out], 1, &dense.weight, &dense.bias)?;
        let mut output = input.to_vec();
        output[input.len() - 1] = n_out;
        Ok((Op::Dense { weight, bias }, output))
    }

    fn conv(&mut self, conv: &Conv, input: &[usize]) -> Result<(Op, Vec<usize>), String> {
        if conv.filters == 0 {
            return Err("the number of filters must be at least 1".into());
        }
        let (spatial, channels) = spatial_and_channels(input)?;
        let windows = Windows::new(spatial, &conv.kernel, &conv.strides, conv.padding)?;
        let mut shape = conv.kernel.clone();
        shape.extend([channels, conv.filters]);
        let (weight, bias) = self.weights(shape, windows.n_taps, &conv.weight, &conv.bias)?;
        let mut output = windows.output.clone();
        output.push(conv.filters);
        let windows = Arc::new(windows);
        Ok((Op::Conv { weight, bias, windows }, output))
    }

    /// The next weight and bias; fans are those of one tap times the number of taps.
    fn weights(
        &mut self,
        shape: Vec<usize>,
        n_taps: usize,
        weight: &Initialiser,
        bias: &Initialiser,
    ) -> Result<(usize, usize), String> {
        let k = self.n_weighted;
        self.n_weighted += 1;
        let n_out = shape[shape.len() - 1];
        let fans = (shape[shape.len() - 2].saturating_mul(n_taps), n_out.saturating_mul(n_taps));
        let weight = self.layout.push(k, "weight", shape, weight.clone(), fans)?;
        let bias = self.layout.push(k, "bias", vec![n_out], bias.clone(), fans)?;
        Ok((weight, bias))
    }

    fn parallel(&mut self, parallel: &Parallel, input: &[usize], path: &str) -> Result<(Op, Vec<usize>)> {
        let refuse =
            |reason: String| ModelError::Shape { layer: format!("{path} (parallel)"), input: input.to_vec(), reason };
        let mut branches = Vec::new();
        let mut outputs = Vec::new();
        for (k, branch) in parallel.branches.iter().enumerate() {
            let nodes = self.network(branch, input, &format!("{path}.branches[{k}]"))?;
            outputs.push(nodes.last().map_or(input, |node| &node.output).to_vec());
            branches.push(nodes);
        }
        let Some(first) = outputs.first() else {
            return Err(refuse("it has no branches".into()));
        };
        let mut output = first.clone();
        let last = output.len() - 1;
        match parallel.join {
            Join::Sum => {
                if outputs.iter().any(|other| other != first) {
                    return Err(refuse(format!("branches to be added must end in one shape, they end in {outputs:?}")));
                }
            }
            Join::Concat => {
                if outputs.iter().any(|other| other.len() != first.len() || other[..last] != first[..last]) {
                    return Err(refuse(format!(
                        "branches to be concatenated must agree in all axes but the last, they end in {outputs:?}"
                    )));
                }
                output[last] = outputs.iter().map(|other| other[last]).sum();
            }
        }
        Ok((Op::Parallel { branches, join: parallel.join }, output))
    }
}

fn pool(window: &Window, input: &[usize]) -> Result<(Arc<Windows>, Vec<usize>), String> {
    let (spatial, channels) = spatial_and_channels(input)?;
    let windows = Windows::new(spatial, &window.window, &window.strides, window.padding)?;
    let mut output = windows.output.clone();
    output.push(channels);
    Ok((Arc::new(windows), output))
}

fn global_pool(input: &[usize]) -> Result<(Arc<Windows>, Vec<usize>), String> {
    let (spatial, channels) = spatial_and_channels(input)?;
    Ok((Arc::new(Windows::global(spatial)?), vec![channels]))
}

/// Splits `(*spatial, channels)`; layers with windows need one to three spatial axes.
fn spatial_and_channels(input: &[usize]) -> Result<(&[usize], usize), String> {
    match input {
        [spatial @ .., channels] if (1..=3).contains(&spatial.len()) => Ok((spatial, *channels)),
        _ => Err(format!(
            "it needs one to three spatial axes and then channels, such as [64, 64, 1]; if the data are {input:?} with one \
             channel, give them the input shape {:?}",
            input.iter().copied().chain([1]).collect::<Vec<_>>()
        )),
    }
}
