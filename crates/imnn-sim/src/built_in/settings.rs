//! What the settings of a built-in simulator are.

use crate::{SimError, Simulator};
use serde::{Deserialize, Serialize};

/// The settings of a built-in simulator, as run files give them: a plain table, every key with a default.
pub trait BuiltInSettings: Clone + Default + for<'de> Deserialize<'de> + Serialize {
    /// What the settings describe.
    type Simulator: Simulator + 'static;

    /// The keys.
    const KEYS: &'static [&'static str];

    /// For the program's help: what is simulated, with its parameters and keys.
    const HELP: &'static str;

    /// The simulator.
    ///
    /// # Errors
    /// [`SimError::Setting`], which names the key.
    fn simulator(&self) -> Result<Self::Simulator, SimError>;
}
