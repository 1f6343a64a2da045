//! A network on the threads of a CPU.

use crate::bench::{Bench, Work};
use crate::crew::{Crew, Order, lock, own};
use crate::device::{Cotangents, Session, Summaries, Task};
use crate::error::{DeviceError, Result};
use crate::leaves::leaf_size;
use crate::program::{Kept, Program};
use crate::reduce::reduce;
use crate::shape::Shape;
use crate::workers::Workers;
use imnn_models::{Element, Model};
use imnn_sim::Key;
use std::sync::{Arc, Mutex};

/// A network with everything that its passes reuse.
pub(crate) struct CpuSession<E: Element> {
    model: Model,
    leaf_size: usize,
    /// Bytes that leaves may keep between the passes.
    memory: usize,
    note: Option<String>,
    program: Box<dyn Program<E>>,
    crew: Crew,
    /// The memory of each worker, with a place for leaves that are not kept.
    benches: Vec<Mutex<(Bench<E>, Kept<E>)>>,
    /// What the first leaves keep.
    kept: Vec<Mutex<Kept<E>>>,
    /// Which pass they keep, and how many of them.
    pass: Option<(Key, Shape, usize)>,
    /// The gradient of each run of leaves, and of all.
    runs: Vec<Mutex<Vec<E>>>,
    total: Vec<E>,
    /// Cotangents of the rows beside one simulation.
    beside: Vec<E>,
    summaries: Mutex<Summaries>,
}

impl<E: Element> CpuSession<E> {
    pub(crate) fn new(
        model: &Model,
        program: Box<dyn Program<E>>,
        workers: Arc<Workers>,
        memory: usize,
        note: Option<String>,
    ) -> Self {
        CpuSession {
            model: model.clone(),
            leaf_size: leaf_size(model),
            memory,
            note,
            program,
            benches: (0..workers.len()).map(|_| Mutex::default()).collect(),
            crew: Crew::new(workers),
            kept: vec![],
            pass: None,
            runs: vec![],
            total: vec![],
            beside: vec![],
            summaries: Mutex::default(),
        }
    }

    /// How many leaves, from the first, can be kept.
    fn fitting(&self, shape: &Shape) -> usize {
        let (mut left, mut bytes, mut last) = (self.memory, 0, None);
        for k in 0..shape.leaves.len() {
            let rows = shape.rows(k);
            if last != Some(rows) {
                let (numbers, indices) = self.program.kept(rows);
                bytes = numbers * size_of::<E>() + indices * size_of::<u32>();
                last = Some(rows);
            }
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => return k,
            }
        }
        shape.leaves.len()
    }

    fn forward_inside(&mut self, task: &Task<'_, E>, keep: bool) -> Result<()> {
        self.pass = None;
        let shape = Shape::new(&self.model, task, self.leaf_size)?;
        let n_kept = if keep { self.fitting(&shape) } else { 0 };
        if self.kept.len() < n_kept {
            self.kept.resize_with(n_kept, Mutex::default);
        }
        shape.prepare(own(&mut self.summaries));
        self.program.load(task.weights);

        let work = Work { program: self.program.as_ref(), task, shape: &shape };
        let (benches, kept, summaries) = (&self.benches, &self.kept[..n_kept], &self.summaries);
        let derivatives = task.source.derivatives();
        let bad: Mutex<Option<(usize, f64)>> = Mutex::new(None);
        self.crew.run(shape.leaves.len(), Order::Up, |worker, k| {
            let (bench, spare) = &mut *lock(&benches[worker]);
            let made = match kept.get(k) {
                Some(kept) => bench.forward(&work, k, &mut lock(kept))?,
                None => bench.forward(&work, k, spare)?,
            };
            if let Some((row, value)) = shape.collect(k, derivatives, made, &mut lock(summaries)) {
                let mut bad = lock(&bad);
                if bad.is_none_or(|(lowest, _)| row < lowest) {
                    *bad = Some((row, value));
                }
            }
            Ok(())
        })?;
        if let Some((row, value)) = *lock(&bad) {
            return Err(DeviceError::NonFinite { row, n_s: shape.n_s, value });
        }
        if keep {
            self.pass = Some((task.key, shape, n_kept));
        }
        Ok(())
    }

    fn backward_inside(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let shape = Shape::new(&self.model, task, self.leaf_size)?;
        shape.check(cotangents)?;
        if gradient.len() != task.weights.len() {
            return Err(DeviceError::Gradient { expected: task.weights.len(), found: gradient.len() });
        }
        let n_kept = match self.pass {
            Some((key, pass, n_kept)) if (key, pass) == (task.key, shape) => n_kept,
            _ => {
                self.program.load(task.weights);
                0
            }
        };
        let (leaves, n_runs, len) = (&shape.leaves, shape.leaves.n_runs(), self.program.gradient());
        if self.runs.len() < n_runs {
            self.runs.resize_with(n_runs, Mutex::default);
        }
        shape.beside_cotangents(task.source.derivatives(), cotangents.dx, &mut self.beside);

        let work = Work { program: self.program.as_ref(), task, shape: &shape };
        let (benches, kept, runs) = (&self.benches, &self.kept[..n_kept], &self.runs);
        let cotangents = (cotangents.x, self.beside.as_slice());
        self.crew.run(n_runs, Order::Down, |worker, run| {
            let (bench, spare) = &mut *lock(&benches[worker]);
            let gradient = &mut *lock(&runs[run]);
            gradient.clear();
            gradient.resize(len, E::zero());
            for k in leaves.run(run).rev() {
                if let Some(kept) = kept.get(k) {
                    bench.backward(&work, k, &lock(kept), cotangents, gradient)?;
                } else {
                    bench.again(&work, k, spare)?;
                    bench.backward(&work, k, spare, cotangents, gradient)?;
                }
            }
            Ok(())
        })?;
        self.total.resize(len, E::zero());
        reduce(&mut self.crew, &mut self.runs[..n_runs], &mut self.total)?;
        self.program.finish(task.weights, &mut self.total);
        gradient.copy_from_slice(&self.total[..gradient.len()]);
        Ok(())
    }
}

impl<E: Element> Session<E> for CpuSession<E> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        self.forward_inside(task, keep)?;
        Ok(own(&mut self.summaries))
    }

    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        self.backward_inside(task, cotangents, gradient)
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}
