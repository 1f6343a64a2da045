//! What engines run: every layer is built of these few operations.
//!
//! Data are positions with channels, the channels last: a row has `positions * channels` numbers. What only renames numbers
//! (a reshape, the identity) is gone, and a convolution that sees one position at a time is a map of the channels.

use crate::activations::Activation;
use crate::erased::ErasedLayer;
use crate::windows::Windows;
use std::ops::Range;
use std::sync::Arc;

/// Positions with channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of positions: all axes but the last.
    pub positions: usize,
    /// Number of channels: the last axis.
    pub channels: usize,
}

/// One operation in its place.
#[derive(Clone, Debug)]
pub struct Primitive {
    /// What it does.
    pub op: Op,
    /// Shape of one simulation where it enters.
    pub input: Shape,
    /// Shape of one simulation where it leaves.
    pub output: Shape,
    /// Position and name of its layer, such as `layers[3] (dense)`.
    pub label: Arc<str>,
}

/// What a primitive does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Products with weights: dense layers and convolutions.
    Linear(Linear),
    /// The largest number of each window, per channel.
    MaxPool(Arc<Windows>),
    /// The mean of each window over the positions inside the data, per channel.
    MeanPool(Arc<Windows>),
    /// A function of each number.
    Pointwise(Activation),
    /// Branches that read the same input, joined.
    Parallel {
        /// The primitives of each branch; one without any passes its input on.
        branches: Vec<Vec<Primitive>>,
        /// How the outputs become one.
        join: Join,
    },
    /// A layer of the user's own.
    Custom {
        /// The layer.
        layer: Arc<dyn ErasedLayer>,
        /// Indices of its weights in [`crate::Layout::entries`].
        entries: Range<usize>,
    },
}

/// How the outputs of branches become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {
    /// Along the last axis, in the order of the branches.
    Concat,
    /// Element by element.
    Sum,
}

/// `y[o] = sum_k x[p(o, k)] W[k] + b`, where `p(o, k)` is the position under tap k of window o.
#[derive(Clone, Debug)]
pub enum Linear {
    /// Each position by itself.
    Map(Affine),
    /// Windows over the positions.
    Windows {
        /// Where they read.
        windows: Arc<Windows>,
        /// W `(taps, channels in, channels out)` and b.
        weights: Affine,
    },
    /// A map of each position to `between` channels, then windows over it. Networks are not built of these; engines put two
    /// primitives together where one product is less work.
    Composed {
        /// Where the windows read.
        windows: Arc<Windows>,
        /// Weights of the map.
        first: Affine,
        /// Channels after the map.
        between: usize,
        /// Weights of the windows.
        second: Affine,
    },
}

/// A weight and a bias: their ranges in the flat vector of the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affine {
    /// Range of W, row-major, the outputs last.
    pub weight: Range<usize>,
    /// Range of b, one number per output.
    pub bias: Range<usize>,
}

impl Shape {
    /// The shape of data with these axes.
    pub fn of(axes: &[usize]) -> Self {
        let channels = axes.last().copied().unwrap_or(1);
        Shape { positions: axes[..axes.len().max(1) - 1].iter().product(), channels }
    }

    /// Numbers of one simulation.
    pub fn size(self) -> usize {
        self.positions * self.channels
    }
}

impl Linear {
    /// The windows, unless each position is mapped by itself.
    pub fn windows(&self) -> Option<&Arc<Windows>> {
        match self {
            Linear::Map(_) => None,
            Linear::Windows { windows, .. } | Linear::Composed { windows, .. } => Some(windows),
        }
    }
}

impl Op {
    /// Whether the operation and a linear map of the channels can change places.
    pub(crate) fn commutes_with_maps(&self) -> bool {
        matches!(self, Op::MeanPool(_))
    }

    /// The windows of an operation that has any, to be changed.
    pub fn windows_mut(&mut self) -> Option<&mut Arc<Windows>> {
        match self {
            Op::Linear(Linear::Windows { windows, .. } | Linear::Composed { windows, .. })
            | Op::MaxPool(windows)
            | Op::MeanPool(windows) => Some(windows),
            Op::Linear(Linear::Map(_)) | Op::Pointwise(_) | Op::Parallel { .. } | Op::Custom { .. } => None,
        }
    }
}
