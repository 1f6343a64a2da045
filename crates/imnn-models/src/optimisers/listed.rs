//! What the file of an optimiser says about it.

use super::optimiser::Optimiser;
use super::schedule::Schedule;
use super::state::OptimiserState;
use crate::error::{ModelError, Result};
use crate::model::Model;
use crate::settings::{Setting, table_of};
use imnn_compute::Number;
use imnn_io::{ConfigError, Item};
use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

pub(crate) trait Settings: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The settings beside the learning rate.
    const KEYS: &'static [&'static str];

    /// The learning rate.
    fn rate(&self) -> &Schedule;

    fn rate_mut(&mut self) -> &mut Schedule;

    /// Refuses settings that are out of their range.
    fn check_settings(&self) -> Result<()>;
}

/// An optimiser that run files can name. What serde makes of it are the settings in run files beside the learning rate, with
/// the defaults of [`Default`]; they are numbers or truth values.
pub(crate) trait Listed: Settings {
    /// The name in run files.
    const NAME: &'static str;
    /// What it does, in one line.
    const ABOUT: &'static str;
    /// The vectors that it remembers between updates, each as long as the parameters.
    const SLOTS: &'static [&'static str];
    /// The kernel in `kernels/update.cu` that makes the same update on a GPU.
    const KERNEL: &'static str;
    /// The numbers of one update, in the order of `c` in the kernel.
    type Numbers: Into<Vec<f64>>;

    fn numbers(&self, iteration: u64) -> Self::Numbers;

    /// One update; vectors of the state are in the order of [`Listed::SLOTS`].
    fn step<E: Number>(&self, iteration: u64, gradient: &[E], state: &mut OptimiserState<E>, parameters: &mut [E]);

    /// As [`Optimiser::for_model`].
    fn for_model<E: Number>(&self, _: &Model) -> Option<Box<dyn Optimiser<E>>> {
        None
    }
}

/// An optimiser with a learning rate and these settings, each with its default and, behind a comma, what checks its range: the
/// type, `new`, and a method for each setting.
macro_rules! optimiser {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])+ $setting:ident: $type:ty = $default:literal $(, $range:ident)?;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name {
            #[serde(skip)]
            learning_rate: Schedule,
            $($setting: $type,)+
        }

        impl Default for $name {
            /// The default settings with a learning rate of 1e-3.
            fn default() -> Self {
                $name { learning_rate: Schedule::default(), $($setting: $default),+ }
            }
        }

        impl $name {
            /// The default settings with this learning rate.
            ///
            /// # Errors
            /// If the learning rate is out of range.
            pub fn new(learning_rate: impl Into<Schedule>) -> Result<Self> {
                checked($name { learning_rate: learning_rate.into(), ..Self::default() })
            }

            $(optimiser!(@set $(#[$about])+ $name $setting: $type $(, $range)?);)+

            /// The learning rate.
            pub fn learning_rate(&self) -> &Schedule {
                &self.learning_rate
            }
        }

        impl Settings for $name {
            const KEYS: &'static [&'static str] = &[$(stringify!($setting)),+];

            fn rate(&self) -> &Schedule {
                &self.learning_rate
            }

            fn rate_mut(&mut self) -> &mut Schedule {
                &mut self.learning_rate
            }

            fn check_settings(&self) -> Result<()> {
                $($($range(stringify!($setting), self.$setting)?;)?)+
                Ok(())
            }
        }
    };
    (@set $(#[$about:meta])+ $name:ident $setting:ident: $type:ty, $range:ident) => {
        $(#[$about])+
        ///
        /// # Errors
        /// If it is out of range.
        pub fn $setting(self, $setting: $type) -> Result<Self> {
            checked($name { $setting, ..self })
        }
    };
    (@set $(#[$about:meta])+ $name:ident $setting:ident: $type:ty) => {
        $(#[$about])+
        pub fn $setting(self, $setting: $type) -> Self {
            $name { $setting, ..self }
        }
    };
}
pub(super) use optimiser;

/// The numbers of one update, in the order of `c` in the kernel.
macro_rules! coefficients {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The numbers of one update.
        #[derive(Clone, Copy)]
        pub(crate) struct Coefficients<E> {
            $($(#[$doc])* $name: E,)*
        }

        impl Coefficients<f64> {
            /// In the precision of the weights.
            fn rounded<E: imnn_sim::Real>(self) -> Coefficients<E> {
                Coefficients { $($name: E::of(self.$name)),* }
            }
        }

        impl From<Coefficients<f64>> for Vec<f64> {
            fn from(numbers: Coefficients<f64>) -> Self {
                vec![$(numbers.$name),*]
            }
        }
    };
}
pub(super) use coefficients;

/// The optimiser as it is, if its settings are in range.
pub(super) fn checked<O: Settings>(optimiser: O) -> Result<O> {
    optimiser.rate().check()?;
    optimiser.check_settings()?;
    Ok(optimiser)
}

/// Reads the settings of an optimiser.
pub(super) fn read<O: Listed>(item: &Item<'_>) -> Result<O, ConfigError> {
    let table = table_of(item, &[&["learning_rate", "schedule"], O::KEYS].concat())?;
    let rate = match (table.item("learning_rate"), table.item("schedule")) {
        (Some(_), Some(_)) => return Err(item.invalid("it has both learning_rate and schedule; keep one")),
        (Some(rate), None) => rate.read::<f64>()?.into(),
        (None, Some(schedule)) => Schedule::read(&schedule)?,
        (None, None) => Schedule::default(),
    };
    let mut optimiser: O = table.settings_of(O::KEYS, |values| O::deserialize(values))?;
    *optimiser.rate_mut() = rate;
    checked(optimiser).map_err(|error| table.refused(error))
}

/// The table that [`read`] reads.
pub(super) fn write<O: Listed>(optimiser: &O) -> Result<Value> {
    let mut table = Table::try_from(optimiser).map_err(|error| ModelError::Description {
        location: format!("optimiser.{}", O::NAME),
        message: error.to_string(),
    })?;
    match optimiser.rate() {
        Schedule::Constant(rate) => table.insert("learning_rate".into(), (*rate).into()),
        schedule => table.insert("schedule".into(), schedule.write()),
    };
    Ok(Value::Table(table))
}
