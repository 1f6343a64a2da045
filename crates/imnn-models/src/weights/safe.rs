//! The format safetensors: a JSON header, then the entries, little-endian.

use super::{Archive, Entry};
use imnn_sim::Real;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::collections::HashMap;

/// What a file of parameters says of itself, with the version of its format.
pub(super) const PARAMETERS: &str = "parameters 1";
/// What a file of an optimiser's state says of itself.
pub(super) const OPTIMISER: &str = "optimiser 1";

/// The metadata key under which a file says what it is. It is the only key, for several would be written in random order.
const KEY: &str = "imnn";

/// The bytes of a file with these arrays; `content` is what it says of itself.
pub(super) fn encode<E: Real>(entries: &[Entry<'_, E>], content: &str) -> Result<Vec<u8>, String> {
    let single = E::NAME == f32::NAME;
    let dtype = if single { Dtype::F32 } else { Dtype::F64 };
    let bytes: Vec<Vec<u8>> = entries
        .iter()
        .map(|(_, _, values)| {
            // f32 passes through f64 unchanged.
            let values = values.iter().map(|v| v.f64());
            if single {
                values.flat_map(|v| (v as f32).to_le_bytes()).collect()
            } else {
                values.flat_map(f64::to_le_bytes).collect()
            }
        })
        .collect();
    let views = entries
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| Ok((*name, TensorView::new(dtype, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
    let metadata = HashMap::from([(KEY.to_string(), content.to_string())]);
    views.and_then(|views| serialize(views, Some(metadata))).map_err(|error| error.to_string())
}

/// A file in memory.
pub(super) struct SafeArchive<'a>(SafeTensors<'a>);

impl<'a> SafeArchive<'a> {
    /// Reads the header. A file that does not say what it is, as other programs write it, is taken; one that says it is
    /// something else than `content` is refused.
    pub fn new(bytes: &'a [u8], content: &str) -> Result<Self, String> {
        let error = |error| format!("not a safetensors file: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(error)?;
        match header.metadata().as_ref().and_then(|metadata| metadata.get(KEY)) {
            Some(found) if found != content => Err(format!("it holds {found:?}, expected {content:?}")),
            _ => Ok(SafeArchive(SafeTensors::deserialize(bytes).map_err(error)?)),
        }
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'a>, String> {
        self.0.tensor(name).map_err(|error| error.to_string())
    }
}

impl Archive for SafeArchive<'_> {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.0.names().into_iter().map(String::from).collect();
        names.sort();
        names
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.tensor(name)?.shape().to_vec())
    }

    fn read(&mut self, name: &str) -> Result<Vec<f64>, String> {
        let tensor = self.tensor(name)?;
        let (single, _) = tensor.data().as_chunks::<4>();
        let (double, _) = tensor.data().as_chunks::<8>();
        match tensor.dtype() {
            Dtype::F32 => Ok(single.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()),
            Dtype::F64 => Ok(double.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()),
            other => Err(format!("{name} has the type {other:?}, expected F32 or F64")),
        }
    }
}
