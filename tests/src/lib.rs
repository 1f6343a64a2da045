//! Helpers shared by the cross-crate tests: golden files and comparison.

use imnn::device::{Cpu, Cuda, Device};
use imnn::models::Element;
use imnn::sim::Real;
use ndarray::{Array, ArrayD, Dimension, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpzError};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The folder of golden files: `IMNN_GOLDEN`, or the one beside the sources of this crate.
pub fn folder() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    std::env::var_os("IMNN_GOLDEN").map_or_else(own, PathBuf::from)
}

/// The device that training runs are tested on: the CPU, or the first GPU where `IMNN_DEVICE` is `cuda`.
///
/// # Panics
/// If it cannot be used.
pub fn device<E: Element>() -> Box<dyn Device<E>> {
    match std::env::var("IMNN_DEVICE").as_deref() {
        Ok("cuda") => Box::new(Cuda::new(0).unwrap_or_else(|error| panic!("{error}"))),
        _ => {
            // Only seen with --nocapture, where somebody looks for it.
            eprintln!("SKIPPED on a GPU, run on the CPU: IMNN_DEVICE is not cuda");
            Box::new(Cpu::all().unwrap_or_else(|error| panic!("{error}")))
        }
    }
}

/// The golden files whose names begin with `prefix`, from the manifest.
///
/// # Panics
/// If the manifest cannot be read.
pub fn cases(prefix: &str) -> Vec<(String, Value)> {
    let file = File::open(folder().join("manifest.json")).expect("tests/golden/manifest.json");
    let manifest: serde_json::Map<String, Value> = serde_json::from_reader(file).expect("a JSON object");
    manifest.into_iter().filter(|(name, _)| name.starts_with(prefix)).collect()
}

/// One golden file.
pub struct Golden {
    name: String,
    npz: NpzReader<File>,
}

impl Golden {
    /// Opens the file of this name.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn open(name: &str) -> Self {
        let file = File::open(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let npz = NpzReader::new(file).unwrap_or_else(|e| panic!("{name}: {e}"));
        Golden { name: name.into(), npz }
    }

    /// The names of the arrays.
    ///
    /// # Panics
    /// If the file is broken.
    pub fn keys(&mut self) -> Vec<String> {
        let names = self.npz.names().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        names.into_iter().map(|name| name.trim_end_matches(".npy").to_owned()).collect()
    }

    /// An array, from float32, float64 or int64.
    ///
    /// # Panics
    /// If there is no such array.
    pub fn array(&mut self, key: &str) -> ArrayD<f64> {
        let wide: Result<ArrayD<f64>, ReadNpzError> = self.npz.by_name(key);
        if let Ok(array) = wide {
            return array;
        }
        let narrow: Result<ArrayD<f32>, ReadNpzError> = self.npz.by_name(key);
        if let Ok(array) = narrow {
            return array.mapv(f64::from);
        }
        let whole: ArrayD<i64> = self.npz.by_name(key).unwrap_or_else(|e| panic!("{} {key}: {e}", self.name));
        whole.mapv(|v| v as f64)
    }

    /// numpy's name of the type of an array, and the array's shape.
    ///
    /// # Panics
    /// If there is no such array, or its data are not as long as its shape says.
    pub fn describe(&mut self, key: &str) -> (&'static str, Vec<usize>) {
        let shape = self.array(key).shape().to_vec();
        let is_wide = self.npz.by_name::<OwnedRepr<f64>, IxDyn>(key).is_ok();
        let is_narrow = self.npz.by_name::<OwnedRepr<f32>, IxDyn>(key).is_ok();
        (
            if is_wide {
                "float64"
            } else if is_narrow {
                "float32"
            } else {
                "int64"
            },
            shape,
        )
    }

    /// An array in precision `E`; golden data are exact in f32.
    pub fn real<E: Real>(&mut self, key: &str) -> ArrayD<E> {
        self.array(key).mapv(E::of)
    }

    /// A single number.
    pub fn number(&mut self, key: &str) -> f64 {
        self.array(key).iter().copied().next().expect("a number")
    }

    /// A single non-negative integer.
    pub fn count(&mut self, key: &str) -> usize {
        self.number(key) as usize
    }

    /// The weights `prefix/0/weight`, `prefix/0/bias`, ... one after the other.
    pub fn weights<E: Element>(&mut self, prefix: &str) -> Vec<E> {
        let keys = self.keys();
        (0..)
            .map_while(|k| {
                let pair = [format!("{prefix}/{k}/weight"), format!("{prefix}/{k}/bias")];
                keys.contains(&pair[0]).then_some(pair)
            })
            .flatten()
            .flat_map(|key| self.real::<E>(&key).into_iter().collect::<Vec<_>>())
            .collect()
    }
}

/// The largest difference of two arrays, relative to the largest entry of the second.
///
/// # Panics
/// If the shapes differ.
pub fn difference<D: Dimension>(found: &Array<f64, D>, expected: &ArrayD<f64>) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let scale = expected.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    let worst = found.iter().zip(expected).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    worst / if scale > 0.0 { scale } else { 1.0 }
}
