//! Optimisers: how a gradient changes the parameters. One file each, and one word in the list below.
//!
//! The file of an optimiser has its settings with their defaults and ranges, its rule, and the name of the kernel that does
//! the same on a GPU.

mod clip;
mod clipped;
mod listed;
mod optimiser;
mod range;
mod schedule;
mod state;

pub use clip::Clip;
pub use clipped::Clipped;
pub use optimiser::{DeviceUpdate, Optimiser};
pub use schedule::Schedule;
pub use state::OptimiserState;

use crate::catalogue::{self, Catalogued};
use crate::error::Result;
use crate::model::Model;
use crate::settings::{read_value, table_of};
use imnn_compute::Number;
use imnn_io::{ConfigError, Item, Section};
use listed::{Listed, read, write};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use toml::{Table, Value};

macro_rules! optimisers {
    ($($file:ident: $optimiser:ident;)*) => {
        $(mod $file;)*

        /// The built-in optimisers.
        pub mod built_in {
            $(pub use super::$file::$optimiser;)*
        }

        $(pub use $file::$optimiser;)*

        /// One of the built-in optimisers.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Method {
            $(
                #[doc = concat!("[`struct@", stringify!($optimiser), "`].")]
                $optimiser($optimiser),
            )*
        }

        $(
            impl From<$optimiser> for Method {
                fn from(optimiser: $optimiser) -> Self {
                    Method::$optimiser(optimiser)
                }
            }

            impl From<$optimiser> for OptimiserConfig {
                fn from(optimiser: $optimiser) -> Self {
                    Clipped { optimiser: optimiser.into(), clip: None }
                }
            }

            impl<E: Number> Optimiser<E> for $optimiser {
                fn name(&self) -> &str {
                    Self::NAME
                }

                fn device_update(&self) -> Option<DeviceUpdate> {
                    let optimiser = self.clone();
                    Some(DeviceUpdate::new(Self::KERNEL, move |iteration| optimiser.numbers(iteration).into()))
                }

                fn for_model(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
                    Listed::for_model(self, model)
                }

                fn initialise(&self, n: usize) -> OptimiserState<E> {
                    OptimiserState::zeros(Self::SLOTS, n)
                }

                fn update(
                    &self,
                    iteration: u64,
                    gradient: &mut [E],
                    state: &mut OptimiserState<E>,
                    parameters: &mut [E],
                ) {
                    assert_eq!(gradient.len(), parameters.len(), "one gradient entry per parameter");
                    self.step(iteration, gradient, state, parameters);
                }
            }
        )*

        impl Method {
            fn inner<E: Number>(&self) -> &dyn Optimiser<E> {
                match self {
                    $(Method::$optimiser(optimiser) => optimiser,)*
                }
            }

            fn write(&self) -> Result<(&'static str, Value)> {
                match self {
                    $(Method::$optimiser(optimiser) => Ok(($optimiser::NAME, write(optimiser)?)),)*
                }
            }

            /// The optimisers that this table names.
            fn read_all(table: &Section<'_>) -> Result<Vec<Method>, ConfigError> {
                let mut methods = Vec::new();
                $(
                    if let Some(item) = table.item($optimiser::NAME) {
                        methods.push(read::<$optimiser>(&item)?.into());
                    }
                )*
                Ok(methods)
            }
        }

        /// Every built-in optimiser.
        pub fn catalogue() -> Vec<Catalogued> {
            vec![$(Catalogued {
                name: $optimiser::NAME,
                example: format!("{} = {{ learning_rate = 1e-3 }}", $optimiser::NAME),
                about: $optimiser::ABOUT,
            }),*]
        }
    };
}

optimisers! {
    adam: Adam;
    adamw: AdamW;
    sgd: Sgd;
    rmsprop: RmsProp;
    muon: Muon;
}

/// The optimisers as lines of a help text: how each is written, and what it does.
pub fn help() -> String {
    catalogue::lines(&catalogue())
}

impl Default for Method {
    /// Adam with a learning rate of 1e-3.
    fn default() -> Self {
        Adam::default().into()
    }
}

impl<E: Number> Optimiser<E> for Method {
    fn name(&self) -> &str {
        self.inner::<E>().name()
    }

