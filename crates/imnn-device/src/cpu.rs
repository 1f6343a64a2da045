//! The threads of a CPU as a device.

use crate::device::{Device, Session};
use crate::dfdx::DfdxProgram;
use crate::error::Result;
use crate::program::Program;
use crate::session::CpuSession;
use crate::workers::Workers;
use imnn_models::{Element, Model};
use std::marker::PhantomData;
use std::sync::Arc;

/// What may be kept between forward and backward unless said otherwise: 1 GiB.
const MEMORY: usize = 1 << 30;

/// The threads of a CPU: each takes a leaf at a time, reads (or simulates) it and runs it by itself.
///
/// The same weights and key give the same bits for any number of threads: leaves are cut by the network's size alone, and
/// gradients are added in a fixed order within fixed runs of leaves, the runs then in a fixed tree.
pub struct Cpu<E> {
    workers: Arc<Workers>,
    memory: usize,
    dfdx: bool,
    element: PhantomData<fn() -> E>,
}

impl<E: Element> Cpu<E> {
    /// A CPU with this many threads.
    ///
    /// # Errors
    /// If `threads` is 0 or the threads cannot be started.
    pub fn new(threads: usize) -> Result<Self> {
        let workers = Arc::new(Workers::new(threads)?);
        Ok(Cpu { workers, memory: MEMORY, dfdx: false, element: PhantomData })
    }

    /// A CPU with as many threads as the machine can run at once.
    ///
    /// # Errors
    /// If the threads cannot be started.
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
        self.workers.len()
    }

    /// The program that runs `model`, with what there is to say about the choice.
    fn program(&self, model: &Model) -> (Box<dyn Program<E>>, Option<String>) {
        (Box::new(DfdxProgram::new(model)), None)
    }
}

impl<E: Element> Device<E> for Cpu<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        let (program, note) = self.program(model);
        Ok(Box::new(CpuSession::new(model, program, self.workers.clone(), self.memory, note)))
    }
}
