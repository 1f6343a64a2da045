//! `[simulations.augment]`: symmetries of the simulations, which noise has too.

use imnn::data::Augmentation;
use imnn::io::{ConfigError, Section};

pub(super) const KEYS: [&str; 3] = ["shift", "flip", "transpose"];

/// Reads the keys of symmetries in a table, in which there may be others.
pub(super) fn read(section: &Section<'_>) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation {
        shift: section.or("shift", false)?,
        flip: section.or("flip", false)?,
        transpose: section.or("transpose", false)?,
    })
}
