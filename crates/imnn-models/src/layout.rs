//! Where each weight lies in the flat parameter vector.

use crate::error::{ModelError, Result};
use crate::layer::Initialiser;
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

    /// Appends an array and returns its index.
    pub(crate) fn push(
        &mut self,
        name: String,
        shape: Vec<usize>,
        initialiser: Initialiser,
        (fan_in, fan_out): (usize, usize),
    ) -> usize {
        let entry = Entry { name, shape, offset: self.len, initialiser, fan_in, fan_out };
        self.len += entry.len();
        self.entries.push(entry);
        self.entries.len() - 1
    }
}

impl<E: Real> Parameters<E> {
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
