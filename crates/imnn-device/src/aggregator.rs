//! Several devices as one.

use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use imnn_models::{Element, Model};
use std::marker::PhantomData;

/// A device of which several can share the simulations; see [`Aggregator`].
pub trait Aggregate<E: Element>: Device<E> + Sized {
    /// How it runs networks. Devices of the same kind give the same bits.
    fn kind(&self) -> &'static str;

    /// How many parts of the simulations it has in work at once, at least 1: a CPU one for each thread, a GPU one.
    fn workers(&self) -> usize;

    /// Compiles a network for these devices, all of one kind, together. No worker is given more than `n_per_device`
    /// simulations at once.
    ///
    /// # Errors
    /// If there are no devices, or one of them cannot run the network.
    fn load_together(devices: &[Self], n_per_device: Option<usize>, model: &Model) -> Result<Box<dyn Session<E>>>;
}

/// Several devices of one kind as one.
///
/// The workers of several [`Cpu`](crate::Cpu)s, one for each thread, share the simulations in microbatches. Whoever is done
/// first takes over from the others, so a CPU that is busy with something else keeps them waiting for its last microbatch at
/// most. Gradients are added in the fixed order of one device: **the bits are those of one device**, however many there are,
/// for any numbers of simulations. Several `Cpu`s on one machine run as fast as one with as many threads; what they add is a
/// bound of memory for each.
///
/// Several GPUs ([`Cuda`](crate::Cuda)) share the simulations evenly, each served by a thread of its own. Their gradients are
/// added on the host in the order of the devices.
///
/// ```
/// use imnn_device::{Aggregator, Cpu};
///
/// let device = Aggregator::<f32>::new(vec![Cpu::new(1)?, Cpu::new(1)?])?.with_n_per_device(100)?;
/// assert_eq!((device.len(), device.workers()), (2, 2));
/// # Ok::<(), imnn_device::DeviceError>(())
/// ```
pub struct Aggregator<E, D = crate::Cpu<E>> {
    devices: Vec<D>,
    n_per_device: Option<usize>,
    element: PhantomData<fn() -> E>,
}

impl<E: Element, D: Aggregate<E>> Aggregator<E, D> {
    /// These devices as one.
    ///
    /// # Errors
    /// If there are none, or they are set up so that their results would differ: all of them have to run networks the same
    /// way. Numbers of threads and memory may differ.
    pub fn new(devices: impl IntoIterator<Item = D>) -> Result<Self> {
        let devices: Vec<D> = devices.into_iter().collect();
        let Some(first) = devices.first() else { return Err(DeviceError::NoDevices) };
        let first = first.kind();
        if let Some((index, device)) = devices.iter().enumerate().find(|(_, device)| device.kind() != first) {
            return Err(DeviceError::Kinds { first, index, other: device.kind() });
        }
        Ok(Aggregator { devices, n_per_device: None, element: PhantomData })
    }

    /// A worker (a thread of a CPU, a GPU) is given at most so many simulations at once. By default as many as suit the
    /// device; on a GPU, as many as fit.
    ///
    /// On CPUs simulations go in microbatches of up to 64, fewer if a simulation is large in the network. The bits do not
    /// depend on any value of at least a microbatch. Below that the microbatches themselves are cut smaller: sums are then
    /// taken in another order, results may differ in their last digits, and the network runs slower.
    ///
    /// # Errors
    /// If it is 0.
    pub fn with_n_per_device(mut self, n_per_device: usize) -> Result<Self> {
        if n_per_device == 0 {
            return Err(DeviceError::NPerDevice);
        }
        self.n_per_device = Some(n_per_device);
        Ok(self)
    }

    /// Number of devices.
    #[allow(clippy::len_without_is_empty)] // There is always one.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// How many parts of the simulations are in work at once, on all devices together.
    pub fn workers(&self) -> usize {
        self.devices.iter().map(D::workers).sum()
    }
}

impl<E: Element, D: Aggregate<E>> Device<E> for Aggregator<E, D> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        D::load_together(&self.devices, self.n_per_device, model)
    }
}