    fn device_update(&self) -> Option<DeviceUpdate> {
        self.inner::<E>().device_update()
    }

    fn for_model(&self, model: &Model) -> Option<Box<dyn Optimiser<E>>> {
        self.inner().for_model(model)
    }

    fn initialise(&self, n: usize) -> OptimiserState<E> {
        self.inner().initialise(n)
    }

    fn update(&self, iteration: u64, gradient: &mut [E], state: &mut OptimiserState<E>, parameters: &mut [E]) {
        self.inner().update(iteration, gradient, state, parameters);
    }
}

/// An optimiser of the built-in ones with its settings, as in a run file:
///
/// ```toml
/// [optimiser]
/// adam = { schedule = { cosine = { start = 3e-3, iterations = 3000 } } }
/// clip_norm = 1.0
/// ```
///
/// [`catalogue`] lists the optimisers; `learning_rate` or `schedule` is a setting of each.
///
/// Schedules: `cosine = { start, iterations, end = 0 }`, `exponential = { start, factor, iterations }`,
/// `piecewise = { rates, at }`, `steps = { start, factor, at }`, `warm_up = { iterations, then }`, where `then` is a number
/// or a schedule; see [`Schedule`].
///
/// ```
/// use imnn_models::OptimiserConfig;
/// let config: OptimiserConfig = toml::from_str("sgd = { learning_rate = 0.1, momentum = 0.9 }")?;
/// let error = toml::from_str::<OptimiserConfig>("adm = { learning_rate = 0.1 }").unwrap_err();
/// assert!(error.to_string().contains("did you mean \"adam\"?"));
/// # Ok::<(), toml::de::Error>(())
/// ```
pub type OptimiserConfig = Clipped<Method>;

impl OptimiserConfig {
    /// Reads the table `[optimiser]` of a run file.
    ///
    /// # Errors
    /// [`crate::ModelError::Description`] saying where, what was found, and what to write.
    pub fn from_toml(value: &Value) -> Result<Self> {
        read_value("optimiser", value, Self::read)
    }

    /// As [`OptimiserConfig::from_toml`], from a run file.
    ///
    /// # Errors
    /// As there, with the line.
    pub fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        let names: Vec<&str> = catalogue().into_iter().map(|optimiser| optimiser.name).collect();
        let table = table_of(item, &[&names[..], &["clip_norm", "clip_value"]].concat())?;
        let mut methods = Method::read_all(&table)?.into_iter();
        let optimiser = match (methods.next(), methods.next()) {
            (Some(method), None) => method,
            (None, _) => {
                let message = "it names no optimiser; write for instance adam = { learning_rate = 1e-3 }";
                return Err(item.invalid(message));
            }
            (Some(first), Some(second)) => {
                let [first, second] = [first, second].map(|method| method.inner::<f64>().name().to_string());
                return Err(item.invalid(format!("it names both {first} and {second}; keep one")));
            }
        };
        let clip = match (table.optional("clip_norm")?, table.optional("clip_value")?) {
            (Some(_), Some(_)) => return Err(item.invalid("it has both clip_norm and clip_value; keep one")),
            (Some(limit), None) => Some(Clip::Norm(limit)),
            (None, Some(limit)) => Some(Clip::Value(limit)),
            (None, None) => None,
        };
        let clip = clip.map(Clip::checked).transpose().map_err(|error| table.refused(error))?;
        Ok(Clipped { optimiser, clip })
    }

    /// The table that [`OptimiserConfig::from_toml`] reads.
    ///
    /// # Errors
    /// If a setting cannot be written.
    pub fn to_toml(&self) -> Result<Value> {
        let (name, settings) = self.optimiser.write()?;
        let mut table = Table::from_iter([(name.to_string(), settings)]);
        match self.clip {
            Some(Clip::Norm(limit)) => table.insert("clip_norm".into(), limit.into()),
            Some(Clip::Value(limit)) => table.insert("clip_value".into(), limit.into()),
            None => None,
        };
        Ok(Value::Table(table))
    }
}

impl Serialize for OptimiserConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_toml().map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OptimiserConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_toml(&Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
