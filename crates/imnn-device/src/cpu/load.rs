//! How much of a task each of several processes has.

use super::team::{Own, share_out};
use crate::error::Result;
use crate::microbatches::microbatch_size;
use crate::reduce::within;
use crate::shape::Shape;
use imnn_data::Source;
use imnn_models::{Element, Model};

/// What one of several processes that train together does in every pass, in numbers: what a forecast of their time needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Rows through the network: a simulation, and one for each of its tangents or of its simulations below and above.
    pub rows: usize,
    /// The pieces of work of the forward pass. A thread takes whole ones.
    pub microbatches: usize,
    /// The pieces of work of the backward pass.
    pub chunks: usize,
    /// Sums of gradients that it sends.
    pub sums: usize,
}

/// The load of each of so many ranks, with the simulations of `source`; one process alone is one rank.
///
/// # Errors
/// If network and simulations do not belong together.
pub fn loads<E: Element>(model: &Model, source: &dyn Source<E>, ranks: usize) -> Result<Vec<Load>> {
    let shape = Shape::of(model, source, microbatch_size(model))?;
    let load = |own: Own| Load {
        rows: own.microbatches.clone().map(|k| shape.rows(k).total()).sum(),
        microbatches: own.microbatches.len(),
        chunks: own.chunks.len(),
        sums: within(&own.chunks, shape.microbatches.n_chunks()).len(),
    };
    Ok(share_out(&shape, ranks.max(1)).into_iter().map(load).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::OnTheFly;
    use imnn_models::{dense, serial};
    use imnn_sim::GaussianMeanVariance;

    #[test]
    fn all_rows_are_somebodys() {
        let model = Model::new(serial([dense(8), dense(2)]), &[10]).unwrap();
        let source = OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 1000, 500).unwrap();
        let loads = |ranks| loads::<f32>(&model, &source, ranks).unwrap();
        // 500 simulations with two tangents each, 500 without, in two times eight microbatches.
        assert_eq!(loads(1), [Load { rows: 2000, microbatches: 16, chunks: 8, sums: 1 }]);
        for ranks in [2, 3, 7, 100] {
            let all = loads(ranks);
            assert_eq!(all.len(), ranks);
            let sum = |of: fn(&Load) -> usize| all.iter().map(of).sum::<usize>();
            assert_eq!((sum(|load| load.rows), sum(|load| load.microbatches)), (2000, 16), "{ranks}");
            assert!(all.iter().all(|load| load.rows <= 2000 / ranks + 2 * 3 * 63), "{all:?}");
        }
    }
}
