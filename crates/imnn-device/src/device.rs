//! The contract between the trainer and whatever runs networks.

use crate::error::Result;
use imnn_data::Source;
use imnn_models::{DeviceUpdate, Element, Model, OptimiserState};
use imnn_sim::Key;
use imnn_stats::{Loss, Record};
use ndarray::{Array2, Array3, ArrayView2};
use std::time::Duration;

/// Whatever runs networks over simulations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a device that runs networks of `{E}`",
    note = "give a `Cpu<E>`, such as `Cpu::all()?`, or a `Cuda<E>`, of the same precision as the `Imnn<E>`"
)]
pub trait Device<E: Element>: Send + Sync {
    /// Compiles a network: what depends on it alone is worked out once, and the memory that its passes need is reused.
    ///
    /// # Errors
    /// If the device cannot run the network.
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>>;
}

impl<E: Element, D: Device<E> + ?Sized> Device<E> for Box<D> {
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>> {
        (**self).load(model)
    }
}

/// A network ready to run. Same network, same task, same bits.
pub trait Session<E: Element>: Send {
    /// The summaries of all simulations. With `keep`, the pass is prepared for [`Session::backward`].
    ///
    /// # Errors
    /// If simulations cannot be read, shapes do not fit, or the network returns NaN or infinity. The session can be
    /// used again.
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries>;

    /// The gradient of the loss with respect to the weights, from that with respect to the summaries: overwrites `gradient`,
    /// which is as long as the weights.
    ///
    /// The task must be that of the last [`Session::forward`], to the last weight; without `keep` there, or after none, the
    /// forward pass is made again.
    ///
    /// # Errors
    /// As [`Session::forward`], and if cotangents, gradient and summaries do not fit. The session can be used again;
    /// `gradient` is then unspecified.
    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()>;

    /// Takes weights and optimiser to the device, so that whole iterations run there; `None` if they cannot, and the
    /// iterations are then made of [`Session::forward`] and [`Session::backward`].
    ///
    /// # Errors
    /// If the device refuses.
    fn start_training(&mut self, _: &Start<'_, E>) -> Result<Option<Box<dyn DeviceTraining<E> + '_>>> {
        Ok(None)
    }

    /// What the workers have spent their time on since the network was loaded; zero if the device does not tell.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// What the user may want to know about how the network is run, such as which layer keeps it from running faster.
    fn note(&self) -> Option<&str>;
}

/// Weights and simulations for a network.
#[derive(Clone, Copy)]
pub struct Task<'a, E: Element> {
    /// The weights of the network, flat, in the order of the model's layout.
    pub weights: &'a [E],
    /// The simulations.
    pub source: &'a dyn Source<E>,
    /// The key of this iteration, for sources that simulate or augment.
    pub key: Key,
}

/// What training on a device begins with.
#[derive(Clone, Copy)]
pub struct Start<'a, E: Element> {
    /// The weights.
    pub weights: &'a [E],
    /// The optimiser.
    pub optimiser: &'a DeviceUpdate,
    /// What it remembers, with vectors as long as the weights.
    pub state: &'a OptimiserState<E>,
    /// The loss.
    pub loss: Loss,
    /// The simulations to train on.
    pub source: &'a dyn Source<E>,
}

/// Training whose weights and optimiser live on a device.
pub trait DeviceTraining<E: Element> {
    /// One iteration: summaries, loss, gradient and update. `iteration` sets the learning rate. With the key of the
    /// iteration after it, that one's simulations may be made while the device works. If ln det F is above `keep_above`, the
    /// weights before the update, to which it belongs, are remembered as the best.
    ///
    /// If there is no loss the weights stay as they are.
    ///
    /// # Errors
    /// As [`Session::forward`]; weights and optimiser are then those before the iteration.
    fn iterate(
        &mut self,
        source: &dyn Source<E>,
        keys: Keys,
        iteration: u64,
        keep_above: Option<f64>,
    ) -> Result<LossResult<'_>>;

    /// The loss of the present weights on other simulations; they are remembered as the best if ln det F is above `keep_above`.
    ///
    /// # Errors
    /// As [`Session::forward`].
    fn validate(&mut self, source: &dyn Source<E>, key: Key, keep_above: Option<f64>) -> Result<LossResult<'_>>;

    /// Brings the best weights to the host; false if none have been remembered here.
    ///
    /// # Errors
    /// If the device refuses.
    fn best(&mut self, weights: &mut [E]) -> Result<bool>;

    /// Brings the present weights and the optimiser's memory to the host.
    ///
    /// # Errors
    /// If the device refuses.
    fn fetch(&mut self, weights: &mut [E], state: &mut OptimiserState<E>) -> Result<()>;
}

/// The keys of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Its own.
    pub own: Key,
    /// That of the next one, if there will be one.
    pub next: Option<Key>,
}

/// The loss of summaries, as a device works it out.
#[derive(Clone, Debug, PartialEq)]
pub enum LossResult<'a> {
    /// What the history records of it.
    Record(Record),
    /// There is none: the covariance or Fisher matrix of these summaries is singular, or a number is beyond f64.
    Singular(&'a Summaries),
}

/// What a network returns for the simulations, in f64 for the statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summaries {
    /// Summaries at the fiducial, `(n_s, n_summaries)`.
    pub x: Array2<f64>,
    /// Their derivatives with respect to the parameters, `(n_d, n_summaries, n_params)`.
    pub dx: Array3<f64>,
}

/// The gradient of the loss with respect to the summaries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cotangents<'a> {
    /// With respect to the summaries, `(n_s, n_summaries)`.
    pub x: ArrayView2<'a, f64>,
    /// With respect to the derivative of the summaries of one simulation, `(n_summaries, n_params)`: the same for all n_d.
    pub dx: ArrayView2<'a, f64>,
}

/// What the workers of a session have spent their time on, all passes and workers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In [`Source::read`]: on reading, simulating and augmenting simulations, or waiting for them. Of a GPU, which does not
    /// read itself, the time in which it had nothing to do meanwhile.
    pub reading: Duration,
    /// On everything; of a GPU, from the beginning of each pass to its end.
    pub total: Duration,
}

impl Usage {
    /// What has come since `earlier`.
    pub fn since(self, earlier: Usage) -> Usage {
        Usage { reading: self.reading.saturating_sub(earlier.reading), total: self.total.saturating_sub(earlier.total) }
    }

    /// The share of reading, from 0 to 1.
    pub fn reading_share(self) -> f64 {
        if self.total.is_zero() {
            return 0.0;
        }
        (self.reading.as_secs_f64() / self.total.as_secs_f64()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_time() {
        let usage = |reading, total| Usage { reading: Duration::from_secs(reading), total: Duration::from_secs(total) };
        assert_eq!(usage(0, 0).reading_share(), 0.0);
        assert_eq!(usage(3, 4).reading_share(), 0.75);
        assert_eq!(usage(7, 10).since(usage(4, 6)), usage(3, 4));
        // Clocks of several processors need not agree.
        assert_eq!(usage(5, 4).reading_share(), 1.0);
        assert_eq!(usage(1, 1).since(usage(2, 2)), usage(0, 0));
    }
}
