//! An NVIDIA GPU as a device.

use crate::aggregator::Aggregate;
use crate::device::{Device, Session};
use crate::error::{DeviceError, Result};
use imnn_models::{Element, Model};
use std::marker::PhantomData;

/// An NVIDIA GPU: the whole network runs there, on batches as large as its memory allows. An
/// [`Aggregator`](crate::Aggregator) makes one device of several.
///
/// The same weights and key give the same bits on the same kind of cards with the same settings. They differ by rounding
/// from those of the CPU, and from those of other batch sizes.
///
/// Needs the feature `cuda`, and where it runs the driver, NVRTC and cuBLAS; [`crate::CudaReport`] says what is missing.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code))] // Without the feature there are none.
pub struct Cuda<E> {
    device: usize,
    memory: Option<usize>,
    tf32: bool,
    element: PhantomData<fn() -> E>,
}

impl<E: Element> Cuda<E> {
    /// The GPU of this number, from 0.
    ///
    /// # Errors
    /// If this build or this machine cannot use it: says what is missing.
    pub fn new(device: usize) -> Result<Self> {
        super::report::check(device)?;
        Ok(Cuda { device, memory: None, tf32: false, element: PhantomData })
    }

    /// Its number.
    pub fn device(&self) -> usize {
        self.device
    }

    /// At most this many bytes of the card's memory; the default is nine tenths of what is free. With less, batches are
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
        1
    }

    /// Each GPU has a session of its own, with an even share of the simulations.
    #[cfg(feature = "cuda")]
    fn load_together(devices: &[Self], n_per_device: Option<usize>, model: &Model) -> Result<Box<dyn Session<E>>> {
        use super::card::Card;
        use super::session::{CardSession, Limits};
        use crate::several::Several;
        let session = |cuda: &Self| -> Result<Box<dyn Session<E>>> {
            let limits = Limits { memory: cuda.memory, n: n_per_device, ..Limits::default() };
            let card = Card::new(cuda.device, size_of::<E>(), cuda.tf32)?;
            Ok(Box::new(CardSession::new(model, card, limits)?))
        };
        let mut sessions = devices.iter().map(session).collect::<Result<Vec<_>>>()?;
        match sessions.len() {
            0 => Err(DeviceError::NoDevices),
            1 => Ok(sessions.remove(0)),
            _ => Ok(Box::new(Several::new(sessions))),
        }
    }

    #[cfg(not(feature = "cuda"))]
    fn load_together(_: &[Self], _: Option<usize>, _: &Model) -> Result<Box<dyn Session<E>>> {
        Err(DeviceError::NoCudaFeature)
    }
}
