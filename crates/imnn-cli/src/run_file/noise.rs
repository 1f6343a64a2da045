//! `[simulations.noise]`: noise that is added to simulations.

use std::path::Path;

use imnn::data::{ArrayPath, Augmentation, Load};
use imnn::io::{ConfigError, Section};
use serde::{Serialize, Serializer};

use super::augment;
use super::files::read_load;

/// Noise that is added to each simulation, drawn anew in each iteration from a bank of samples.
///
/// It is the same for a simulation and its partners below and above, and exact derivatives stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Noise {
    /// The samples, `(n_noise, *input)`.
    pub bank: ArrayPath,
    /// What they are multiplied by; 1 by default.
    pub scale: f64,
    /// Whether the bank is held in memory; chosen by its size by default.
    pub load: Load,
    /// Symmetries that each sample is seen through, drawn apart from those of the simulation; none by default.
    #[serde(flatten)]
    pub symmetries: Augmentation,
}

/// The noise of simulations for validation.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ValidationNoise {
    /// That of training: noise belongs to the data.
    #[default]
    AsTraining,
    /// None, in the file `noise = false`: for simulations that have their noise already.
    None,
    /// From a bank of its own.
    Own(Noise),
}

impl ValidationNoise {
    pub(super) fn is_as_training(&self) -> bool {
        *self == Self::AsTraining
    }

    pub(super) fn resolve(&mut self, base: &Path) {
        if let Self::Own(noise) = self {
            noise.resolve(base);
        }
    }
}

impl Serialize for ValidationNoise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AsTraining => serializer.serialize_bool(true),
            Self::None => serializer.serialize_bool(false),
            Self::Own(noise) => noise.serialize(serializer),
        }
    }
}

impl Noise {
    pub(super) fn resolve(&mut self, base: &Path) {
        self.bank = self.bank.resolve(base);
    }
}

/// Reads the table `noise` of `section`, if there is one.
pub(super) fn read(section: &Section<'_>, base: &Path) -> Result<Option<Noise>, ConfigError> {
    let Some(section) = section.section("noise")? else { return Ok(None) };
    section.only(&[&["bank", "scale", "load"][..], &augment::KEYS].concat())?;
    let bank: ArrayPath =
        section.required("bank", "write the path of the samples, (n_noise, *input), as bank = \"noise.npy\"")?;
    let scale = section.or("scale", 1.0)?;
    if scale <= 0.0 {
        return Err(section.invalid("scale", format!("{scale} is not positive; for no noise leave the table out")));
    }
    let (load, symmetries) = (read_load(&section)?, augment::read(&section)?);
    Ok(Some(Noise { bank: bank.resolve(base), scale, load, symmetries }))
}

/// Reads `noise` of `[simulations.validation]`: a table, or true or false.
pub(super) fn read_validation(section: &Section<'_>, base: &Path) -> Result<ValidationNoise, ConfigError> {
    Ok(match section.optional::<bool>("noise") {
        Ok(Some(false)) => ValidationNoise::None,
        Ok(_) => ValidationNoise::AsTraining,
        Err(_) => read(section, base)?.map_or(ValidationNoise::AsTraining, ValidationNoise::Own),
    })
}
