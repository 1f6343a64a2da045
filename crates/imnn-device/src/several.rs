//! Several sessions as one: each runs its share of the simulations, on a thread of its own.

use crate::device::{Cotangents, Session, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use imnn_compute::threads::share;
use imnn_data::{DataError, DatasetSpec, Identity, Microbatch, Source, check_rows};
use imnn_models::Element;
use imnn_sim::Key;
use ndarray::{Array2, Axis, concatenate, s};
use std::ops::Range;

/// Sessions that share the simulations evenly. Their gradients are added in order.
pub(crate) struct Several<E: Element> {
    sessions: Vec<Box<dyn Session<E>>>,
    gradients: Vec<Vec<E>>,
    summaries: Summaries,
    note: Option<String>,
}

impl<E: Element> Several<E> {
    pub(crate) fn new(sessions: Vec<Box<dyn Session<E>>>) -> Self {
        let gradients = sessions.iter().map(|_| vec![]).collect();
        Several { sessions, gradients, summaries: Summaries::default(), note: None }
    }

    /// The share of each session.
    fn parts<'a>(&self, task: &Task<'a, E>) -> Vec<Part<'a, E>> {
        let (n, source) = (self.sessions.len(), task.source);
        let n_d = source.n_d().min(source.n_s());
        let part = |k: usize| {
            let without = share(source.n_s() - n_d, n, k);
            let (with, without) = (share(n_d, n, k), n_d + without.start..n_d + without.end);
            let mut spec = source.spec().clone();
            (spec.n_s, spec.n_d) = (with.len() + without.len(), with.len());
            Part { source, spec, with, without }
        };
        (0..n).map(part).collect()
    }
}

impl<E: Element> Session<E> for Several<E> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        let parts = self.parts(task);
        let own = together(self.sessions.iter_mut().zip(&parts), |(session, part)| {
            let own = Task { source: part, ..*task };
            session.forward(&own, keep).cloned().map_err(|error| part.whole(error))
        })?;
        let notes: Vec<&str> = self.sessions.iter().filter_map(|session| session.note()).collect();
        self.note = if notes.is_empty() { None } else { Some(notes.join("; ")) };
        let n_s = task.source.n_s();
        let n_summaries = own.first().map_or(0, |first| first.x.ncols());
        let mut x = Array2::zeros((n_s, n_summaries));
        for (part, own) in parts.iter().zip(&own) {
            let (with, rest) = own.x.view().split_at(Axis(0), part.with.len());
            x.slice_mut(s![part.with.clone(), ..]).assign(&with);
            x.slice_mut(s![part.without.clone(), ..]).assign(&rest);
        }
        let views: Vec<_> = own.iter().map(|own| own.dx.view()).collect();
        let dx = concatenate(Axis(0), &views).map_err(|_| SHAPES)?;
        self.summaries = Summaries { x, dx };
        Ok(&self.summaries)
    }

    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let parts = self.parts(task);
        let n_s = task.source.n_s();
        if cotangents.x.nrows() != n_s {
            let expected = vec![n_s, cotangents.x.ncols()];
            return Err(DeviceError::Cotangents { expected, found: cotangents.x.shape().to_vec() });
        }
        let all = self.sessions.iter_mut().zip(&parts).zip(&mut self.gradients);
        together(all, |((session, part), own)| {
            own.resize(gradient.len(), E::zero());
            let (with, without) =
                (cotangents.x.slice(s![part.with.clone(), ..]), cotangents.x.slice(s![part.without.clone(), ..]));
            let x = concatenate(Axis(0), &[with, without]).map_err(|_| SHAPES)?;
            let task = Task { source: part, ..*task };
            let cotangents = Cotangents { x: x.view(), dx: cotangents.dx };
            session.backward(&task, &cotangents, own).map_err(|error| part.whole(error))
        })?;
        gradient.fill(E::zero());
        for own in &self.gradients {
            gradient.iter_mut().zip(own).for_each(|(sum, &own)| *sum += own);
        }
        Ok(())
    }

    fn usage(&self) -> Usage {
        let sum = |sum: Usage, own: Usage| Usage { reading: sum.reading + own.reading, total: sum.total + own.total };
        self.sessions.iter().map(|session| session.usage()).fold(Usage::default(), sum)
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}

const SHAPES: DeviceError =
    DeviceError::Internal { what: "shares of the simulations have summaries of different shapes" };

/// Runs each of these on a thread of its own; a panic is passed on.
fn together<I: Send, T: Send>(all: impl Iterator<Item = I>, run: impl Fn(I) -> Result<T> + Sync) -> Result<Vec<T>> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = all.map(|one| scope.spawn(move || run(one))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Some of the simulations with derivatives and some of those without.
struct Part<'a, E> {
    source: &'a dyn Source<E>,
    spec: DatasetSpec,
    with: Range<usize>,
    without: Range<usize>,
}

impl<E: Element> Part<'_, E> {
    /// The row of the whole source.
    fn row(&self, row: usize) -> usize {
        if row < self.with.len() { self.with.start + row } else { self.without.start + (row - self.with.len()) }
    }

    /// An error with the rows of the whole source.
    fn whole(&self, error: DeviceError) -> DeviceError {
        match error {
            DeviceError::NonFinite { row, value, .. } => {
                DeviceError::NonFinite { row: self.row(row), n_s: self.source.n_s(), value }
            }
            other => other,
        }
    }
}

impl<E: Element> Source<E> for Part<'_, E> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms()
    }

    fn identity(&self) -> Identity {
        self.source.identity()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<E>) -> Result<(), DataError> {
        check_rows(&rows, self.n_s(), self.n_d())?;
        let start = self.row(rows.start);
        self.source.read(start..start + rows.len(), key, microbatch)
    }
}
