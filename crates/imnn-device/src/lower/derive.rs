//! Weights of composed layers as commands: from those of the network before the first batch, and their gradients back after
//! the last one; see [`Composed`].

use super::{Command, Kernel, Span};
use imnn_engine::Plan;
use imnn_engine::plan::Composed;
use std::ops::Range;

/// Where weights and gradients lie: those of the network, then those of composed layers.
#[derive(Clone, Debug)]
pub(crate) struct WeightSpans {
    pub(crate) weights: Span,
    pub(crate) gradient: Span,
    /// The taps of each composed layer.
    pub(crate) taps: Vec<Span>,
}

/// Numbers of weights, or of gradients, of the network and of composed layers.
pub(crate) fn n_weights<E>(plan: &Plan<E>) -> usize {
    // Composed weights come first among those derived, each with its taps last; what is behind them are transposes, which
    // a card does not need.
    plan.n_weights + plan.composed.last().map_or(0, |composed| composed.taps.end)
}

/// The taps of each composed layer, to be put on the card.
pub(crate) fn taps<E>(plan: &Plan<E>) -> impl Iterator<Item = &[u32]> {
    plan.composed.iter().map(|composed| &composed.windows.taps[..])
}

/// Works out the weights of composed layers.
pub(crate) fn derive<E>(plan: &Plan<E>, spans: &WeightSpans) -> Vec<Command> {
    let mut commands = Vec::new();
    for (composed, &taps) in plan.composed.iter().zip(&spans.taps) {
        let Places { weight, bias, through, w1, b1, w2, b2 } = Places::of(composed, spans.weights, plan.n_weights);
        let ([c, f, g], n_taps) = (composed.channels, composed.windows.n_taps);
        let kernel = Kernel::new("compose").numbers([w1, b1, w2]).counts([c, f, g]).numbers([weight, through]);
        kernel.launch(n_taps * (c + 1) * g, &mut commands);
        let kernel = Kernel::new("compose_bias").numbers([b2, through]).indices([taps]).counts([n_taps, g]);
        kernel.numbers([bias]).launch(bias.len, &mut commands);
    }
    commands
}

/// Adds to the gradient of the network's weights what that of composed layers implies.
pub(crate) fn fold<E>(plan: &Plan<E>, spans: &WeightSpans) -> Vec<Command> {
    let mut commands = Vec::new();
    for (composed, &taps) in plan.composed.iter().zip(&spans.taps) {
        let own = Places::of(composed, spans.weights, plan.n_weights);
        let Places { weight, bias, through, w1, b1, w2, b2 } = Places::of(composed, spans.gradient, plan.n_weights);
        let ([c, f, g], n_taps) = (composed.channels, composed.windows.n_taps);
        let kernel = Kernel::new("fold_bias").numbers([bias]).indices([taps]).counts([bias.len / g, n_taps, g]);
        kernel.numbers([through, b2]).launch((n_taps + 1) * g, &mut commands);
        let kernel = Kernel::new("fold_first").numbers([weight, through, own.w2]).counts([c, f, g, n_taps]);
        kernel.numbers([w1, b1]).launch((c + 1) * f, &mut commands);
        let kernel = Kernel::new("fold_second").numbers([weight, through, own.w1, own.b1]).counts([c, f, g]);
        kernel.numbers([w2]).launch(w2.len, &mut commands);
    }
    commands
}

/// The weights of a composition, or their gradients.
struct Places {
    weight: Span,
    bias: Span,
    /// `b1 W2`; in the gradient, h.
    through: Span,
    w1: Span,
    b1: Span,
    w2: Span,
    b2: Span,
}

impl Places {
    fn of(composed: &Composed, all: Span, n_weights: usize) -> Self {
        let own = |range: &Range<usize>| all.part(range.clone());
        let derived = |range: &Range<usize>| all.from(n_weights).part(range.clone());
        Places {
            weight: derived(&composed.weight),
            bias: derived(&composed.bias),
            through: derived(&composed.taps),
            w1: own(&composed.first.weight),
            b1: own(&composed.first.bias),
            w2: own(&composed.second.weight),
            b2: own(&composed.second.bias),
        }
    }
}
