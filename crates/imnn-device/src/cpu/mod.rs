//! The threads of a CPU as a device.

mod led;
mod load;
mod pools;
mod processor;
mod session;
mod team;
#[cfg(test)]
mod tests;
mod workspace;

use crate::aggregator::Aggregate;
use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use crate::microbatches::microbatch_size;
use imnn_engine::{Plan, Program, Reference};
use imnn_models::{Element, Model};
use imnn_ranks::Ranks;
use led::Led;
pub use load::{Load, loads};
use pools::Pools;
use processor::processor;
use session::{CpuSession, Group};
use std::marker::PhantomData;
use std::sync::Arc;
use team::Team;

/// What may be saved between forward and backward pass by default: 1 GiB.
const MEMORY: usize = 1 << 30;

/// The threads of a CPU: each takes a microbatch at a time, reads (or simulates) it and runs it by itself.
///
/// The same weights and key give the same bits for any number of threads: microbatches are cut by the network's size alone,
/// and gradients are added in a fixed order within fixed chunks of microbatches, the chunks then in a fixed tree.
pub struct Cpu<E> {
    threads: usize,
    memory: usize,
    dfdx: bool,
    ranks: Option<Arc<dyn Ranks>>,
    pools: Pools,
    element: PhantomData<fn() -> E>,
}

impl<E: Element> Cpu<E> {
    /// A CPU with this many threads.
    ///
    /// # Errors
    /// If `threads` is 0.
    pub fn new(threads: usize) -> Result<Self> {
        if threads == 0 {
            return Err(DeviceError::Threads { threads, message: "at least one is needed".into() });
        }
        Ok(Cpu { threads, memory: MEMORY, dfdx: false, ranks: None, pools: Pools::default(), element: PhantomData })
    }

    /// A CPU with as many threads as the machine can run at once.
    ///
    /// # Errors
    /// As [`Cpu::new`].
    pub fn all() -> Result<Self> {
        Cpu::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// At most this many bytes of simulations and layers are saved between forward and backward pass; the rest is read or
    /// simulated and run again. The default is 1 GiB. Results do not depend on it.
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Runs every network by its definition on dfdx, the reference of all engines: slower, and equal up to rounding.
    pub fn with_dfdx(mut self) -> Self {
        self.dfdx = true;
        self
    }

    /// Shares the simulations with other processes: each of these ranks runs its part of every pass, and all have all results.
    ///
    /// All have to load the same networks and run the same passes in the same order, so all have to train with the same
    /// settings and data; what one does alone, such as writing files, must not take part in that. The bits are those of one
    /// process, whatever the number of ranks and of their threads, if their processors are alike; if not, all take weights
    /// and cotangents from rank 0, and results may differ in their last digits.
    pub fn with_ranks(mut self, ranks: Arc<dyn Ranks>) -> Self {
        self.ranks = (ranks.size() > 1).then_some(ranks);
        self
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl<E: Element> Device<E> for Cpu<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        Self::load_together(std::slice::from_ref(self), None, model)
    }
}

impl<E: Element> Aggregate<E> for Cpu<E> {
    fn kind(&self) -> &'static str {
        if self.dfdx { "CPU on dfdx" } else { "CPU" }
    }

    fn workers(&self) -> usize {
        self.threads
    }

    /// All threads are workers of one session.
    fn load_together(cpus: &[Self], n_per_device: Option<usize>, model: &Model) -> Result<Box<dyn Session<E>>> {
        let Some(first) = cpus.first() else { return Err(DeviceError::NoDevices) };
        let (program, isolated, mut notes) = program::<E>(model, first.dfdx);
        let suits = microbatch_size(model);
        if let Some(n) = n_per_device.filter(|&n| n < suits) {
            notes.push(format!(
                "n_per_device = {n} cuts microbatches smaller than the {suits} simulations that suit the network: it runs \
                 slower, and results may differ in their last digits"
            ));
        }
        let note = if notes.is_empty() { None } else { Some(notes.join("; ")) };
        let groups: Vec<Group> = cpus.iter().map(|cpu| Group { threads: cpu.threads, memory: cpu.memory }).collect();
        let workers = first.pools.get(groups.iter().map(|group| group.threads).sum(), isolated)?;
        let ranks = first.ranks.clone();
        let team = ranks.clone().map(Team::new);
        let session = CpuSession::new(model, program, groups, workers, n_per_device, team, note);
        Ok(match ranks {
            Some(ranks) => Box::new(Led::new(Box::new(session), ranks, processor())),
            None => Box::new(session),
        })
    }
}

/// What runs a network: the plan if it knows all layers; otherwise, and with `dfdx`, the reference. Also whether that needs
/// isolated threads, and what the user may want to know.
fn program<E: Element>(model: &Model, dfdx: bool) -> (Box<dyn Program<E>>, bool, Vec<String>) {
    let notes = match Plan::new(model) {
        Ok(plan) if !dfdx => return (Box::new(plan), false, vec![]),
        Err(reason) if !dfdx => vec![format!("{reason}: the network runs on dfdx, which is slower")],
        _ => vec![],
    };
    (Box::new(Reference::new(model)), true, notes)
}
