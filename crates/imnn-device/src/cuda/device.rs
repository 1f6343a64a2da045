//! NVIDIA GPUs as a device.

use crate::aggregator::Aggregate;
use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use imnn_models::{Element, Model};
use std::marker::PhantomData;

/// NVIDIA GPUs: the whole network runs there, on batches as large as its memory allows.
///
/// Several GPUs share the simulations evenly; each is served by a thread of its own, and their gradients are added on the
/// host in the order in which they are given.
///
/// The same weights and key give the same bits on the same kind of cards with the same settings. They differ by rounding
/// from those of the CPU, and from those of other batch sizes.
///
/// Needs the feature `cuda`, and where it runs the driver, NVRTC and cuBLAS; [`crate::CudaReport`] says what is missing.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))] // Without the feature there are none.
pub struct Cuda<E> {
    pub(super) devices: Vec<usize>,
    pub(super) n_per_device: Option<usize>,
    pub(super) memory: Option<usize>,
    pub(super) tf32: bool,
    element: PhantomData<fn() -> E>,
}

impl<E: Element> Cuda<E> {
    /// The GPU of this number, from 0.
    ///
    /// # Errors
    /// If this build or this machine cannot use it: says what is missing.
    pub fn new(device: usize) -> Result<Self> {
        Self::several(&[device])
    }

    /// The GPUs of these numbers.
    ///
    /// # Errors
    /// If there are none, or this build or this machine cannot use one of them: says what is missing.
    pub fn several(devices: &[usize]) -> Result<Self> {
        if devices.is_empty() {
            return Err(DeviceError::NoDevices);
        }
        devices.iter().try_for_each(|&device| Self::check(device))?;
        let devices = devices.to_vec();
        Ok(Cuda { devices, n_per_device: None, memory: None, tf32: false, element: PhantomData })
    }

    /// The numbers of the GPUs.
    pub fn devices(&self) -> &[usize] {
        &self.devices
    }

    /// At most this many simulations at a time on each; the default is as many as fit.
    ///
    /// # Errors
    /// If it is 0.
    pub fn with_n_per_device(mut self, n: usize) -> Result<Self> {
        if n == 0 {
            return Err(DeviceError::NPerDevice);
        }
        self.n_per_device = Some(n);
        Ok(self)
    }

    /// At most this many bytes of each card's memory; the default is nine tenths of what is free. With less, batches are
    /// smaller, and what cannot be saved between forward and backward is run again.
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Whether matrix products in f32 may round their factors to TF32, ten bits of mantissa: several times faster on cards
    /// that have it, and exact to three digits. The default is no.
    pub fn with_tf32(mut self, tf32: bool) -> Self {
        self.tf32 = tf32;
        self
    }

    #[cfg(feature = "cuda")]
    fn check(device: usize) -> Result<()> {
        super::report::check(device)
    }

    #[cfg(not(feature = "cuda"))]
    fn check(_: usize) -> Result<()> {
        Err(DeviceError::NoCudaFeature)
    }
}

impl<E: Element> Device<E> for Cuda<E> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        Self::load_together(std::slice::from_ref(self), None, model)
    }
}

impl<E: Element> Aggregate<E> for Cuda<E> {
    fn kind(&self) -> &'static str {
        if self.tf32 { "GPU in TF32" } else { "GPU" }
    }

    fn workers(&self) -> usize {
        self.devices.len()
    }

    /// Each GPU has a session of its own, with an even share of the simulations.
    #[cfg(feature = "cuda")]
    fn load_together(devices: &[Self], n_per_device: Option<usize>, model: &Model) -> Result<Box<dyn Session<E>>> {
        use super::card::Card;
        use super::session::{CardSession, Limits};
        use crate::several::Several;
        let mut sessions: Vec<Box<dyn Session<E>>> = Vec::new();
        for cuda in devices {
            let n = [n_per_device, cuda.n_per_device].into_iter().flatten().min();
            let limits = Limits { memory: cuda.memory, n, ..Limits::default() };
            for &device in &cuda.devices {
                let card = Card::new(device, size_of::<E>(), cuda.tf32)?;
                sessions.push(Box::new(CardSession::new(model, card, limits)?));
            }
        }
        match sessions.pop() {
            None => Err(DeviceError::NoDevices),
            Some(only) if sessions.is_empty() => Ok(only),
            Some(last) => {
                sessions.push(last);
                Ok(Box::new(Several::new(sessions)))
            }
        }
    }

    #[cfg(not(feature = "cuda"))]
    fn load_together(_: &[Self], _: Option<usize>, _: &Model) -> Result<Box<dyn Session<E>>> {
        Err(DeviceError::NoCudaFeature)
    }
}
