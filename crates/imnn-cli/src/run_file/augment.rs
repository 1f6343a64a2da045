//! `[simulations.augment]`: symmetries of the simulations, which noise has too.

use imnn::data::Augmentation;
use imnn::io::{ConfigError, Section};
use serde::Serializer;
use serde::ser::SerializeStruct;

pub(super) const KEYS: [&str; 3] = ["shift", "flip", "transpose"];

/// Reads the keys of symmetries in a table, in which there may be others.
pub(super) fn read(section: &Section<'_>) -> Result<Augmentation, ConfigError> {
    Ok(Augmentation {
        shift: section.or("shift", false)?,
        flip: section.or("flip", false)?,
        transpose: section.or("transpose", false)?,
    })
}

pub(super) fn as_table<S: Serializer>(augment: &Augmentation, serializer: S) -> Result<S::Ok, S::Error> {
    let mut table = serializer.serialize_struct("augment", KEYS.len())?;
    table.serialize_field("shift", &augment.shift)?;
    table.serialize_field("flip", &augment.flip)?;
    table.serialize_field("transpose", &augment.transpose)?;
    table.end()
}
