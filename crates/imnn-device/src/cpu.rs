//! The threads of a CPU as a device.

use crate::crew::lock;
use crate::device::{Device, Session};
use crate::dfdx::DfdxProgram;
use crate::error::{DeviceError, Result};
use crate::fused::Plan;
use crate::program::Program;
use crate::session::CpuSession;
use crate::workers::Workers;
use imnn_models::{Element, Model};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

/// What may be kept between forward and backward unless said otherwise: 1 GiB.
const MEMORY: usize = 1 << 30;

/// The threads of a CPU: each takes a leaf at a time, reads (or simulates) it and runs it by itself.
///
/// The same weights and key give the same bits for any number of threads: leaves are cut by the network's size alone, and
/// gradients are added in a fixed order within fixed runs of leaves, the runs then in a fixed tree.
pub struct Cpu<E> {
    threads: usize,
    memory: usize,
    dfdx: bool,
    /// Threads of one team and threads apart, started when a session needs them, for all sessions.
    together: Mutex<Option<Arc<Workers>>>,
    apart: Mutex<Option<Arc<Workers>>>,
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
        let (together, apart) = Default::default();
        Ok(Cpu { threads, memory: MEMORY, dfdx: false, together, apart, element: PhantomData })
    }

    /// A CPU with as many threads as the machine can run at once.
    ///
    /// # Errors
    /// As [`Cpu::new`].
    pub fn all() -> Result<Self> {
        Cpu::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// At most this many bytes of simulations and layers are kept between forward and backward; the rest is read or
    /// simulated and run again. The default is 1 GiB. Results do not depend on it.
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Runs every network by its definition on dfdx, the yardstick: slower, and equal up to rounding.
    pub fn with_dfdx(mut self) -> Self {
        self.dfdx = true;
        self
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The fused program, where all layers are known to it; otherwise what is to be said about that.
    fn fused(&self, model: &Model) -> (Option<Box<dyn Program<E>>>, Option<String>) {
        match Plan::new(model) {
            Ok(plan) => (Some(Box::new(plan)), None),
            Err(reason) => (None, Some(format!("{reason}: the network runs on dfdx, which is slower"))),
        }
    }

    /// The workers in `slot`, started if this is the first session that needs them.
    fn workers(&self, slot: &Mutex<Option<Arc<Workers>>>, start: fn(usize) -> Result<Workers>) -> Result<Arc<Workers>> {
        let mut slot = lock(slot);
        if let Some(workers) = &*slot {
            return Ok(workers.clone());
        }
        let workers = Arc::new(start(self.threads)?);
        Ok(slot.insert(workers).clone())
    }
}

impl<E: Element> Device<E> for Cpu<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        let (fused, note) = if self.dfdx { (None, None) } else { self.fused(model) };
        let (program, workers): (Box<dyn Program<E>>, _) = match fused {
            Some(plan) => (plan, self.workers(&self.together, Workers::together)?),
            None => (Box::new(DfdxProgram::new(model)), self.workers(&self.apart, Workers::apart)?),
        };
        Ok(Box::new(CpuSession::new(model, program, workers, self.memory, note)))
    }
}
