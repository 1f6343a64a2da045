//! Weights and optimiser states in files.

mod npz;
mod safe;
mod state;

use crate::error::{ModelError, Result};
use crate::layout::{Layout, Parameters};
use imnn_io::atomic::write;
use imnn_sim::Real;
use std::path::Path;
use std::sync::Arc;

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Safetensors,
    Npz,
}

impl Format {
    /// The format that the name of the file ends in.
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("safetensors") => Ok(Format::Safetensors),
            Some("npz") => Ok(Format::Npz),
            _ => refuse(path, "weights are kept in files that end in .safetensors or .npz"),
        }
    }
}

/// The error `path: message`.
fn refuse<T>(path: &Path, message: impl Into<String>) -> Result<T> {
    Err(ModelError::File { path: path.into(), message: message.into() })
}

/// All bytes of a file.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).or_else(|error| refuse(path, format!("cannot read it: {error}")))
}

/// Named arrays that a file holds.
trait Archive {
    /// The names, in any order.
    fn names(&self) -> Vec<String>;

    /// The shape of an array.
    fn shape(&mut self, name: &str) -> Result<Vec<usize>, String>;

    /// The entries of an array in row-major order.
    fn read(&mut self, name: &str) -> Result<Vec<f64>, String>;
}

/// A named array to be written, its shape and entries.
type Entry<'a, E> = (&'a str, &'a [usize], &'a [E]);

impl<E: Real> Parameters<E> {
    /// Writes the weights, in the format that the name of the file ends in: `.safetensors`, or `.npz` for numpy (arrays
    /// `layers/0/weight`, ...). The file appears whole or not at all.
    ///
    /// ```
    /// use imnn_models::{dense, serial, Model, Parameters};
    /// use imnn_sim::Key;
    /// let folder = tempfile::tempdir()?;
    /// let model = Model::new(serial([dense(2)]), &[3])?;
    /// let weights = model.initialise::<f32>(Key::new(0));
    /// for name in ["weights.safetensors", "weights.npz"] {
    ///     weights.save(folder.path().join(name))?;
    ///     assert_eq!(Parameters::load(folder.path().join(name), model.layout())?, weights);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the name ends otherwise or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.encode(Format::of(path)?).or_else(|message| refuse(path, message))?;
        Ok(write(path, bytes)?)
    }

    /// Reads weights that [`Parameters::save`] or numpy wrote: `.safetensors` or `.npz`, in single or double precision,
    /// whichever is wanted here.
    ///
    /// # Errors
    /// If the file cannot be read, the names or shapes of its arrays are not those of `layout`, or a weight is not finite.
    pub fn load(path: impl AsRef<Path>, layout: &Arc<Layout>) -> Result<Self> {
        let path = path.as_ref();
        let format = Format::of(path)?;
        Self::decode(format, path, &read_bytes(path)?, layout)
    }

    fn encode(&self, format: Format) -> Result<Vec<u8>, String> {
        let entries: Vec<Entry<'_, E>> = (self.layout().entries().iter().enumerate())
            .map(|(k, entry)| (entry.name.as_str(), entry.shape.as_slice(), self.entry(k)))
            .collect();
        match format {
            Format::Safetensors => safe::encode(&entries, safe::PARAMETERS),
            Format::Npz => npz::encode(&entries),
        }
    }

    /// The weights in the bytes of the file `path`.
    fn decode(format: Format, path: &Path, bytes: &[u8], layout: &Arc<Layout>) -> Result<Self> {
        let in_file = |message| ModelError::File { path: path.into(), message };
        let mut archive: Box<dyn Archive + '_> = match format {
            Format::Safetensors => Box::new(safe::SafeArchive::new(bytes, safe::PARAMETERS).map_err(in_file)?),
            Format::Npz => Box::new(npz::NpzArchive::new(bytes).map_err(in_file)?),
        };
        let other_network = |message: String| {
            Err(ModelError::Parameters {
                origin: path.display().to_string(),
                message: format!("{message}; these are the weights of another network"),
            })
        };
        let names = archive.names();
        for entry in layout.entries() {
            if !names.contains(&entry.name) {
                return other_network(format!("the array {} of shape {:?} is missing", entry.name, entry.shape));
            }
            let shape = archive.shape(&entry.name).map_err(in_file)?;
            if shape != entry.shape {
                return other_network(format!("{} has the shape {shape:?}, expected {:?}", entry.name, entry.shape));
            }
        }
        if let Some(name) = names.iter().find(|name| layout.entries().iter().all(|entry| &entry.name != *name)) {
            return other_network(format!("the network has no array {:?}", imnn_io::text::shortened(name)));
        }
        // Memory is taken for arrays that are there alone: a damaged description may tell of any number of weights.
        let mut values = Vec::new();
        for entry in layout.entries() {
            let found = archive.read(&entry.name).map_err(in_file)?;
            let start = values.len();
            values.resize(start + found.len(), E::zero());
            fill(&mut values[start..], &found, &entry.name).map_err(in_file)?;
        }
        Parameters::new(values, layout.clone())
    }
}

/// Converts the entries of the array `name`, which must be finite.
fn fill<E: Real>(to: &mut [E], from: &[f64], name: &str) -> Result<(), String> {
    if to.len() != from.len() {
        return Err(format!("{name} has {} entries, expected {}", from.len(), to.len()));
    }
    for (at, (to, &from)) in to.iter_mut().zip(from).enumerate() {
        *to = E::of(from);
        if !to.is_finite() {
            let reason = if from.is_finite() { format!(", too large for {}", E::NAME) } else { String::new() };
            return Err(format!("entry {at} of {name} is {from}{reason}; weights must be finite"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
