//! What engines run: every layer is built of these few operations, by the methods of [`Builder`] that stand here.
//!
//! Data are positions with channels, the channels last: a row has `positions * channels` numbers. What only renames numbers
//! (a reshape, the identity) is gone, and a convolution that sees one position at a time is a map of the channels.

use crate::activations::Activation;
use crate::builder::Builder;
use crate::user_layer::ErasedLayer;
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
    /// Each number less the mean of its channel, over its deviation.
    Standardise(Arc<Standardisation>),
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

/// The constants of `y = (x - mean) / deviation`, one for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardisation {
    /// What is subtracted, finite.
    pub mean: Vec<f64>,
    /// What the rest is divided by, positive and finite.
    pub deviation: Vec<f64>,
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

    /// Whether its derivative jumps; of branches and of a user's own layer only they know.
    pub(crate) fn has_kink(&self) -> bool {
        match self {
            Op::MaxPool(_) => true,
            Op::Pointwise(activation) => activation.is_piecewise_linear(),
            Op::Linear(_) | Op::MeanPool(_) | Op::Standardise(_) | Op::Parallel { .. } | Op::Custom { .. } => false,
        }
    }

    /// The windows of an operation that has any, to be changed.
    pub fn windows_mut(&mut self) -> Option<&mut Arc<Windows>> {
        match self {
            Op::Linear(Linear::Windows { windows, .. } | Linear::Composed { windows, .. })
            | Op::MaxPool(windows)
            | Op::MeanPool(windows) => Some(windows),
            Op::Linear(Linear::Map(_))
            | Op::Standardise(_)
            | Op::Pointwise(_)
            | Op::Parallel { .. }
            | Op::Custom { .. } => None,
        }
    }
}

impl Builder {
    /// A linear map of the channels of each position to `n_out`.
    pub(crate) fn map(&mut self, weights: Affine, n_out: usize) {
        let mut output = self.shape.clone();
        output.pop();
        output.push(n_out);
        self.push(Op::Linear(Linear::Map(weights)), output);
    }

    /// A linear map of each window to `n_out` channels.
    pub(crate) fn convolve(&mut self, weights: Affine, windows: Arc<Windows>, n_out: usize) {
        self.n_activations += windows.taps.len() * self.channels();
        let output = [&windows.output[..], &[n_out]].concat();
        let linear = if windows.is_identity() { Linear::Map(weights) } else { Linear::Windows { windows, weights } };
        self.push(Op::Linear(linear), output);
    }

    /// The largest number of each window, per channel.
    pub(crate) fn largest(&mut self, windows: Arc<Windows>) {
        self.pool(Op::MaxPool, windows);
    }

    /// The mean of each window, per channel.
    pub(crate) fn mean(&mut self, windows: Arc<Windows>) {
        self.pool(Op::MeanPool, windows);
    }

    fn pool(&mut self, pool: impl FnOnce(Arc<Windows>) -> Op, windows: Arc<Windows>) {
        let output = [&windows.output[..], &[self.channels()]].concat();
        self.push(pool(windows), output);
    }

    /// Each number less the mean of its channel, over its deviation; the lists have one number for all channels or one for
    /// each.
    pub(crate) fn standardise(&mut self, mean: &[f64], deviation: &[f64]) -> Result<(), String> {
        let (mean, deviation) = (self.per_channel("mean", mean)?, self.per_channel("deviation", deviation)?);
        if let Some((c, mean)) = mean.iter().enumerate().find(|(_, mean)| !mean.is_finite()) {
            return Err(format!("the mean of channel {c} must be finite, it is {mean}"));
        }
        if let Some((c, deviation)) = deviation.iter().enumerate().find(|(_, s)| !(s.is_finite() && **s > 0.0)) {
            return Err(format!("the deviation of channel {c} must be positive and finite, it is {deviation}"));
        }
        let shape = self.shape.clone();
        self.push(Op::Standardise(Arc::new(Standardisation { mean, deviation })), shape);
        Ok(())
    }

    /// A number for each channel, from a list of these or of one number for all.
    fn per_channel(&self, name: &str, list: &[f64]) -> Result<Vec<f64>, String> {
        match (list, self.channels()) {
            ([one], n) => Ok(vec![*one; n]),
            (list, n) if list.len() == n => Ok(list.to_vec()),
            (list, 1) => Err(format!("{name} has {} numbers, expected 1 for 1 channel", list.len())),
            (list, n) => {
                let found = list.len();
                Err(format!("{name} has {found} numbers, expected 1 for all channels or {n}, one for each"))
            }
        }
    }

    /// A function of each number.
    pub(crate) fn pointwise(&mut self, activation: Activation) {
        if activation != Activation::Identity {
            let shape = self.shape.clone();
            self.push(Op::Pointwise(activation), shape);
        }
    }

    /// Branches joined.
    pub(crate) fn join(&mut self, branches: Vec<(Vec<Primitive>, Vec<usize>)>, join: Join) -> Result<(), String> {
        let (branches, outputs): (Vec<_>, Vec<_>) = branches.into_iter().unzip();
        let output = joined(&outputs, join)?;
        self.push(Op::Parallel { branches, join }, output);
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
