//! Ranks on processors that round differently.

use crate::device::{Cotangents, Session, Summaries, Task, Usage};
use crate::error::Result;
use bytemuck::{Pod, cast_slice_mut};
use imnn_models::Element;
use imnn_ranks::{Ranks, gather_all};
use ndarray::ArrayView2;
use std::sync::Arc;

/// A session of one of several ranks. Each works out loss and updates for itself, from the same numbers; where not all processors
/// are alike these would drift apart in the last digits, and so all take weights and cotangents from rank 0.
pub(super) struct Led<E: Element> {
    inner: Box<dyn Session<E>>,
    ranks: Arc<dyn Ranks>,
    /// What this process computes on.
    processor: String,
    /// Whether not all are alike, once that is known.
    led: Option<bool>,
    weights: Vec<E>,
    x: Vec<f64>,
    dx: Vec<f64>,
}

impl<E: Element> Led<E> {
    pub(super) fn new(inner: Box<dyn Session<E>>, ranks: Arc<dyn Ranks>, processor: String) -> Self {
        Led { inner, ranks, processor, led: None, weights: vec![], x: vec![], dx: vec![] }
    }

    fn is_led(&mut self) -> Result<bool> {
        if let Some(led) = self.led {
            return Ok(led);
        }
        self.ranks.purpose("what the others compute on");
        let all = gather_all(&self.ranks, self.processor.as_bytes())?;
        Ok(*self.led.insert(all.iter().any(|other| *other != all[0])))
    }
}

/// The numbers of rank 0, in a buffer, in place of one's own.
fn of_rank_0<T: Pod>(ranks: &dyn Ranks, own: impl Iterator<Item = T>, buffer: &mut Vec<T>) -> Result<()> {
    buffer.clear();
    buffer.extend(own);
    Ok(ranks.broadcast(cast_slice_mut(buffer))?)
}

impl<E: Element> Session<E> for Led<E> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        if !self.is_led()? {
            return self.inner.forward(task, keep);
        }
        self.ranks.purpose("the weights of rank 0");
        of_rank_0(&self.ranks, task.weights.iter().copied(), &mut self.weights)?;
        self.inner.forward(&Task { weights: &self.weights, ..*task }, keep)
    }

    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        if !self.is_led()? {
            return self.inner.backward(task, cotangents, gradient);
        }
        self.ranks.purpose("the gradient with respect to the summaries of rank 0");
        of_rank_0(&self.ranks, task.weights.iter().copied(), &mut self.weights)?;
        of_rank_0(&self.ranks, cotangents.x.iter().copied(), &mut self.x)?;
        of_rank_0(&self.ranks, cotangents.dx.iter().copied(), &mut self.dx)?;
        // As many as there were: what fails to be a view is refused by the session, as it is.
        let view = |numbers, own: &ArrayView2<'_, f64>| ArrayView2::from_shape(own.raw_dim(), numbers);
        let (Ok(x), Ok(dx)) = (view(&self.x, &cotangents.x), view(&self.dx, &cotangents.dx)) else {
            return self.inner.backward(task, cotangents, gradient);
        };
        let task = Task { weights: &self.weights, ..*task };
        self.inner.backward(&task, &Cotangents { x, dx }, gradient)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn note(&self) -> Option<&str> {
        self.inner.note()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Cpu;
    use crate::device::Device;
    use imnn_data::simulate_exact;
    use imnn_models::{Model, dense, gelu, serial};
    use imnn_ranks::Threads;
    use imnn_sim::{GaussianMeanVariance, Key};
    use ndarray::Array2;

    #[test]
    fn those_that_have_drifted_away_do_what_rank_0_does() {
        let source = simulate_exact::<f32, _>(&GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 300, 200, Key::new(7));
        let source = source.unwrap();
        let model = Model::new(serial([dense(16), gelu(), dense(2)]), &[10]).unwrap();
        let weights = model.initialise(Key::new(1));
        let passes = |session: &mut dyn Session<f32>, drift: f32| {
            let weights: Vec<f32> = weights.values().iter().map(|&w: &f32| w * (1.0_f32 + drift)).collect();
            let task = Task { weights: &weights, source: &source, key: Key::new(2) };
            let summaries = session.forward(&task, true).unwrap().clone();
            let x = Array2::from_shape_fn((300, 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0 + f64::from(drift));
            let dx = Array2::from_elem((2, 2), 1.0 + f64::from(drift));
            let mut gradient = vec![f32::NAN; weights.len()];
            session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
            (summaries, gradient)
        };
        let expected = passes(Cpu::new(1).unwrap().load(&model).unwrap().as_mut(), 0.0);
        let found: Vec<_> = std::thread::scope(|scope| {
            let (model, passes) = (&model, &passes);
            let rank = |ranks: Threads| {
                scope.spawn(move || {
                    let (rank, ranks) = (ranks.rank(), Arc::new(ranks));
                    let inner = Cpu::new(1).unwrap().with_ranks(ranks.clone()).load(model).unwrap();
                    let mut session = Led::new(inner, ranks, format!("processor {}", rank.min(1)));
                    passes(&mut session, 1e-4 * rank as f32)
                })
            };
            let all: Vec<_> = Threads::new(3).into_iter().map(rank).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.iter().all(|found| *found == expected));
    }
}
