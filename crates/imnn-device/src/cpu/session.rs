//! A network on the threads of one or several CPUs.

use super::team::{Own, Team};
use super::workspace::{Work, Workspace};
use crate::device::{Cotangents, Session, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use crate::microbatches::microbatch_size;
use crate::reduce::Reduction;
use crate::shape::Shape;
use imnn_compute::threads::{Order, Scheduler, Workers, get_mut, lock};
use imnn_engine::{Program, Saved};
use imnn_models::{Element, Model};
use imnn_sim::Key;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// The gradients of chunks of microbatches, and that of all.
    reduction: Reduction<E>,
    total: Vec<E>,
    /// Cotangents of the tangent rows of one simulation.
    tangent_rows: Vec<E>,
    summaries: Mutex<Summaries>,
    /// The ranks that it shares the simulations with, if any.
    team: Option<Team>,
    /// Nanoseconds that the workers have read for, and the time that they had.
    reading: AtomicU64,
    working: Duration,
    note: Option<String>,
}

impl<E: Element> CpuSession<E> {
    /// A session of these groups of threads, which are `workers` in the same order; microbatches have at most
    /// `n_per_device` simulations. With a team it runs its share of them.
    pub(super) fn new(
        model: &Model,
        program: Box<dyn Program<E>>,
        groups: Vec<Group>,
        workers: Arc<dyn Workers>,
        n_per_device: Option<usize>,
        team: Option<Team>,
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
            reduction: Reduction::default(),
            total: vec![],
            tangent_rows: vec![],
            summaries: Mutex::default(),
            team,
            reading: AtomicU64::new(0),
            working: Duration::ZERO,
            note,
        }
    }

    /// Chooses the microbatches that are saved, of its `own`: of the share of each CPU as many, from the first, as its memory
    /// allows.
    pub(super) fn choose_slots(&mut self, shape: &Shape, own: &Range<usize>) {
        self.slots.resize(shape.microbatches.len(), None);
        let (mut first, mut n_saved) = (0, 0);
        for group in &self.groups {
            let share = self.scheduler.share(first..first + group.threads, own.len());
            first += group.threads;
            let mut left = group.memory;
            for k in share.map(|k| own.start + k) {
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

    /// What it runs of a task.
    fn own(&mut self, shape: &Shape) -> Own {
        self.team.as_mut().map_or_else(|| Own::all(shape), |team| team.own(shape))
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
        let own = self.own(&shape).microbatches;
        if keep {
            self.choose_slots(&shape, &own);
        }
        shape.prepare(get_mut(&mut self.summaries));
        self.program.load(task.weights);

        let (start, n) = (Instant::now(), own.len());
        let work = Work { program: self.program.as_ref(), task, shape: &shape, reading: &self.reading };
        let (slots, saved, workspaces, summaries) = (&self.slots, &self.saved, &self.workspaces, &self.summaries);
        let derivatives = task.source.derivatives();
        let bad: Mutex<Option<(usize, f64)>> = Mutex::new(None);
        let result: Result<()> = self.scheduler.run(n, 1, Order::Up, |worker, microbatches| {
            let (workspace, spare) = &mut *lock(&workspaces[worker]);
            for k in microbatches.map(|k| own.start + k) {
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
        let mut bad = bad.into_inner().unwrap_or_else(PoisonError::into_inner);
        match &mut self.team {
            None => result?,
            Some(team) => {
                bad = team.gather(result, (&shape, task.key, task.weights), get_mut(&mut self.summaries), bad)?;
            }
        }
        if let Some((row, value)) = bad {
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
        let (own, len) = (self.own(&shape).chunks, self.program.gradient_len());
        self.reduction.begin(shape.microbatches.n_chunks(), &own);
        shape.tangent_cotangents(task.source.derivatives(), cotangents.dx, &mut self.tangent_rows);

        let start = Instant::now();
        let work = Work { program: self.program.as_ref(), task, shape: &shape, reading: &self.reading };
        let (slots, saved, workspaces, reduction) = (&self.slots, &self.saved, &self.workspaces, &self.reduction);
        let cotangents = (cotangents.x, self.tangent_rows.as_slice());
        let result: Result<()> = self.scheduler.run(own.len(), 1, Order::Down, |worker, chunks| {
            let (workspace, spare) = &mut *lock(&workspaces[worker]);
            for chunk in chunks.map(|chunk| own.start + chunk) {
                let mut gradient = reduction.start(chunk, len);
                for k in shape.microbatches.chunk(chunk).rev() {
                    match slots.get(k).copied().flatten() {
                        Some(slot) => workspace.backward(&work, k, &lock(&saved[slot]), cotangents, &mut gradient)?,
                        None => {
                            workspace.recompute(&work, k, spare)?;
                            workspace.backward(&work, k, spare, cotangents, &mut gradient)?;
                        }
                    }
                }
                reduction.add(chunk, gradient);
            }
            Ok(())
        });
        self.working += self.scheduler.time(start, own.len());
        self.total.resize(len, E::zero());
        let (reduction, scheduler, total) = (&mut self.reduction, &mut self.scheduler, &mut self.total);
        match &mut self.team {
            None => {
                result?;
                reduction.finish(scheduler, total);
            }
            Some(team) => team.sum(result, (&shape, task.key, task.weights), reduction, scheduler, total)?,
        }
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
