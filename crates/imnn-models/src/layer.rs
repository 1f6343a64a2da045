//! Layers as descriptions: what a user writes, before any shape is known.

use crate::activation::Activation;
use crate::custom::{ErasedLayer, UserLayer};
use crate::network::Network;
use std::sync::Arc;

/// One layer of a [`Network`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// `y = x W + b` over the last axis.
    Dense(Dense),
    /// Convolution over one, two or three spatial axes.
    Conv(Conv),
    /// The largest value of each window.
    MaxPool(Window),
    /// The mean of each window, over the positions inside the data.
    AvgPool(Window),
    /// The largest value of each channel over all positions.
    GlobalMaxPool,
    /// The mean of each channel over all positions.
    GlobalAvgPool,
    /// One axis from all.
    Flatten,
    /// Another shape of the same size.
    Reshape(Vec<usize>),
    /// Branches that read the same input, joined.
    Parallel(Parallel),
    /// A function of each element.
    Activation(Activation),
    /// A layer of the user's own; see [`UserLayer`].
    Custom(Arc<dyn ErasedLayer>),
}

/// Settings of a dense layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Number of outputs.
    pub features: usize,
    /// How weights start; the default is [`Initialiser::GlorotNormal`].
    pub weight: Initialiser,
    /// How biases start; the default is normal with standard deviation 0.01.
    pub bias: Initialiser,
}

/// Settings of a convolution. Channels are the last axis; `y[o] = sum_k x[s o + k - low] W[k] + b`, the kernel is not
/// flipped.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Number of output channels.
    pub filters: usize,
    /// Kernel size along each spatial axis.
    pub kernel: Vec<usize>,
    /// Stride along each spatial axis; empty means 1 everywhere.
    pub strides: Vec<usize>,
    /// What lies beyond the edge.
    pub padding: Padding,
    /// How weights start; the default is [`Initialiser::GlorotNormal`].
    pub weight: Initialiser,
    /// How biases start; the default is normal with standard deviation 1e-6.
    pub bias: Initialiser,
}

/// Settings of a pooling layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Window size along each spatial axis.
    pub window: Vec<usize>,
    /// Stride along each spatial axis; empty means 1 everywhere.
    pub strides: Vec<usize>,
    /// What lies beyond the edge.
    pub padding: Padding,
}

/// Branches and how their outputs are joined. A branch without layers passes its input on: with [`Join::Sum`] that is a
/// residual connection.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// Each branch reads the same input.
    pub branches: Vec<Network>,
    /// How the outputs become one.
    pub join: Join,
}

/// What lies beyond the edge of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Output size `ceil(n / stride)`; zeros (for a pool: nothing) beyond the edge, `total / 2` of them before it.
    Same,
    /// Only windows inside the data.
    Valid,
    /// The data repeat, as on a periodic box; output size and offset as for [`Padding::Same`].
    Circular,
}

/// How the outputs of parallel branches become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Join {
    /// Along the last axis, in the order of the branches.
    Concat,
    /// Element by element.
    Sum,
}

/// The distribution of the initial weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initialiser {
    /// Normal, truncated at two standard deviations, of variance `2 / (fan_in + fan_out)` (Glorot & Bengio 2010, eq. 16).
    GlorotNormal,
    /// Uniform of variance `2 / (fan_in + fan_out)` (Glorot & Bengio 2010, eq. 16).
    GlorotUniform,
    /// Normal, truncated at two standard deviations, of variance `2 / fan_in` (He et al. 2015, eq. 10).
    HeNormal,
    /// Normal, truncated at two standard deviations, of variance `1 / fan_in`.
    LecunNormal,
    /// Normal of this standard deviation.
    Normal(f64),
    /// All the same.
    Constant(f64),
    /// These values, row-major.
    Values(Arc<[f64]>),
}

