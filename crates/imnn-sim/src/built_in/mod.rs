//! Built-in simulators, each with its exact Fisher information: a file for each, and one list.
//!
//! To add one, write its file (simulator, [`BuiltInSettings`], tests) beside the others, and add its module and its line to the
//! list below. Run files, their messages and the help of the program follow from the list.

mod fft;
mod line;
mod mean_variance;
mod power_law_field;
mod settings;

pub use line::{LineSettings, NoisyLine};
pub use mean_variance::GaussianMeanVariance;
pub use power_law_field::{PowerLawField, PowerLawFieldSettings};
pub use settings::BuiltInSettings;

use crate::{SimError, Simulator};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;

/// Makes [`BuiltIn`] from the list of names and settings.
macro_rules! built_in {
    ($($name:literal => $variant:ident($settings:ty),)+) => {
        /// The settings of any built-in simulator.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "simulator")]
        #[non_exhaustive]
        pub enum BuiltIn {
            $(
                #[doc = concat!("Run files call it `", $name, "`.")]
                #[serde(rename = $name)]
                $variant($settings),
            )+
        }

        impl BuiltIn {
            /// The names that run files use.
            pub const NAMES: [&'static str; [$($name),+].len()] = [$($name),+];

            /// Reads the settings of the simulator called `name`; nothing if there is none of that name.
            ///
            /// # Errors
            /// Those of the format: unknown keys, values of the wrong type.
            pub fn read<'de, D: Deserializer<'de>>(name: &str, settings: D) -> Option<Result<Self, D::Error>> {
                match name {
                    $($name => Some(<$settings>::deserialize(settings).map(BuiltIn::$variant)),)+
                    _ => None,
                }
            }

            /// The keys of the settings of the simulator called `name`.
            pub fn keys(name: &str) -> Option<&'static [&'static str]> {
                match name {
                    $($name => Some(<$settings>::KEYS),)+
                    _ => None,
                }
            }

            /// The name that run files use.
            pub fn name(&self) -> &'static str {
                match self {
                    $(BuiltIn::$variant(_) => $name,)+
                }
            }

            /// The simulator of these settings.
            ///
            /// # Errors
            /// [`SimError::Setting`], which names the key.
            pub fn simulator(&self) -> Result<Arc<dyn Simulator>, SimError> {
                match self {
                    $(BuiltIn::$variant(settings) => Ok(Arc::new(settings.simulator()?)),)+
                }
            }

            /// What there is, a name and its description for each, for the program's help.
            pub fn help() -> [(&'static str, &'static str); BuiltIn::NAMES.len()] {
                [$(($name, <$settings>::HELP)),+]
            }
        }
    };
}

built_in! {
    "mean_variance" => MeanVariance(GaussianMeanVariance),
    "line" => Line(LineSettings),
    "power_law_field" => PowerLawField(PowerLawFieldSettings),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_simulator_is_read_by_its_name() {
        for name in BuiltIn::NAMES {
            let defaults = BuiltIn::read(name, json!({})).unwrap().unwrap();
            assert_eq!(defaults.name(), name);
            assert!(defaults.simulator().unwrap().n_params() > 0);
            let written = serde_json::to_value(&defaults).unwrap();
            assert_eq!(written["simulator"], *name);
            let unknown = BuiltIn::read(name, json!({ "no such key": 1 })).unwrap().unwrap_err().to_string();
            // serde lists the fields there are.
            let keys = BuiltIn::keys(name).unwrap();
            assert!(keys.iter().all(|key| unknown.contains(&format!("`{key}`"))), "{unknown}");
            assert_eq!(unknown.matches('`').count(), 2 * (keys.len() + 1), "{unknown}");
        }
        assert!(BuiltIn::read("none", json!({})).is_none() && BuiltIn::keys("none").is_none());
        assert!(BuiltIn::help().iter().all(|(_, help)| help.contains("theta")));
    }

    #[test]
    fn settings_are_those_of_the_simulator() {
        let shape = |name: &str, settings| {
            BuiltIn::read(name, settings).unwrap().unwrap().simulator().map(|simulator| simulator.data_shape())
        };
        assert_eq!(shape("mean_variance", json!({})), Ok(vec![10]));
        assert_eq!(shape("line", json!({ "n_data": 5, "x_max": 4.0, "slope_variance": 0.1 })), Ok(vec![5]));
        assert_eq!(shape("power_law_field", json!({ "n": 8, "length": 2.0 })), Ok(vec![8, 8, 1]));
        for (name, settings, message) in [
            ("mean_variance", json!({ "n_data": 0 }), "n_data is 0, expected at least 1"),
            ("line", json!({ "n_data": 1 }), "n_data is 1, expected at least 2"),
            ("line", json!({ "x_min": 10.0 }), "x_max is 10, expected a finite value above x_min"),
            (
                "line",
                json!({ "slope_variance": 0.0 }),
                "slope_variance is 0, expected a finite value above 0; leave it out",
            ),
            ("power_law_field", json!({ "n": 1 }), "n is 1, expected 2 to 16384"),
            ("power_law_field", json!({ "length": -1.0 }), "length is -1, expected a finite value above 0"),
        ] {
            let error = shape(name, settings).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
