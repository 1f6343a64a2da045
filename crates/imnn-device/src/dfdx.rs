//! Networks run by their definition on dfdx.

use crate::error::Result;
use crate::program::{Kept, LeafCotangents, Program, Rows};
use imnn_models::{Batch, Element, Model, Output};

/// A network that keeps its inputs only: the backward pass runs the forward pass again, on the tape of dfdx.
pub(crate) struct DfdxProgram(Model);

impl DfdxProgram {
    pub(crate) fn new(model: &Model) -> Self {
        DfdxProgram(model.clone())
    }

    /// The input as dfdx takes it: values and tangents apart.
    fn batch<'a, E>(&self, rows: Rows, kept: &'a Kept<E>) -> Batch<'a, E> {
        let size = self.0.input_size();
        let (values, tangents) = kept.numbers[..rows.total() * size].split_at(rows.n * size);
        Batch { n: rows.n, values, tangents }
    }
}

impl<E: Element> Program<E> for DfdxProgram {
    fn kept(&self, rows: Rows) -> (usize, usize) {
        (rows.total() * self.0.input_size(), 0)
    }

    fn scratch(&self, _: Rows) -> usize {
        0
    }

    fn gradient(&self) -> usize {
        self.0.layout().len()
    }

    fn load(&mut self, _: &[E]) {}

    fn forward(&self, weights: &[E], rows: Rows, kept: &mut Kept<E>, _: &mut [E], summaries: &mut [E]) -> Result<()> {
        let output = imnn_models::forward(&self.0, weights, &self.batch(rows, kept))?;
        let (values, tangents) = summaries.split_at_mut(output.values.len());
        values.copy_from_slice(&output.values);
        tangents.copy_from_slice(&output.tangents);
        Ok(())
    }

    fn backward(
        &self,
        weights: &[E],
        rows: Rows,
        kept: &Kept<E>,
        cotangents: LeafCotangents<'_, E>,
        _: &mut [E],
        gradient: &mut [E],
    ) -> Result<()> {
        let cotangents = Output { values: cotangents.values.to_vec(), tangents: cotangents.tangents.repeat(rows.n) };
        Ok(imnn_models::backward(&self.0, weights, &self.batch(rows, kept), &cotangents, gradient)?)
    }

    fn finish(&self, _: &[E], _: &mut [E]) {}
}
