//! NVIDIA GPUs as a device.

use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use imnn_models::{Element, Model};
use std::marker::PhantomData;

/// An NVIDIA GPU: the whole network runs there, on batches as large as its memory allows.
///
/// The same weights and key give the same bits on the same kind of card with the same settings. They differ by rounding
/// from those of the CPU, and from those of other batch sizes.
///
/// Needs the feature `cuda`, and where it runs the driver, NVRTC and cuBLAS; [`crate::CudaReport`] says what is missing.
#[derive(Clone, Debug)]
pub struct Cuda<E> {
    pub(super) device: usize,
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
        Self::check(device)?;
        Ok(Cuda { device, n_per_device: None, memory: None, tf32: false, element: PhantomData })
    }

    /// At most this many simulations at a time; the default is as many as fit.
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

    /// At most this many bytes of the card's memory; the default is nine tenths of what is free. With less, batches are
    /// smaller, and what cannot be kept between forward and backward is run again.
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
        super::libraries::check(device)
    }

    #[cfg(not(feature = "cuda"))]
    fn check(_: usize) -> Result<()> {
        Err(DeviceError::NoCudaFeature)
    }
}

impl<E: Element> Device<E> for Cuda<E> {
    #[cfg(feature = "cuda")]
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        use super::session::{CardSession, Limits};
        let card = super::card::Card::new(self.device, size_of::<E>(), self.tf32)?;
        let limits = Limits { memory: self.memory, n: self.n_per_device, ..Limits::default() };
        Ok(Box::new(CardSession::new(model, card, limits)?))
    }

    #[cfg(not(feature = "cuda"))]
    fn load(&self, _: &Model) -> Result<Box<dyn Session<E>>> {
        Err(DeviceError::NoCudaFeature)
    }
}
