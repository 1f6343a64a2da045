//! The Fisher statistics of simulations.

use crate::error::Result;
use imnn_data::Source;
use imnn_device::{Session, Task};
use imnn_models::{Element, Parameters};
use imnn_sim::Key;
use imnn_stats::Statistics;

/// The statistics of the summaries of all simulations of a source.
pub(crate) fn measure<E: Element>(
    session: &mut dyn Session<E>,
    parameters: &Parameters<E>,
    source: &dyn Source<E>,
    key: Key,
) -> Result<Statistics> {
    let summaries = session.forward(&Task { weights: parameters.values(), source, key }, false)?;
    Ok(Statistics::new(summaries.x.view(), summaries.dx.view())?)
}