impl Initialiser {
    /// Whether it can fill an array of this shape; otherwise says why not.
    pub(crate) fn check(&self, name: &str, shape: &[usize], len: usize) -> Result<(), String> {
        match self {
            Initialiser::Normal(deviation) if !(deviation.is_finite() && *deviation >= 0.0) => {
                Err(format!("the standard deviation of {name} must be finite and not negative, it is {deviation}"))
            }
            Initialiser::Constant(value) if !value.is_finite() => {
                Err(format!("the constant of {name} must be finite, it is {value}"))
            }
            Initialiser::Values(values) if values.len() != len => Err(format!(
                "{} initial values were given for {name} of shape {shape:?}, which has {len}",
                values.len()
            )),
            Initialiser::Values(values) => match values.iter().position(|v| !v.is_finite()) {
                Some(at) => Err(format!("initial value {at} of {name} is {}", values[at])),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Dense {
    /// `features` outputs with the default initialisers.
    pub fn new(features: usize) -> Self {
        Dense { features, weight: Initialiser::GlorotNormal, bias: Initialiser::Normal(0.01) }
    }
}

impl Conv {
    /// `filters` output channels with the default initialisers.
    pub fn new(filters: usize, kernel: &[usize], strides: &[usize], padding: Padding) -> Self {
        Conv {
            filters,
            kernel: kernel.to_vec(),
            strides: strides.to_vec(),
            padding,
            weight: Initialiser::GlorotNormal,
            bias: Initialiser::Normal(1e-6),
        }
    }
}

/// A dense layer of `features` outputs.
pub fn dense(features: usize) -> Layer {
    Layer::Dense(Dense::new(features))
}

/// A convolution with `filters` output channels; one kernel and stride entry per spatial axis.
///
/// ```
/// use imnn_models::{conv, Padding};
/// let layer = conv(8, &[3, 3], &[2, 2], Padding::Same);
/// # let _ = layer;
/// ```
pub fn conv(filters: usize, kernel: &[usize], strides: &[usize], padding: Padding) -> Layer {
    Layer::Conv(Conv::new(filters, kernel, strides, padding))
}

/// A max-pool.
pub fn max_pool(window: &[usize], strides: &[usize], padding: Padding) -> Layer {
    Layer::MaxPool(Window { window: window.to_vec(), strides: strides.to_vec(), padding })
}

/// An average pool.
pub fn avg_pool(window: &[usize], strides: &[usize], padding: Padding) -> Layer {
    Layer::AvgPool(Window { window: window.to_vec(), strides: strides.to_vec(), padding })
}

/// The maximum over all positions, one number per channel.
pub fn global_max_pool() -> Layer {
    Layer::GlobalMaxPool
}

/// The mean over all positions, one number per channel.
pub fn global_avg_pool() -> Layer {
    Layer::GlobalAvgPool
}

/// One axis from all.
pub fn flatten() -> Layer {
    Layer::Flatten
}

/// Another shape of the same size.
pub fn reshape(shape: &[usize]) -> Layer {
    Layer::Reshape(shape.to_vec())
}

/// Branches joined along the last axis, as in an inception block.
pub fn concat<const N: usize>(branches: [Network; N]) -> Layer {
    Layer::Parallel(Parallel { branches: branches.into(), join: Join::Concat })
}

/// Branches added up.
pub fn sum<const N: usize>(branches: [Network; N]) -> Layer {
    Layer::Parallel(Parallel { branches: branches.into(), join: Join::Sum })
}

/// `x + f(x)`: a residual connection around the layers `f`.
pub fn residual(layers: Network) -> Layer {
    sum([Network { layers: vec![] }, layers])
}

/// A layer of the user's own.
pub fn custom(layer: impl UserLayer) -> Layer {
    Layer::Custom(Arc::new(layer))
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        Layer::Activation(activation)
    }
}

macro_rules! activations {
    ($($function:ident $variant:ident),* $(,)?) => { $(
        #[doc = concat!("The activation [`Activation::", stringify!($variant), "`].")]
        pub fn $function() -> Layer {
            Layer::Activation(Activation::$variant)
        }
    )* };
}

activations!(
    relu Relu, leaky_relu LeakyRelu, tanh Tanh, sigmoid Sigmoid, softplus Softplus, elu Elu, gelu Gelu, selu Selu,
    exp Exp, asinh Asinh, log1p Log1p, identity Identity,
);

impl Layer {
    /// The name in run files and error messages.
    pub fn name(&self) -> &str {
        match self {
            Layer::Dense(_) => "dense",
            Layer::Conv(_) => "conv",
            Layer::MaxPool(_) => "max_pool",
            Layer::AvgPool(_) => "avg_pool",
            Layer::GlobalMaxPool => "global_max_pool",
            Layer::GlobalAvgPool => "global_avg_pool",
            Layer::Flatten => "flatten",
            Layer::Reshape(_) => "reshape",
            Layer::Parallel(_) => "parallel",
            Layer::Activation(activation) => activation.name(),
            Layer::Custom(layer) => layer.name(),
        }
    }
}
