//! A network on the threads of one or several CPUs.

use super::workspace::{Work, Workspace};
use crate::device::{Cotangents, Session, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use crate::microbatches::microbatch_size;
use crate::reduce::reduce;
use crate::shape::Shape;
use imnn_compute::threads::{Order, Scheduler, Workers, get_mut, lock};
use imnn_engine::{Program, Saved};
use imnn_models::{Element, Model};
use imnn_sim::Key;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The threads of one CPU, and the bytes that may be saved for them between forward and backward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) threads: usize,
    pub(super) memory: usize,
}

/// A network with everything that its passes reuse.
///
/// The workers of all CPUs share the microbatches: each has its share of consecutive ones, the same in every pass, and then
/// helps the others. Gradients are summed within chunks of consecutive microbatches, and the chunks in a fixed tree, so the
/// bits do not depend on who ran what.
pub(super) struct CpuSession<E: Element> {
    model: Model,
    program: Box<dyn Program<E>>,
    /// The most simulations of a microbatch.
    microbatch_size: usize,
    groups: Vec<Group>,
    scheduler: Scheduler,
    /// Of each worker, with memory for a microbatch that is not saved.
    workspaces: Vec<Mutex<(Workspace<E>, Saved<E>)>>,
    pub(super) saved: Vec<Mutex<Saved<E>>>,
    /// For each microbatch its place in `saved`, if it has one.
    pub(super) slots: Vec<Option<usize>>,
    /// The pass that `saved` is of.
    pass: Option<(Key, Shape)>,
    /// The gradient of each chunk of microbatches, and of all.
    chunks: Vec<Mutex<Vec<E>>>,
    total: Vec<E>,
    /// Cotangents of the tangent rows of one simulation.
    tangent_rows: Vec<E>,
    summaries: Mutex<Summaries>,
    /// Nanoseconds that the workers have read for, and the time that they had.
    reading: AtomicU64,
    working: Duration,
    note: Option<String>,
}

impl<E: Element> CpuSession<E> {
    /// A session of these groups of threads, which are `workers` in the same order; microbatches have at most
    /// `n_per_device` simulations.
    pub(super) fn new(
        model: &Model,
        program: Box<dyn Program<E>>,
        groups: Vec<Group>,
        workers: Arc<dyn Workers>,
        n_per_device: Option<usize>,
        note: Option<String>,
    ) -> Self {
        CpuSession {
            model: model.clone(),
            program,
            microbatch_size: n_per_device.unwrap_or(usize::MAX).min(microbatch_size(model)),
            workspaces: (0..workers.count()).map(|_| Mutex::default()).collect(),
            groups,
            scheduler: Scheduler::new(workers),
            saved: vec![],
            slots: vec![],
            pass: None,
            chunks: vec![],
            total: vec![],
            tangent_rows: vec![],
            summaries: Mutex::default(),
            reading: AtomicU64::new(0),
            working: Duration::ZERO,
            note,
        }
    }

    /// Chooses the microbatches that are saved: of the share of each CPU as many, from the first, as its memory allows.
    pub(super) fn choose_slots(&mut self, shape: &Shape) {
        self.slots.resize(shape.microbatches.len(), None);
        let (mut first, mut n_saved) = (0, 0);
        for group in &self.groups {
            let share = self.scheduler.share(first..first + group.threads, shape.microbatches.len());
            first += group.threads;
            let mut left = group.memory;
            for k in share {
                let (numbers, indices) = self.program.saved_len(shape.rows(k));
                let Some(rest) = left.checked_sub(numbers * size_of::<E>() + indices * size_of::<u32>()) else { break };
                left = rest;
                self.slots[k] = Some(n_saved);
                n_saved += 1;
            }
        }
        if self.saved.len() < n_saved {
            self.saved.resize_with(n_saved, Mutex::default);
        }
    }

    /// Forgets which pass is saved.
    fn clear_slots(&mut self) {
        self.pass = None;
        self.slots.clear();
    }
}

