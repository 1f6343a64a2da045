//! Named arrays with a text, as safetensors.

use imnn_compute::Number;
use imnn_sim::Real;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;

/// The metadata key. It is the only one, for several would be written in random order.
const KEY: &str = "imnn";

/// Arrays to be written.
pub(super) struct Writer {
    format: &'static str,
    arrays: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl Writer {
    pub fn new(format: &'static str) -> Self {
        Writer { format, arrays: vec![] }
    }

    /// Adds an array in its own precision.
    pub fn add<E: Number>(&mut self, name: String, shape: &[usize], values: &[E]) {
        let (dtype, bytes) = match E::NAME == f32::NAME {
            // f32 passes through f64 unchanged.
            true => (Dtype::F32, values.iter().flat_map(|v| (v.f64() as f32).to_le_bytes()).collect()),
            false => (Dtype::F64, values.iter().flat_map(|v| v.f64().to_le_bytes()).collect()),
        };
        self.arrays.push((name, dtype, shape.to_vec(), bytes));
    }

    /// Adds an array of whole numbers.
    pub fn add_integers(&mut self, name: String, shape: &[usize], values: impl Iterator<Item = usize>) {
        let bytes = values.flat_map(|v| (v as u64).to_le_bytes()).collect();
        self.arrays.push((name, Dtype::U64, shape.to_vec(), bytes));
    }

    /// The bytes of the file.
    pub fn finish(self, description: &impl Serialize) -> Result<Vec<u8>, String> {
        let description = toml::to_string(description).map_err(|error| error.to_string())?;
        let metadata = HashMap::from([(KEY.to_string(), format!("{}\n{description}", self.format))]);
        let views = self
            .arrays
            .iter()
            .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
        views.and_then(|views| serialize(views, Some(metadata))).map_err(|error| error.to_string())
    }
}

/// A file in memory.
pub(super) struct Reader<'a> {
    tensors: SafeTensors<'a>,
    /// Names that nobody has asked for yet.
    left: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The arrays and the description of a file of this format.
    pub fn new<D: DeserializeOwned>(bytes: &'a [u8], format: &str) -> Result<(Self, D), String> {
        let error = |error| format!("not a safetensors file: {error}");
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(error)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY).cloned());
        let Some(text) = text else {
            return Err(format!("its metadata have no {KEY:?}: expected a file of {format:?}"));
        };
        let (found, description) = text.split_once('\n').unwrap_or((&text, ""));
        if found != format {
            let found = imnn_io::text::shortened(found);
            return Err(format!(
                "it holds {found:?}, expected {format:?}; another version of this program may have written it"
            ));
        }
        let description = toml::from_str(description).map_err(|error| format!("its description: {error}"))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(error)?;
        let mut left: Vec<String> = tensors.names().into_iter().map(String::from).collect();
        left.sort();
        Ok((Reader { tensors, left }, description))
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<TensorView<'a>, String> {
        let tensor = self.tensors.tensor(name).map_err(|_| format!("the array {name} is missing"))?;
        if tensor.shape() != shape {
            return Err(format!("{name} has the shape {:?}, expected {shape:?}", tensor.shape()));
        }
        self.left.retain(|left| left != name);
        Ok(tensor)
    }

    /// The length of a list.
    pub fn len_of(&self, name: &str) -> Result<usize, String> {
        let tensor = self.tensors.tensor(name).map_err(|_| format!("the array {name} is missing"))?;
        match tensor.shape() {
            [n] => Ok(*n),
            shape => Err(format!("{name} has the shape {shape:?}, expected a list")),
        }
    }

    /// The precision of an array of numbers.
    pub fn precision(&self, name: &str) -> Result<&'static str, String> {
        match self.tensors.tensor(name).map(|tensor| tensor.dtype()) {
            Ok(Dtype::F32) => Ok(f32::NAME),
            Ok(Dtype::F64) => Ok(f64::NAME),
            Ok(other) => Err(format!("{name} has the type {other:?}, expected F32 or F64")),
            Err(_) => Err(format!("the array {name} is missing")),
        }
    }

    /// An array of finite numbers.
    pub fn numbers<E: Number>(&mut self, name: &str, shape: &[usize]) -> Result<Vec<E>, String> {
        let tensor = self.tensor(name, shape)?;
        let (single, _) = tensor.data().as_chunks::<4>();
        let (double, _) = tensor.data().as_chunks::<8>();
        let values: Vec<E> = match tensor.dtype() {
            Dtype::F32 => single.iter().map(|bytes| E::of(f32::from_le_bytes(*bytes).into())).collect(),
            Dtype::F64 => double.iter().map(|bytes| E::of(f64::from_le_bytes(*bytes))).collect(),
            other => return Err(format!("{name} has the type {other:?}, expected F32 or F64")),
        };
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(format!("entry {at} of {name} is {}, it must be finite in {}", values[at], E::NAME)),
            None => Ok(values),
        }
    }

    /// An array of whole numbers.
    pub fn integers(&mut self, name: &str, shape: &[usize]) -> Result<Vec<usize>, String> {
        let tensor = self.tensor(name, shape)?;
        if tensor.dtype() != Dtype::U64 {
            return Err(format!("{name} has the type {:?}, expected U64", tensor.dtype()));
        }
        let (bytes, _) = tensor.data().as_chunks::<8>();
        let convert = |bytes: &[u8; 8]| usize::try_from(u64::from_le_bytes(*bytes));
        bytes
            .iter()
            .map(convert)
            .collect::<Result<_, _>>()
            .map_err(|_| format!("{name} has a number that is too large"))
    }

    /// Whether all arrays were asked for.
    pub fn finish(self) -> Result<(), String> {
        match self.left.first() {
            Some(name) => {
                Err(format!("it has an array {:?} that does not belong there", imnn_io::text::shortened(name)))
            }
            None => Ok(()),
        }
    }
}
