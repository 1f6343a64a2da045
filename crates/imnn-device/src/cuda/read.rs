//! Reading and simulating on all threads of the host, while the card is at work.

use crate::device::Task;
use crate::error::Result;
use crate::shape::Shape;
use imnn_data::Microbatch;
use imnn_models::Element;
use rayon::prelude::*;

/// Simulations that a thread reads at a time.
const PIECE: usize = 16;

/// How often `meanwhile` is called at most.
const CALLS: usize = 64;

/// Writes the rows of batch `k`, of which there are as many as `to` holds: its simulations, then the tangent rows of each,
/// simulation by simulation. Now and then `meanwhile` is called.
///
/// # Errors
/// If simulations cannot be read, or the source gives other numbers than it promised.
pub(crate) fn read<E: Element>(
    task: &Task<'_, E>,
    shape: &Shape,
    k: usize,
    to: &mut [E],
    meanwhile: &(impl Fn() + Sync),
) -> Result<()> {
    let (rows, tangent_rows, input) = (shape.microbatches.rows(k), shape.tangent_rows(k), shape.input);
    let every = rows.len().div_ceil(PIECE).div_ceil(CALLS).max(1);
    let (values, others) = to.split_at_mut(rows.len() * input);
    let piece = |microbatch: &mut Microbatch<E>, number: usize, values: &mut [E], others: &mut [E]| {
        if number.is_multiple_of(every) {
            meanwhile();
        }
        let start = rows.start + number * PIECE;
        let rows = start..(start + PIECE).min(rows.end);
        shape.read(task, rows, tangent_rows, microbatch)?;
        values.copy_from_slice(&microbatch.values);
        others.copy_from_slice(&microbatch.derivatives);
        Ok(())
    };
    let values = values.par_chunks_mut(PIECE * input.max(1)).enumerate();
    if tangent_rows == 0 {
        return values.try_for_each_init(Microbatch::new, |microbatch, (number, values)| {
            piece(microbatch, number, values, &mut [])
        });
    }
    values
        .zip(others.par_chunks_mut(PIECE * tangent_rows * input.max(1)))
        .try_for_each_init(Microbatch::new, |microbatch, ((number, values), others)| {
            piece(microbatch, number, values, others)
        })
}
