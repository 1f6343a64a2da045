//! How the layers of a network become primitives: shapes, weights and operations, layer by layer.

use crate::error::{ModelError, Result};
use crate::initialise::Initialiser;
use crate::layout::{Layout, MAX_NUMBERS, checked_size};
use crate::primitive::{Affine, Op, Primitive, Shape};
use crate::user_layer::ParameterSpec;
use crate::windows::{Padding, Windows};
use std::ops::Range;
use std::sync::Arc;

/// A network half built: the shape of the data at this point, and the weights and primitives so far.
#[derive(Default)]
pub(crate) struct Builder {
    pub(crate) layout: Layout,
    n_weighted: usize,
    /// Numbers that the layers make of one simulation, gathered windows included.
    pub(crate) n_activations: usize,
    pub(crate) primitives: Vec<Primitive>,
    /// The axes of one simulation at this point.
    pub(crate) shape: Vec<usize>,
    /// The layer being built: its position, such as `layers[3]`, and its position and name.
    path: String,
    label: Arc<str>,
}

/// Why a layer cannot be built.
pub(crate) enum BuildError {
    /// The layer cannot take the shape that reaches it, for this reason.
    Reason(String),
    /// A layer inside it cannot.
    Inner(ModelError),
}

impl From<String> for BuildError {
    fn from(reason: String) -> Self {
        BuildError::Reason(reason)
    }
}

impl From<&str> for BuildError {
    fn from(reason: &str) -> Self {
        BuildError::Reason(reason.into())
    }
}

impl From<ModelError> for BuildError {
    fn from(error: ModelError) -> Self {
        BuildError::Inner(error)
    }
}

impl Builder {
    /// Nothing yet, for data of these axes.
    pub(crate) fn new(shape: &[usize]) -> Self {
        Builder { shape: shape.to_vec(), ..Builder::default() }
    }

    /// One layer of this name at `path`, such as `layers[3]`.
    pub(crate) fn layer(
        &mut self,
        path: String,
        name: &str,
        build: impl FnOnce(&mut Self) -> Result<(), BuildError>,
    ) -> Result<()> {
        let (label, input) = (format!("{path} ({name})"), self.shape.clone());
        (self.path, self.label) = (path, label.clone().into());
        let size = build(self).and_then(|()| {
            let too_large = || BuildError::Reason(format!("its output of shape {:?} is too large", self.shape));
            checked_size(&self.shape).filter(|&size| size <= MAX_NUMBERS).ok_or_else(too_large)
        });
        let size = size.map_err(|error| match error {
            BuildError::Reason(reason) => ModelError::Shape { layer: label, input, reason },
            BuildError::Inner(error) => error,
        })?;
        self.n_activations = self.n_activations.saturating_add(size);
        Ok(())
    }

    /// Layers of their own from the data as they are at this point: their primitives and the axes in which they end. `list`
    /// is where the layer lists them, such as `branches[1]`; `build` gets the whole path of that.
    pub(crate) fn branch(
        &mut self,
        list: &str,
        build: impl FnOnce(&mut Self, &str) -> Result<()>,
    ) -> Result<(Vec<Primitive>, Vec<usize>)> {
        let (path, label, input) = (self.path.clone(), self.label.clone(), self.shape.clone());
        let before = std::mem::take(&mut self.primitives);
        build(self, &format!("{path}.{list}"))?;
        (self.path, self.label) = (path, label);
        Ok((std::mem::replace(&mut self.primitives, before), std::mem::replace(&mut self.shape, input)))
    }

    /// The number of channels: the last axis.
    pub(crate) fn channels(&self) -> usize {
        Shape::of(&self.shape).channels
    }

    /// The numbers of a simulation.
    pub(crate) fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The axes before the channels; layers with windows need one to three of them.
    pub(crate) fn spatial(&self) -> Result<&[usize], String> {
        match &self.shape[..] {
            [spatial @ .., _] if (1..=3).contains(&spatial.len()) => Ok(spatial),
            shape => Err(format!(
                "it needs one to three spatial axes and then channels, such as [64, 64, 1]; if the data are {shape:?} with \
                 one channel, give them the input shape {:?}",
                shape.iter().copied().chain([1]).collect::<Vec<_>>()
            )),
        }
    }

    pub(crate) fn windows(
        &self,
        kernel: &[usize],
        strides: &[usize],
        padding: Padding,
    ) -> Result<Arc<Windows>, String> {
        Ok(Arc::new(Windows::new(self.spatial()?, kernel, strides, padding)?))
    }

    pub(crate) fn global_window(&self) -> Result<Arc<Windows>, String> {
        Ok(Arc::new(Windows::global(self.spatial()?)?))
    }

    /// The next weight, of this shape with the outputs last, and its bias; fans are those of one tap times the number of
    /// taps.
    pub(crate) fn weights(
        &mut self,
        shape: Vec<usize>,
        n_taps: usize,
        weight: &Initialiser,
        bias: &Initialiser,
    ) -> Result<Affine, String> {
        let k = self.n_weighted;
        self.n_weighted += 1;
        let n_out = shape[shape.len() - 1];
        let fans = (shape[shape.len() - 2].saturating_mul(n_taps), n_out.saturating_mul(n_taps));
        let weight = self.layout.push(k, "weight", shape, weight.clone(), fans)?;
        let bias = self.layout.push(k, "bias", vec![n_out], bias.clone(), fans)?;
        let range = |index: usize| self.layout.entries()[index].range();
        Ok(Affine { weight: range(weight), bias: range(bias) })
    }

    /// Weights of the user's own; the answer is their range in [`Layout::entries`].
    pub(crate) fn own_weights(&mut self, weights: Vec<ParameterSpec>) -> Result<Range<usize>, String> {
        let (k, first) = (self.n_weighted, self.layout.entries().len());
        self.n_weighted += usize::from(!weights.is_empty());
        for spec in weights {
            self.layout.push(k, &spec.name, spec.shape, spec.initialiser, (spec.fan_in, spec.fan_out))?;
        }
        Ok(first..self.layout.entries().len())
    }

    /// The same numbers in other axes of the same size.
    pub(crate) fn reshape(&mut self, shape: Vec<usize>) -> Result<(), String> {
        let from = self.size();
        match checked_size(&shape) {
            _ if shape.is_empty() => return Err("the shape needs at least one axis".into()),
            Some(to) if to == from => {}
            Some(to) => return Err(format!("the shape {shape:?} has {to} elements, the data have {from}")),
            None => return Err(format!("the shape {shape:?} is too large")),
        }
        self.shape = shape;
        Ok(())
    }

    /// An operation whose output has the axes `output`.
    pub(crate) fn push(&mut self, op: Op, output: Vec<usize>) {
        let (from, to) = (Shape::of(&self.shape), Shape::of(&output));
        self.primitives.push(Primitive { op, input: from, output: to, label: self.label.clone() });
        self.shape = output;
    }
}
