//! Whole iterations as commands.

use super::evaluation::Evaluation;
use super::layout::Layout;
use crate::commands::kernels::Limit;
use crate::commands::{Argument, Backend, Command, Span, count, launch};
use crate::error::{DeviceError, Result};
use crate::lower::{WeightSpans, derive, fold};
use imnn_engine::Plan;
use imnn_models::{Clip, DeviceUpdate};

/// Parts of the sums that the norm of a gradient is made of.
const PARTS: usize = 128;

/// The sequences of an iteration.
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
    /// Doubles: the limit on the gradient, the factor that keeps it, and the sums of its norm ([`n_limit`] numbers).
    pub(super) limit: Span,
    /// So many numbers as there are weights: gradient, weights before the update, weights.
    pub(super) gradient: Span,
    pub(super) previous: Span,
    pub(super) weights: Span,
    /// The optimiser's memory, vector by vector.
    pub(super) slots: &'a [Span],
}

/// Doubles that the limit on a gradient needs.
pub(super) fn n_limit() -> usize {
    2 + 2 * PARTS
}

/// One update.
///
/// # Errors
/// If there is no kernel for the limit on the gradient.
pub(super) fn update(optimiser: &DeviceUpdate, spans: UpdateSpans<'_>) -> Result<Vec<Command>> {
    let n = spans.weights.len;
    let mut commands = Vec::new();
    let gradient = Argument::Numbers(spans.gradient);
    let limit = match optimiser.clip {
        None => Limit::None,
        Some(Clip::Norm(_)) => {
            let parts = n.div_ceil(n.div_ceil(PARTS).max(1));
            let [largest, squares] = [2..2 + parts, 2 + parts..2 + 2 * parts].map(|range| spans.limit.part(range));
            let [largest, squares] = [largest, squares].map(Argument::Doubles);
            let cut = [count(n), count(n.div_ceil(PARTS).max(1))];
            launch(&mut commands, "largest_parts", parts, &[gradient, cut[0], cut[1], largest]);
            launch(&mut commands, "square_parts", parts, &[gradient, cut[0], cut[1], largest, squares]);
            let limit = Argument::Doubles(spans.limit.part(0..2));
            launch(&mut commands, "norm_limit", 1, &[largest, squares, count(parts), limit]);
            Limit::Norm
        }
        Some(Clip::Value(_)) => Limit::Value,
        Some(_) => return Err(DeviceError::Internal { what: "a limit on the gradient has no kernel" }),
    };
    let mut arguments = vec![
        Argument::Doubles(spans.status),
        Argument::Numbers(spans.coefficients),
        count(limit as usize),
        Argument::Doubles(spans.limit.part(0..2)),
        gradient,
        Argument::Numbers(spans.previous),
        Argument::Numbers(spans.weights),
    ];
    arguments.extend(spans.slots.iter().copied().map(Argument::Numbers));
    launch(&mut commands, optimiser.kernel, n, &arguments);
    Ok(commands)
}
