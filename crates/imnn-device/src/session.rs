//! A network on one or several devices.

use crate::device::{Cotangents, Session, Summaries, Task, Usage};
use crate::error::{DeviceError, Result};
use crate::leaves::leaf_size;
use crate::member::{Member, Pass};
use crate::meter::Metered;
use crate::reduce::reduce;
use crate::shape::Shape;
use imnn_compute::threads::{Order, Scheduler, Workers, get_mut, lock};
use imnn_engine::Saved;
use imnn_models::{Element, Model};
use imnn_sim::Key;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A network with everything that its passes reuse.
pub(crate) struct LeafSession<E: Element> {
    model: Model,
    leaf_size: usize,
    /// No more leaves than this may be handed to a worker at once.
    at_once: usize,
    note: Option<String>,
    members: Vec<Box<dyn Member<E>>>,
    /// For each worker, its member and its number there.
    posts: Vec<(usize, usize)>,
    scheduler: Scheduler,
    /// What the leaves that are kept keep, and which these are, for each member.
    kept: Vec<Mutex<Saved<E>>>,
    keeping: Vec<Range<usize>>,
    /// Which pass they keep.
    pass: Option<(Key, Shape)>,
    /// The gradient of each run of leaves, and of all.
    runs: Vec<Mutex<Vec<E>>>,
    total: Vec<E>,
    /// Cotangents of the rows beside one simulation.
    beside: Vec<E>,
    summaries: Mutex<Summaries>,
    /// Nanoseconds that the workers have read for, and the time that they had.
    reading: AtomicU64,
    working: Duration,
}

impl<E: Element> LeafSession<E> {
    /// A session of members with this many workers each, who are among `workers` in the same order.
    pub(crate) fn new(
        model: &Model,
        members: Vec<(Box<dyn Member<E>>, usize)>,
        workers: Arc<dyn Workers>,
        n_per_device: Option<usize>,
        note: Option<String>,
    ) -> Self {
        let leaf_size = n_per_device.unwrap_or(usize::MAX).min(leaf_size(model));
        let counts = members.iter().map(|(_, count)| *count).enumerate();
        let posts = counts.flat_map(|(member, count)| (0..count).map(move |worker| (member, worker))).collect();
        LeafSession {
            model: model.clone(),
            leaf_size,
            at_once: n_per_device.map_or(usize::MAX, |n| (n / leaf_size).max(1)),
            note,
            members: members.into_iter().map(|(member, _)| member).collect(),
            posts,
            scheduler: Scheduler::new(workers),
            kept: vec![],
            keeping: vec![],
            pass: None,
            runs: vec![],
            total: vec![],
            beside: vec![],
            summaries: Mutex::default(),
            reading: AtomicU64::new(0),
            working: Duration::ZERO,
        }
    }

    /// Finds the leaves that are kept: of each member's share as many, from the first, as it can.
    fn keep(&mut self, shape: &Shape) {
        let mut first = 0;
        for (m, member) in self.members.iter().enumerate() {
            let n_workers = self.posts[first..].iter().take_while(|(member, _)| *member == m).count();
            let leaves = self.scheduler.share(first..first + n_workers, shape.leaves.len());
            let fitting = member.fitting(shape, leaves.clone());
            self.keeping.push(leaves.start..leaves.start + fitting);
            first += n_workers;
        }
        let n_kept = self.keeping.iter().map(Range::len).sum();
        if self.kept.len() < n_kept {
            self.kept.resize_with(n_kept, Mutex::default);
        }
    }

    /// Gives all members the weights, at once where there are several.
    fn load(&mut self, weights: &[E]) -> Result<()> {
        if let [member] = &mut self.members[..] {
            return member.load(weights);
        }
        let n_members = self.members.len();
        let members = Mutex::new(self.members.iter_mut());
        self.scheduler.run(n_members, 1, Order::Up, |_, _| {
            // All are to be loaded, so a worker takes the next one whatever its task is called.
            let next = lock(&members).next();
            next.map_or(Ok(()), |member| member.load(weights))
        })
    }

    /// How many leaves a worker is handed at a time.
    fn leaves_at_once(&self) -> usize {
        self.members.iter().map(|member| member.leaves_at_once()).min().unwrap_or(1).clamp(1, self.at_once)
    }
}

impl<E: Element> Session<E> for LeafSession<E> {
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries> {
        self.pass = None;
        self.keeping.clear();
        let shape = Shape::new(&self.model, task, self.leaf_size)?;
        if keep {
            self.keep(&shape);
        }
        shape.prepare(get_mut(&mut self.summaries));
        self.load(task.weights)?;

        let (start, n_leaves, grain) = (Instant::now(), shape.leaves.len(), self.leaves_at_once());
        let source = Metered { source: task.source, reading: &self.reading };
        let metered = Task { source: &source, ..*task };
        let (keeping, kept) = (&self.keeping[..], &self.kept[..]);
        let pass = Pass { task: &metered, shape: &shape, keeping, kept };
        let (members, posts, summaries) = (&self.members, &self.posts, &self.summaries);
        let derivatives = task.source.derivatives();
        let bad: Mutex<Option<(usize, f64)>> = Mutex::new(None);
        let result = self.scheduler.run(n_leaves, grain, Order::Up, |worker, leaves| {
            let (member, worker) = posts[worker];
            members[member].forward(worker, &pass, leaves, &|k, made| {
                if let Some((row, value)) = shape.collect(k, derivatives, made, &mut lock(summaries)) {
                    let mut bad = lock(&bad);
                    if bad.is_none_or(|(lowest, _)| row < lowest) {
                        *bad = Some((row, value));
                    }
                }
            })
        });
        self.working += self.scheduler.time(start, n_leaves);
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
        let shape = Shape::new(&self.model, task, self.leaf_size)?;
        shape.check(cotangents)?;
        if gradient.len() != task.weights.len() {
            return Err(DeviceError::Gradient { expected: task.weights.len(), found: gradient.len() });
        }
        if self.pass != Some((task.key, shape)) {
            self.pass = None;
            self.keeping.clear();
            self.load(task.weights)?;
        }
        let (n_runs, len) = (shape.leaves.n_runs(), self.members.first().map_or(0, |member| member.gradient()));
        if self.runs.len() < n_runs {
            self.runs.resize_with(n_runs, Mutex::default);
        }
        shape.beside_cotangents(task.source.derivatives(), cotangents.dx, &mut self.beside);

        let start = Instant::now();
        let grain = self.leaves_at_once() / shape.leaves.len().div_ceil(n_runs.max(1)).max(1);
        let source = Metered { source: task.source, reading: &self.reading };
        let metered = Task { source: &source, ..*task };
        let (keeping, kept) = (&self.keeping[..], &self.kept[..]);
        let pass = Pass { task: &metered, shape: &shape, keeping, kept };
        let (members, posts, gradients) = (&self.members, &self.posts, &self.runs[..n_runs]);
        let cotangents = (cotangents.x, self.beside.as_slice());
        let result = self.scheduler.run(n_runs, grain, Order::Down, |worker, runs| {
            let (member, worker) = posts[worker];
            members[member].backward(worker, &pass, runs, cotangents, gradients)
        });
        self.working += self.scheduler.time(start, n_runs);
        result?;
        self.total.resize(len, E::zero());
        reduce(&mut self.scheduler, &mut self.runs[..n_runs], &mut self.total)?;
        if let Some(member) = self.members.first() {
            member.finish(task.weights, &mut self.total);
        }
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
