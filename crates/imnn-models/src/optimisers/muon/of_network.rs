//! Muon for the parameters of one network.

use super::Muon;
use super::matrices::{Matrix, hidden};
use super::newton_schulz::NewtonSchulz;
use crate::model::Model;
use crate::optimisers::listed::Listed;
use crate::optimisers::{Optimiser, OptimiserState};
use imnn_compute::Number;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Liu et al. 2025, eq. 4: the root mean square of a step of Adam over its rate.
const RMS: f64 = 0.2;

/// Muon that knows which parameters are matrices.
pub(super) struct OfNetwork<E> {
    muon: Muon,
    matrices: Vec<Matrix>,
    /// What lies between the matrices.
    others: Vec<Range<usize>>,
    /// Updates come one after the other, so nobody waits.
    newton_schulz: Mutex<NewtonSchulz<E>>,
}

impl<E: Number> OfNetwork<E> {
    pub(super) fn new(muon: Muon, model: &Model) -> Self {
        let matrices = hidden(model);
        let starts = std::iter::once(0).chain(matrices.iter().map(|matrix| matrix.range.end));
        let ends = matrices.iter().map(|matrix| matrix.range.start).chain([model.layout().len()]);
        let others = starts.zip(ends).map(|(start, end)| start..end).collect();
        let shapes = matrices.iter().map(|matrix| [matrix.rows, matrix.cols]);
        let newton_schulz = Mutex::new(NewtonSchulz::new(shapes));
        OfNetwork { muon, matrices, others, newton_schulz }
    }
}

impl<E: Number> Optimiser<E> for OfNetwork<E> {
    fn name(&self) -> &str {
        Muon::NAME
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        OptimiserState::zeros(Muon::SLOTS, n)
    }

    fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        let n = self.others.last().map_or(0, |range| range.end);
        assert_eq!([gradient.len(), parameters.len()], [n; 2], "one entry per parameter of the network");
        let [m, v] = state.vectors_mut(["m", "v"], n);
        let adam = self.muon.numbers(iteration);
        for range in &self.others {
            let at = || range.clone();
            adam.step_on(&gradient[at()], [&mut m[at()], &mut v[at()]], &mut parameters[at()]);
        }
        let rate = self.muon.learning_rate().rate(iteration);
        let (momentum, rest) = (E::of(self.muon.momentum), E::of(1.0 - self.muon.momentum));
        // What a panic in between leaves is overwritten.
        let mut newton_schulz = self.newton_schulz.lock().unwrap_or_else(PoisonError::into_inner);
        for Matrix { range, rows, cols } in &self.matrices {
            let at = || range.clone();
            let (u, w) = (&mut gradient[at()], &mut parameters[at()]);
            for (u, m) in u.iter_mut().zip(&mut m[at()]) {
                *m = momentum * *m + rest * *u;
                *u = momentum * *m + rest * *u;
            }
            newton_schulz.orthogonalise(u, [*rows, *cols]);
            let step = E::of(rate * RMS * (*rows.max(cols) as f64).sqrt());
            w.iter_mut().zip(u).for_each(|(w, o)| *w -= step * *o);
        }
    }
}

/// As its settings: the rest follows from the network.
impl<E> fmt::Debug for OfNetwork<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.muon.fmt(f)
    }
}
