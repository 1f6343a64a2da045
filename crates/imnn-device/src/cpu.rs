//! The threads of a CPU as a device.

use crate::aggregator::{self, Unit};
use crate::cpu_member::CpuMember;
use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use crate::member::{self, Readied};
use crate::pools::Pools;
use imnn_engine::{Plan, Program, Reference};
use imnn_models::{Element, Model};
use std::marker::PhantomData;

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
        Ok(Cpu { threads, memory: MEMORY, dfdx: false, pools: Pools::default(), element: PhantomData })
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
}

impl<E: Element> member::Unit<E> for Cpu<E> {
    fn kind(&self) -> &'static str {
        if self.dfdx { "CPU on dfdx" } else { "CPU" }
    }

    fn workers(&self) -> usize {
        self.threads
    }

    /// A thread has one leaf in work, whatever may be handed to it.
    fn member(&self, model: &Model, _: Option<usize>) -> Result<Readied<E>> {
        let (fused, note) = if self.dfdx { (None, None) } else { self.fused(model) };
        let apart = fused.is_none();
        let program = fused.unwrap_or_else(|| Box::new(Reference::new(model)));
        Ok(Readied { member: Box::new(CpuMember::new(program, self.threads, self.memory)), apart, note })
    }
}

impl<E: Element> Unit<E> for Cpu<E> {}

/// One device is several of which there is one.
impl<E: Element> Device<E> for Cpu<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        aggregator::load(std::iter::once(self as &dyn member::Unit<E>), &self.pools, None, model)
    }
}
