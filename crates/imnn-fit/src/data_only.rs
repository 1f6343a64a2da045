//! The data of simulations without summaries that stand behind them.

use imnn_data::{DataError, DatasetSpec, Given, Identity, Microbatch, Source};
use imnn_models::Element;
use imnn_sim::Key;
use std::ops::Range;

/// The data of a source alone, without summaries that stand behind them.
pub(crate) struct DataOnly<'a, E: Element> {
    source: &'a dyn Source<E>,
    spec: DatasetSpec,
}

impl<'a, E: Element> DataOnly<'a, E> {
    pub(crate) fn new(source: &'a dyn Source<E>) -> Self {
        let mut spec = source.spec().clone();
        if let Some(Given { data_shape, .. }) = spec.given.take() {
            spec.input_shape = data_shape;
        }
        DataOnly { source, spec }
    }
}

impl<E: Element> Source<E> for DataOnly<'_, E> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms()
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn identity(&self) -> Identity {
        match (self.source.identity(), &self.source.spec().given) {
            (identity, None) | (identity @ Identity::Unknown, _) => identity,
            (Identity::Constant(_), _) => Identity::constant(),
            (Identity::Keyed(_), _) => Identity::keyed(),
        }
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        self.source.read(rows, key, batch)?;
        let (len, width) = (self.spec.row_len(), self.source.spec().row_len());
        if len < width {
            for numbers in [&mut batch.values, &mut batch.derivatives] {
                let rows = numbers.len() / width;
                (0..rows).for_each(|row| numbers.copy_within(row * width..row * width + len, row * len));
                numbers.truncate(rows * len);
            }
        }
        Ok(())
    }
}
