//! Whole iterations as commands.

use super::evaluation::Evaluation;
use super::layout::Layout;
use crate::commands::kernels::Limit;
use crate::commands::{Backend, Command, Kernel, Span};
use crate::error::{DeviceError, Result};
use crate::lower::{WeightSpans, derive, fold};
use imnn_engine::Plan;
use imnn_models::{Clip, DeviceUpdate};

/// Parts of the sums that the norm of a gradient is made of.
const PARTS: usize = 128;

/// The sequences of an iteration.
#[derive(Clone, Copy)]
pub(crate) struct Iteration {
    /// All of it.
    pub(super) whole: usize,
    /// What comes after the forward passes.
    pub(super) rest: usize,
    /// What comes after the backward passes.
    pub(super) finish: usize,
}

impl Iteration {
    /// Prepares the sequences for a layout with its evaluation, ending with an update.
    pub(crate) fn new<E, B: Backend>(
        backend: &mut B,
        layout: &mut Layout,
        evaluation: &Evaluation,
        (plan, weights): (&Plan<E>, &WeightSpans),
        update: &[Command],
    ) -> Result<Self> {
        let [forward, backward] = &layout.commands;
        let finish = [fold(plan, weights), update.to_vec(), derive(plan, weights)].concat();
        let backward = backward.iter().rev().flatten().cloned();
        let rest = evaluation.commands.iter().cloned().chain([Command::Zero(weights.gradient)]);
        let rest: Vec<Command> = rest.chain(backward).chain(finish.iter().cloned()).collect();
        let whole: Vec<Command> = forward.iter().flatten().chain(&rest).cloned().collect();
        let [whole, rest, finish] = [whole, rest, finish].map(|commands| layout.training.prepare(backend, commands));
        Ok(Iteration { whole: whole?, rest: rest?, finish: finish? })
    }
}

/// Where an update finds and leaves its numbers.
pub(super) struct UpdateSpans<'a> {
    /// Doubles, of which the first says whether there is a loss.
    pub(super) status: Span,
    pub(super) coefficients: Span,
    /// Doubles: the limit on the gradient, the factor that keeps it, and the sums of its norm ([`N_LIMIT`] numbers).
    pub(super) limit: Span,
    /// So many numbers as there are weights: gradient, weights before the update, weights.
    pub(super) gradient: Span,
    pub(super) previous: Span,
    pub(super) weights: Span,
    /// The optimiser's memory, vector by vector.
    pub(super) slots: &'a [Span],
}

/// Doubles that the limit on a gradient needs.
pub(super) const N_LIMIT: usize = 2 + 2 * PARTS;

/// One update.
///
/// # Errors
/// If there is no kernel for the limit on the gradient.
pub(super) fn update(optimiser: &DeviceUpdate, spans: UpdateSpans<'_>) -> Result<Vec<Command>> {
    let (n, limits) = (spans.weights.len, spans.limit.part(0..2));
    let mut commands = Vec::new();
    let gradient = spans.gradient;
    let limit = match optimiser.clip {
        None => Limit::None,
        Some(Clip::Norm(_)) => {
            let per_part = n.div_ceil(PARTS).max(1);
            let parts = n.div_ceil(per_part);
            let [largest, squares] = [2..2 + parts, 2 + parts..2 + 2 * parts].map(|range| spans.limit.part(range));
            let over_parts = |name| Kernel::new(name).numbers([gradient]).counts([n, per_part]);
            over_parts("largest_parts").doubles([largest]).launch(parts, &mut commands);
            over_parts("square_parts").doubles([largest, squares]).launch(parts, &mut commands);
            let kernel = Kernel::new("norm_limit").doubles([largest, squares]).counts([parts]);
            kernel.doubles([limits]).launch(1, &mut commands);
            Limit::Norm
        }
        Some(Clip::Value(_)) => Limit::Value,
        Some(_) => return Err(DeviceError::Internal { what: "a limit on the gradient has no kernel" }),
    };
    let kernel = Kernel::new(optimiser.kernel).doubles([spans.status]).numbers([spans.coefficients]);
    let kernel = kernel.counts([limit as usize]).doubles([limits]);
    let kernel = kernel.numbers([gradient, spans.previous, spans.weights]);
    let kernel = spans.slots.iter().fold(kernel, |kernel, &slot| kernel.numbers([slot]));
    kernel.launch(n, &mut commands);
    Ok(commands)
}
