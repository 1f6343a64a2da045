//! What the file of an optimiser says about it.

use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::{ModelError, Result};
use crate::settings::{Item, Setting};
use imnn_sim::Real;
use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

/// An optimiser that run files can name. What serde makes of it are the settings in run files beside the learning rate, with
/// the defaults of [`Default`]; they are numbers or truth values.
pub(crate) trait Listed: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name in run files.
    const NAME: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// The vectors that it remembers between updates, each as long as the parameters.
    const SLOTS: &'static [&'static str];
    /// The kernel in `kernels/update.cu` that makes the same update on a GPU.
    const KERNEL: &'static str;

    /// The learning rate.
    fn rate(&self) -> &Schedule;

    /// The learning rate, to be changed.
    fn rate_mut(&mut self) -> &mut Schedule;

    /// Refuses settings that are out of their range.
    fn check_settings(&self) -> Result<()>;

    /// The numbers of one update, in the order of `c` in the kernel.
    fn coefficients(&self, iteration: u64) -> Vec<f64>;

    /// One update; vectors of the state are in the order of [`Listed::SLOTS`].
    fn step<E: Real>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]);
}

/// The numbers of one update, in the order of `c` in the kernel.
macro_rules! coefficients {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The numbers of one update, in the order of `c` in the kernel.
        #[derive(Clone, Copy)]
        pub(super) struct Coefficients<E> {
            $($(#[$doc])* $name: E,)*
        }

        impl Coefficients<f64> {
            pub(super) fn to_vec(self) -> Vec<f64> {
                vec![$(self.$name),*]
            }

            /// In the precision of the weights.
            fn rounded<E: imnn_sim::Real>(self) -> Coefficients<E> {
                Coefficients { $($name: E::of(self.$name)),* }
            }
        }
    };
}
pub(super) use coefficients;

/// The optimiser as it is, if its settings are in range.
pub(super) fn checked<O: Listed>(optimiser: O) -> Result<O> {
    optimiser.rate().check()?;
    optimiser.check_settings()?;
    Ok(optimiser)
}

/// The default settings with this learning rate.
pub(super) fn with_rate<O: Listed>(rate: impl Into<Schedule>) -> Result<O> {
    let mut optimiser = O::default();
    *optimiser.rate_mut() = rate.into();
    checked(optimiser)
}

/// Reads the settings of an optimiser.
pub(super) fn read<O: Listed>(item: &Item<'_>) -> Result<O> {
    let mut settings = settings(&O::default())?;
    let known: Vec<&str> =
        ["learning_rate", "schedule"].into_iter().chain(settings.keys().map(String::as_str)).collect();
    let fields = item.fields(&known)?;
    let rate = match (fields.get("learning_rate"), fields.get("schedule")) {
        (Some(_), Some(_)) => return item.refuse("it has both learning_rate and schedule; keep one"),
        (Some(rate), None) => f64::read(&rate)?.into(),
        (None, Some(schedule)) => Schedule::read(&schedule)?,
        (None, None) => Schedule::default(),
    };
    for (key, value) in &mut settings {
        if let Some(given) = fields.get(key) {
            *value = if value.is_bool() { bool::read(&given)?.into() } else { f64::read(&given)?.into() };
        }
    }
    let mut optimiser: O = settings.try_into().or_else(|error: toml::de::Error| item.refuse(error.message()))?;
    *optimiser.rate_mut() = rate;
    checked(optimiser).or_else(|error| out_of_range(item, error))
}

/// The table that [`read`] reads.
pub(super) fn write<O: Listed>(optimiser: &O) -> Result<Value> {
    let mut table = settings(optimiser)?;
    match optimiser.rate() {
        Schedule::Constant(rate) => table.insert("learning_rate".into(), (*rate).into()),
        schedule => table.insert("schedule".into(), schedule.write()),
    };
    Ok(Value::Table(table))
}

/// The settings beside the learning rate.
fn settings<O: Listed>(optimiser: &O) -> Result<Table> {
    Table::try_from(optimiser).map_err(|error| ModelError::Description {
        location: format!("optimiser.{}", O::NAME),
        message: error.to_string(),
    })
}

/// Says where a setting that is out of range stands.
pub(super) fn out_of_range<T>(item: &Item<'_>, error: ModelError) -> Result<T> {
    match error {
        ModelError::Setting { .. } => item.refuse(error.to_string()),
        other => Err(other),
    }
}