impl<E: Element> Session<E> for CpuSession<E> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        self.clear_slots();
        let shape = Shape::new(&self.model, task, self.microbatch_size)?;
        if keep {
            self.choose_slots(&shape);
        }
        shape.prepare(get_mut(&mut self.summaries));
        self.program.load(task.weights);

        let (start, n) = (Instant::now(), shape.microbatches.len());
        let work = Work { program: self.program.as_ref(), task, shape: &shape, reading: &self.reading };
        let (slots, saved, workspaces, summaries) = (&self.slots, &self.saved, &self.workspaces, &self.summaries);
        let derivatives = task.source.derivatives();
        let bad: Mutex<Option<(usize, f64)>> = Mutex::new(None);
        let result: Result<()> = self.scheduler.run(n, 1, Order::Up, |worker, microbatches| {
            let (workspace, spare) = &mut *lock(&workspaces[worker]);
            for k in microbatches {
                let output = match slots.get(k).copied().flatten() {
                    Some(slot) => workspace.forward(&work, k, &mut lock(&saved[slot]))?,
                    None => workspace.forward(&work, k, spare)?,
                };
                if let Some(found) = shape.collect(k, derivatives, output, &mut lock(summaries)) {
                    let mut bad = lock(&bad);
                    *bad = bad.into_iter().chain([found]).min_by_key(|&(row, _)| row);
                }
            }
            Ok(())
        });
        self.working += self.scheduler.time(start, n);
        result?;
        if let Some((row, value)) = *lock(&bad) {
            return Err(DeviceError::NonFinite { row, n_s: shape.n_s, value });
        }
        if keep {
            self.pass = Some((task.key, shape));
        }
        Ok(get_mut(&mut self.summaries))
    }

    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()> {
        let shape = Shape::new(&self.model, task, self.microbatch_size)?;
        shape.check(cotangents, task.weights, gradient)?;
        if self.pass != Some((task.key, shape)) {
            self.clear_slots();
            self.program.load(task.weights);
        }
        let (n_chunks, len) = (shape.microbatches.n_chunks(), self.program.gradient_len());
        if self.chunks.len() < n_chunks {
            self.chunks.resize_with(n_chunks, Mutex::default);
        }
        shape.tangent_cotangents(task.source.derivatives(), cotangents.dx, &mut self.tangent_rows);

        let start = Instant::now();
        let work = Work { program: self.program.as_ref(), task, shape: &shape, reading: &self.reading };
        let (slots, saved, workspaces, chunks) = (&self.slots, &self.saved, &self.workspaces, &self.chunks);
        let cotangents = (cotangents.x, self.tangent_rows.as_slice());
        let result: Result<()> = self.scheduler.run(n_chunks, 1, Order::Down, |worker, own| {
            let (workspace, spare) = &mut *lock(&workspaces[worker]);
            for chunk in own {
                let gradient = &mut *lock(&chunks[chunk]);
                gradient.clear();
                gradient.resize(len, E::zero());
                for k in shape.microbatches.chunk(chunk).rev() {
                    match slots.get(k).copied().flatten() {
                        Some(slot) => workspace.backward(&work, k, &lock(&saved[slot]), cotangents, gradient)?,
                        None => {
                            workspace.recompute(&work, k, spare)?;
                            workspace.backward(&work, k, spare, cotangents, gradient)?;
                        }
                    }
                }
            }
            Ok(())
        });
        self.working += self.scheduler.time(start, n_chunks);
        result?;
        self.total.resize(len, E::zero());
        reduce(&mut self.scheduler, &mut self.chunks[..n_chunks], &mut self.total)?;
        self.program.finish(task.weights, &mut self.total);
        gradient.copy_from_slice(&self.total[..gradient.len()]);
        Ok(())
    }

    fn usage(&self) -> Usage {
        Usage { reading: Duration::from_nanos(self.reading.load(Ordering::Relaxed)), total: self.working }
    }

    fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }
}
