//! Conditional autoregressive transforms, one after the other: from u to z and back.
//!
//! ```text
//! u^0 = y,   v = u^{t-1}[p_t],   u^t_i = f(v_i; o_i(v_1, ..., v_{i-1}, c)),   z = u^T
//! ln q(y | c) = sum_t sum_i ln |du^t_i/dv_i| + ln N(z; 0, I)
//! ```

mod initialise;
mod inverse;
pub(crate) mod layout;
mod network;
mod passes;

pub(crate) use passes::Workspace;

use crate::architecture::Architecture;
use crate::bijection::Map;
use crate::error::{FlowError, Result};
use imnn_compute::Number;
use imnn_sim::Key;
use layout::Layout;
use std::sync::Arc;

/// The transforms of a flow: shape, permutations and weights, in the flow's own coordinates (mean 0, standard deviation 1).
///
/// The weights of each transform are its layers in order, each a matrix `(units, 1 + inputs)`, row-major: first the bias,
/// then, in the first layer, those of c and of u_1, ..., u_{D-1}. Hidden units are sorted by degree. The rows of the last
/// layer are the parameters of dimension 1, then of dimension 2, ...
#[derive(Clone, Debug, PartialEq)]
pub struct Transforms<E> {
    architecture: Architecture,
    layout: Arc<Layout>,
    permutations: Vec<Vec<usize>>,
    weights: Vec<E>,
}

impl<E: Number> Transforms<E> {
    /// Transforms of `dims` dimensions given `context` conditions, before training: the identity up to the order
    /// of dimensions, so that q = N(0, I).
    ///
    /// Hidden layers start uniform within ±1/sqrt(fan in), where the fan in counts what the mask lets through; the last
    /// layer starts at 0. The order of dimensions is reversed in transforms 2, 4, ... and drawn from the key in 3, 5, ...,
    /// so that every pair of dimensions occurs in both orders, whatever the key.
    ///
    /// # Errors
    /// [`FlowError::Setting`] for a setting out of range.
    pub fn new(architecture: &Architecture, dims: usize, context: usize, key: Key) -> Result<Self> {
        architecture.check(dims, context)?;
        let layout = Arc::new(layout(architecture, dims, context));
        let [weights, permutations] = key.split();
        Ok(Transforms {
            architecture: architecture.clone(),
            permutations: initialise::permutations(architecture.transforms, dims, permutations),
            weights: initialise::weights(&layout, architecture.transforms, weights),
            layout,
        })
    }

    /// Transforms with these permutations and weights, as [`Transforms::permutations`] and [`Transforms::weights`] give
    /// them. Weights that the mask forbids must be 0.
    ///
    /// # Errors
    /// [`FlowError`] saying what does not fit.
    pub fn from_parts(
        architecture: &Architecture,
        dims: usize,
        context: usize,
        permutations: Vec<Vec<usize>>,
        weights: Vec<E>,
    ) -> Result<Self> {
        architecture.check(dims, context)?;
        let layout = Arc::new(layout(architecture, dims, context));
        let refuse = |message: String| Err(FlowError::Parts(message));
        let n = architecture.transforms;
        if permutations.len() != n {
            return refuse(format!("there are {} permutations for {n} transforms", permutations.len()));
        }
        for permutation in &permutations {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..dims) {
                return refuse(format!("{permutation:?} is not a permutation of 0 to {}", dims - 1));
            }
        }
        if weights.len() != n * layout.len {
            return refuse(format!("there are {} weights, expected {}", weights.len(), n * layout.len));
        }
        if let Some(at) = weights.iter().position(|weight| !weight.is_finite()) {
            return refuse(format!("weight {at} is {}; weights must be finite", weights[at]));
        }
        let transforms = Transforms { architecture: architecture.clone(), layout, permutations, weights };
        if !transforms.allows(&transforms.weights) {
            return refuse("a weight that the mask of the flow forbids is not 0".into());
        }
        Ok(transforms)
    }

    /// Whether these are weights of such transforms, 0 where the mask forbids others.
    pub(crate) fn allows(&self, weights: &[E]) -> bool {
        let allowed = |transform: &[E]| {
            self.layout.layers.iter().all(|layer| {
                layer.blocks.iter().all(|block| {
                    block.rows.clone().all(|row| {
                        let row = &transform[layer.range()][row * layer.cols..][block.cols..layer.cols];
                        row.iter().all(|weight| *weight == E::zero())
                    })
                })
            })
        };
        weights.len() == self.weights.len() && weights.chunks_exact(self.layout.len).all(allowed)
    }

    /// What the transforms are made of.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Number of dimensions D of y.
    pub fn dims(&self) -> usize {
        self.layout.dims
    }

    /// Number of conditions q in c.
    pub fn context(&self) -> usize {
        self.layout.context
    }

    /// For each transform, which dimension of its input comes first, second, ...
    pub fn permutations(&self) -> &[Vec<usize>] {
        &self.permutations
    }

    /// All weights, a transform after the other.
    pub fn weights(&self) -> &[E] {
        &self.weights
    }

    /// All weights, to be changed by an optimiser, whose gradient is 0 where the mask forbids.
    pub(crate) fn weights_mut(&mut self) -> &mut [E] {
        &mut self.weights
    }

    /// Shape `(rows, 1 + inputs)` of each layer of a transform's network.
    pub fn layer_shapes(&self) -> Vec<(usize, usize)> {
        self.layout.layers.iter().map(|layer| (layer.rows, layer.cols)).collect()
    }

    /// The same transforms in another precision; `None` where a weight is too large for it.
    pub fn cast<F: Number>(&self) -> Option<Transforms<F>> {
        let weights: Vec<F> = self.weights.iter().map(|weight| F::of(weight.f64())).collect();
        weights.iter().all(|weight| weight.is_finite()).then(|| Transforms {
            architecture: self.architecture.clone(),
            layout: self.layout.clone(),
            permutations: self.permutations.clone(),
            weights,
        })
    }

    fn map(&self) -> Map<E> {
        Map::new(self.architecture.bijection)
    }
}

/// Shape `(rows, 1 + inputs)` of each layer of a transform's network, without making one.
pub(crate) fn layer_shapes(architecture: &Architecture, dims: usize, context: usize) -> Vec<(usize, usize)> {
    layout(architecture, dims, context).layers.iter().map(|layer| (layer.rows, layer.cols)).collect()
}

fn layout(architecture: &Architecture, dims: usize, context: usize) -> Layout {
    Layout::new(dims, context, &architecture.hidden, architecture.bijection.n_parameters())
}
