//! Networks of the original package: outputs, derivatives and weight gradients, in both precisions.

use imnn_models::{
    Activation, Batch, Element, Join, Layer, Model, Network, Output, Padding, Parallel, Parameters, backward, conv,
    dense, flatten, forward, max_pool, serial,
};
use imnn_sim::Real;
use ndarray::{ArrayD, Axis};
use ndarray_npy::NpzReader;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The layer list of the manifest as a [`Network`].
fn network(description: &Value) -> Network {
    serial(description.as_array().unwrap().iter().map(layer))
}

fn layer(value: &Value) -> Layer {
    let out = || value["out"].as_u64().unwrap() as usize;
    match value["type"].as_str().unwrap() {
        "dense" => dense(out()),
        "activation" => {
            let name = value["name"].as_str().unwrap();
            Activation::ALL.into_iter().find(|a| a.name() == name).unwrap().into()
        }
        "conv2d" => conv(out(), &sizes(&value["kernel"]), &sizes(&value["strides"]), Padding::Same),
        "max_pool2d" => max_pool(&sizes(&value["window"]), &sizes(&value["strides"]), Padding::Same),
        "flatten" => flatten(),
        "parallel_concat_channels" => {
            let branches = value["branches"].as_array().unwrap().iter().map(network).collect();
            Parallel { branches, join: Join::Concat }.into()
        }
        other => panic!("layer {other} of the manifest is not known"),
    }
}

struct Golden(NpzReader<File>);

impl Golden {
    fn array(&mut self, key: &str) -> ArrayD<f64> {
        self.0.by_name(key).unwrap_or_else(|e| panic!("{key}: {e}"))
    }
}

/// The largest difference relative to the largest entry.
fn difference(ours: &[f64], golden: &ArrayD<f64>) -> f64 {
    assert_eq!(ours.len(), golden.len());
    let scale = golden.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    ours.iter().zip(golden).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / scale
}

/// `(n, *input, n_params)` as `(n, n_params, *input)`.
fn parameters_first(array: &ArrayD<f64>) -> Vec<f64> {
    let mut array = array.view();
    for axis in (1..array.ndim() - 1).rev() {
        array.swap_axes(axis, axis + 1);
    }
    array.iter().copied().collect()
}

fn cast<E: Real>(values: impl IntoIterator<Item = f64>) -> Vec<E> {
    values.into_iter().map(E::of).collect()
}

fn wide<E: Real>(values: &[E]) -> Vec<f64> {
    values.iter().map(|v| v.f64()).collect()
}

fn check<E: Element>(name: &str, case: &Value, tolerance: f64) {
    let mut golden = Golden(NpzReader::new(File::open(folder().join(name)).unwrap()).unwrap());
    let (d, dd) = (golden.array("d"), golden.array("dd"));
    let (n, n_d, n_params) = (d.len_of(Axis(0)), dd.len_of(Axis(0)), dd.len_of(Axis(dd.ndim() - 1)));
    let model = Model::new(network(&case["network"]), &sizes(&case["input_shape"])).unwrap();
    let weights: Vec<f64> = model
        .layout()
        .entries()
        .iter()
        .flat_map(|entry| {
            let array = golden.array(&entry.name);
            assert_eq!(array.shape(), entry.shape, "{name} {}", entry.name);
            array.iter().copied().collect::<Vec<_>>()
        })
        .collect();
    let parameters = Parameters::<E>::new(cast(weights), model.layout().clone()).unwrap();
    let (values, tangents) = (cast::<E>(d.iter().copied()), cast::<E>(parameters_first(&dd)));
    let size = model.input_size();

    // Simulations with derivatives and the rest are two batches.
    let head = Batch { n: n_d, values: &values[..n_d * size], tangents: &tangents };
    let tail = Batch { n: n - n_d, values: &values[n_d * size..], tangents: &[] };
    let batches: Vec<_> = [head, tail].into_iter().filter(|batch| batch.n > 0).collect();
    let outputs: Vec<_> = batches.iter().map(|batch| forward(&model, parameters.values(), batch).unwrap()).collect();
    let x: Vec<f64> = outputs.iter().flat_map(|output| wide(&output.values)).collect();
    assert!(difference(&x, &golden.array("x")) < tolerance, "{name} x");
    let dx = ArrayD::from_shape_vec(vec![n_d, model.n_summaries(), n_params], parameters_first(&golden.array("dx")))
        .unwrap();
    assert!(difference(&wide(&outputs[0].tangents), &dx) < tolerance, "{name} dx");

    let (c_x, c_dx) = (golden.array("dloss_dx"), parameters_first(&golden.array("dloss_ddx")));
    let c_x = cast::<E>(c_x.iter().copied());
    let split = n_d * model.n_summaries();
    let cotangents = [
        Output { values: c_x[..split].to_vec(), tangents: cast(c_dx) },
        Output { values: c_x[split..].to_vec(), tangents: vec![] },
    ];
    let mut gradient = vec![E::zero(); model.layout().len()];
    for (batch, cotangents) in batches.iter().zip(&cotangents) {
        backward(&model, parameters.values(), batch, cotangents, &mut gradient).unwrap();
    }
    let gradient = Parameters::new(gradient, model.layout().clone()).unwrap();
    let largest = gradient.values().iter().fold(0.0_f64, |m, v| m.max(v.f64().abs()));
    let entries = model.layout().entries();
    for (index, entry) in entries.iter().enumerate() {
        let expected = golden.array(&entry.name.replace("layers", "grad"));
        let ours = wide(gradient.entry(index));
        if index + 1 == entries.len() {
            // The last bias shifts all summaries alike: its gradient is zero but for rounding.
            assert!(ours.iter().all(|g| g.abs() < tolerance * largest), "{name} {}", entry.name);
        } else {
            let found = difference(&ours, &expected);
            assert!(found < tolerance, "{name} {}: {found:e}", entry.name);
        }
    }
}

fn check_all<E: Element>(tolerance: f64) {
    let manifest: Value = serde_json::from_reader(File::open(folder().join("manifest.json")).unwrap()).unwrap();
    let cases: Vec<_> = manifest.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("net_")).collect();
    assert_eq!(cases.len(), 8);
    for (name, case) in cases {
        check::<E>(name, case, tolerance);
    }
}

#[test]
fn networks_in_double_precision() {
    check_all::<f64>(1e-9);
}

#[test]
fn networks_in_single_precision() {
    check_all::<f32>(5e-5);
}
