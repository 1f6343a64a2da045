//! Several devices as one.

use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use crate::leaves::leaf_size;
use crate::member::{self, Readied};
use crate::pools::Pools;
use crate::session::LeafSession;
use imnn_models::{Element, Model};

/// A device that can be one of the several of an [`Aggregator`], such as [`crate::Cpu`].
pub trait Unit<E: Element>: Device<E> + member::Unit<E> {}

/// Several devices of one kind as one.
///
/// Simulations are shared out among the devices in leaves, in proportion to their workers: a CPU has one for each thread. Who
/// is done first takes over from who is not, so a device that is busy with something else keeps the others waiting for its
/// last leaf at most. Gradients are added in the memory of the host, in the fixed order of one device: **the bits are those
/// of one device**, however many there are, for any numbers of simulations.
///
/// Several [`crate::Cpu`]s on one machine run as fast as one with as many threads; what they add is a bound of memory for
/// each.
///
/// ```
/// use imnn_device::{Aggregator, Cpu};
///
/// let device = Aggregator::<f32>::new(vec![Cpu::new(1)?, Cpu::new(1)?])?.with_n_per_device(100)?;
/// assert_eq!((device.len(), device.workers()), (2, 2));
/// # Ok::<(), imnn_device::DeviceError>(())
/// ```
pub struct Aggregator<E: Element> {
    units: Vec<Box<dyn member::Unit<E>>>,
    n_per_device: Option<usize>,
    pools: Pools,
}

impl<E: Element> Aggregator<E> {
    /// These devices as one.
    ///
    /// # Errors
    /// If there are none, or they are set up so that their results would differ: all of them have to run networks the same
    /// way. Numbers of threads and memory may differ.
    pub fn new<U: Unit<E> + 'static>(devices: impl IntoIterator<Item = U>) -> Result<Self> {
        let boxed = |unit| -> Box<dyn member::Unit<E>> { Box::new(unit) };
        let units: Vec<_> = devices.into_iter().map(boxed).collect();
        let Some(first) = units.first() else { return Err(DeviceError::NoDevices) };
        let first = first.kind();
        if let Some((index, unit)) = units.iter().enumerate().find(|(_, unit)| unit.kind() != first) {
            return Err(DeviceError::Kinds { first, index, other: unit.kind() });
        }
        Ok(Aggregator { units, n_per_device: None, pools: Pools::default() })
    }

    /// A worker of a device (a thread of a CPU; a GPU is one worker) is handed at most so many simulations at once. By
    /// default as many as suit the device.
    ///
    /// Simulations go in whole leaves of up to 64, fewer where a simulation is large in the network; a CPU takes one leaf at
    /// a time anyway. The bits do not depend on any value of at least a leaf. Below that the leaves themselves are cut
    /// smaller: sums are then taken in another order, results may differ in their last digits, and the network runs slower.
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
        self.units.len()
    }

    /// How many leaves are in work at once, on all devices together.
    pub fn workers(&self) -> usize {
        self.units.iter().map(|unit| unit.workers()).sum()
    }
}

impl<E: Element> Device<E> for Aggregator<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        load(self.units.iter().map(|unit| unit.as_ref()), &self.pools, self.n_per_device, model)
    }
}

/// A session of these devices, all of one kind.
pub(crate) fn load<'a, E: Element>(
    units: impl Iterator<Item = &'a dyn member::Unit<E>>,
    pools: &Pools,
    n_per_device: Option<usize>,
    model: &Model,
) -> Result<Box<dyn Session<E>>> {
    let (mut members, mut threads, mut apart, mut notes) = (vec![], 0, false, vec![]);
    for unit in units {
        let Readied { member, apart: alone, note } = unit.member(model, n_per_device)?;
        members.push((member, unit.workers()));
        threads += unit.workers();
        apart |= alone;
        notes.extend(note.filter(|note| !notes.contains(note)));
    }
    let leaf = leaf_size(model);
    if let Some(n) = n_per_device.filter(|&n| n < leaf) {
        notes.push(format!(
            "n_per_device = {n} cuts leaves smaller than the {leaf} simulations that suit the network: it runs slower, and \
             results may differ in their last digits"
        ));
    }
    let note = if notes.is_empty() { None } else { Some(notes.join("; ")) };
    Ok(Box::new(LeafSession::new(model, members, pools.get(threads, apart)?, n_per_device, note)))
}

#[cfg(test)]
mod tests;
