//! Where each weight lies in the flat parameter vector.

use crate::error::{ModelError, Result};
use crate::initialise::Initialiser;
use imnn_sim::Real;
use std::ops::Range;
use std::sync::Arc;

/// One array of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `layers/k/weight` or `layers/k/bias`, where k counts the layers that have weights, branch by branch.
    pub name: String,
    /// Shape: dense `(in, out)`; convolution `(*kernel, in, out)`; bias `(out,)`.
    pub shape: Vec<usize>,
    /// Where it begins in the flat vector.
    pub offset: usize,
    /// How it starts.
    pub initialiser: Initialiser,
    /// Number of inputs that reach one output, for the initialiser.
    pub fan_in: usize,
    /// Number of outputs that one input reaches, for the initialiser.
    pub fan_out: usize,
}

/// The named arrays of a network's parameters, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
    len: usize,
}

/// The weights of a network: one flat vector with a named layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters<E> {
    values: Vec<E>,
    layout: Arc<Layout>,
}

impl Entry {
    /// Number of weights.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part of the flat vector.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len()
    }
}

impl Layout {
    /// The arrays, in the order in which they lie.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Number of weights in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the network has no weights.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends the array `name` of layer `k` and returns its index; refuses sizes that no memory holds and initialisers
    /// that do not fit.
    pub(crate) fn push(
        &mut self,
        k: usize,
        name: &str,
        shape: Vec<usize>,
        initialiser: Initialiser,
        (fan_in, fan_out): (usize, usize),
    ) -> Result<usize, String> {
        let size = checked_size(&shape);
        let total = size.and_then(|size| self.len.checked_add(size)).filter(|&total| total <= MAX_NUMBERS);
        let (Some(size), Some(total)) = (size, total) else {
            return Err(format!("too many weights: {name} has the shape {shape:?}"));
        };
        initialiser.check(name, &shape, size)?;
        let name = format!("layers/{k}/{name}");
        self.entries.push(Entry { name, shape, offset: self.len, initialiser, fan_in, fan_out });
        self.len = total;
        Ok(self.entries.len() - 1)
    }
}

/// The most weights that a network may have, and numbers that it may make of a simulation in one layer: 2^40, beyond any
/// memory, and far from overflow in bytes.
pub(crate) const MAX_NUMBERS: usize = 1 << 40;

/// The number of elements of `shape`, unless it overflows.
pub(crate) fn checked_size(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n))
}

impl<E: Real> Parameters<E> {
    /// All weights zero.
    pub fn zeros(layout: Arc<Layout>) -> Self {
        Parameters { values: vec![E::zero(); layout.len()], layout }
    }

    /// These weights, in the order of `layout`.
    ///
    /// # Errors
    /// If the number of values is not the layout's.
    pub fn new(values: Vec<E>, layout: Arc<Layout>) -> Result<Self> {
        if values.len() != layout.len() {
            return Err(ModelError::Parameters {
                origin: "the parameter vector".into(),
                message: format!("it has {} values, the network has {}", values.len(), layout.len()),
            });
        }
        Ok(Parameters { values, layout })
    }

    /// All weights, flat.
    pub fn values(&self) -> &[E] {
        &self.values
    }

    /// All weights, flat, to be changed.
    pub fn values_mut(&mut self) -> &mut [E] {
        &mut self.values
    }

    /// The layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The weights of the array `index` of the layout.
    pub fn entry(&self, index: usize) -> &[E] {
        &self.values[self.layout.entries[index].range()]
    }

    /// The weights of the array called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&[E]> {
        let entry = self.layout.entries.iter().find(|e| e.name == name)?;
        Some(&self.values[entry.range()])
    }
}
