//! Networks as positions and channels, with reshapes removed.

use imnn_models::{Activation, Join, Model, Node, OUTSIDE, Op as ModelOp, Windows};
use std::ops::Range;
use std::sync::Arc;

/// Positions with channels; a row of data has one number for each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of positions.
    pub positions: usize,
    /// Numbers at each position.
    pub channels: usize,
}

/// One layer.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it does.
    pub op: Op,
    /// Shape of its input.
    pub input: Shape,
    /// Shape of its output.
    pub output: Shape,
}

/// What a layer does.
#[derive(Clone, Debug)]
pub enum Op {
    /// `y[o] = sum_k x[position(o, k)] W[k] + b`: dense layers and convolutions.
    Linear(Linear),
    /// Maxima over windows.
    MaxPool(Arc<Windows>),
    /// Means over windows.
    MeanPool(Arc<Windows>),
    /// A function of each number.
    Activation(Activation),
    /// Several chains over one input.
    Parallel {
        /// The chains.
        branches: Vec<Vec<Layer>>,
        /// What becomes of their outputs.
        join: Join,
    },
}

/// A linear layer.
#[derive(Clone, Debug)]
pub enum Linear {
    /// Each position is mapped by itself.
    Map(Affine),
    /// Windows over the positions.
    Windows {
        /// The windows.
        windows: Arc<Windows>,
        /// The weights.
        weights: Affine,
    },
    /// Two linear layers in one: first a map to `between` channels, then windows over it.
    Composed {
        /// The windows of the second.
        windows: Arc<Windows>,
        /// The weights of the map.
        first: Affine,
        /// Channels between the two.
        between: usize,
        /// The weights of the second.
        second: Affine,
    },
}

/// Places of a weight and a bias in the parameter vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affine {
    /// The range of the weight.
    pub weight: Range<usize>,
    /// The range of the bias.
    pub bias: Range<usize>,
}

impl Shape {
    /// Numbers of a row.
    pub fn size(self) -> usize {
        self.positions * self.channels
    }
}

impl Linear {
    /// Where it reads, unless each position is mapped by itself.
    pub fn windows(&self) -> Option<&Arc<Windows>> {
        match self {
            Linear::Map(_) => None,
            Linear::Windows { windows, .. } | Linear::Composed { windows, .. } => Some(windows),
        }
    }
}

impl Op {
    /// The windows of a layer that has any.
    pub fn windows_mut(&mut self) -> Option<&mut Arc<Windows>> {
        match self {
            Op::Linear(Linear::Windows { windows, .. } | Linear::Composed { windows, .. })
            | Op::MaxPool(windows)
            | Op::MeanPool(windows) => Some(windows),
            Op::Linear(Linear::Map(_)) | Op::Activation(_) | Op::Parallel { .. } => None,
        }
    }
}

/// The layers of a model.
///
/// # Errors
/// Why the engine cannot run it.
pub fn layers(model: &Model) -> Result<Vec<Layer>, String> {
    let affine = |weight: usize, bias: usize| {
        let entries = model.layout().entries();
        Affine { weight: entries[weight].range(), bias: entries[bias].range() }
    };
    chain(model.nodes(), &affine)
}

fn chain(nodes: &[Node], affine: &dyn Fn(usize, usize) -> Affine) -> Result<Vec<Layer>, String> {
    nodes.iter().filter_map(|node| layer(node, affine).transpose()).collect()
}

fn layer(node: &Node, affine: &dyn Fn(usize, usize) -> Affine) -> Result<Option<Layer>, String> {
    let op = match &node.op {
        ModelOp::Dense { weight, bias } => Op::Linear(Linear::Map(affine(*weight, *bias))),
        ModelOp::Conv { weight, bias, windows } => {
            let weights = affine(*weight, *bias);
            Op::Linear(if is_identity(windows) {
                Linear::Map(weights)
            } else {
                Linear::Windows { windows: windows.clone(), weights }
            })
        }
        ModelOp::MaxPool(windows) => Op::MaxPool(windows.clone()),
        ModelOp::AvgPool(windows) => Op::MeanPool(windows.clone()),
        ModelOp::Reshape | ModelOp::Activation(Activation::Identity) => return Ok(None),
        ModelOp::Activation(activation) => Op::Activation(*activation),
        ModelOp::Parallel { branches, join } => {
            let branches = branches.iter().map(|nodes| chain(nodes, affine)).collect::<Result<_, _>>()?;
            Op::Parallel { branches, join: *join }
        }
        _ => return Err(format!("{} has no vectorised implementation", node.label)),
    };
    let (input, output) = (shape(&node.input), shape(&node.output));
    if input.size().max(output.size()) > u32::MAX as usize / 2 {
        return Err(format!("{} is too large for the vectorised implementation", node.label));
    }
    Ok(Some(Layer { op, input, output }))
}

/// Channels are the last axis.
fn shape(axes: &[usize]) -> Shape {
    let channels = axes.last().copied().unwrap_or(1);
    Shape { positions: axes.iter().product::<usize>() / channels, channels }
}

/// Whether each position sees itself alone.
fn is_identity(windows: &Windows) -> bool {
    windows.n_taps == 1
        && windows.taps.len() == windows.n_inputs
        && windows.taps.iter().enumerate().all(|(o, &t)| t == o as u32)
}

/// The positions that windows read, in order.
pub fn positions_read(windows: &Windows) -> Vec<u32> {
    let mut read: Vec<u32> = windows.taps.iter().copied().filter(|&tap| tap != OUTSIDE).collect();
    read.sort_unstable();
    read.dedup();
    read
}
