//! Random flows and pairs.

use imnn_flow::{Architecture, Bijection, Flow, Standardisation, Transforms};
use imnn_sim::Key;
use ndarray::{Array2, array};
use proptest::prelude::*;

/// An architecture of few small transforms.
pub fn architectures() -> impl Strategy<Value = Architecture> {
    let bijection = prop_oneof![
        Just(Bijection::Affine),
        Just(Bijection::SPLINE),
        (2..6_usize, 1.0..6.0).prop_map(|(bins, bound)| Bijection::Spline { bins, bound }),
    ];
    (bijection, 1..5_usize, prop::collection::vec(1..40_usize, 1..4))
        .prop_map(|(bijection, transforms, hidden)| Architecture { bijection, transforms, hidden })
}

/// `n` standard normal draws in rows of `columns`.
pub fn normal(n: usize, columns: usize, key: Key) -> Array2<f64> {
    let mut values = vec![0.0; n * columns];
    key.fill_normal(&mut values);
    Array2::from_shape_vec((n, columns), values).unwrap()
}

/// A flow whose weights are all random where the mask allows it, on columns with shifts and scales, some constant.
pub fn flow(architecture: &Architecture, dims: usize, context: usize, key: Key) -> Flow<f64> {
    let [start, noise, scales] = key.split();
    let transforms = Transforms::<f64>::new(architecture, dims, context, start).unwrap();
    // The gradient of the loss is 0 where the mask forbids a weight, and almost nowhere else: so it tells the mask.
    let allowed = mask(architecture, dims, context);
    let mut random = vec![0.0; transforms.weights().len()];
    noise.fill_normal(&mut random);
    let weights = transforms.weights().iter().zip(random).zip(allowed.iter().cycle());
    let weights = weights.map(|((w, noise), allowed)| if *allowed { w + 0.3 * noise } else { 0.0 }).collect();
    let transforms =
        Transforms::from_parts(architecture, dims, context, transforms.permutations().to_vec(), weights).unwrap();
    let mut numbers = vec![0.0; 2 * (dims + context)];
    scales.fill_normal(&mut numbers);
    let mut take = |n: usize| numbers.drain(..n).collect::<Vec<f64>>();
    let scaled = |sd: Vec<f64>| sd.into_iter().map(|v| (0.3 * v).exp()).collect::<Vec<f64>>();
    let y = Standardisation::from_parts(take(dims), scaled(take(dims))).unwrap();
    let c = Standardisation::from_parts(take(context), scaled(take(context))).unwrap();
    Flow::from_parts(y, c, transforms).unwrap()
}

/// Which weights of a transform the mask allows, from the degrees in words: inputs (1, c, u_1, ..., u_{D-1}) with degrees
/// (0, 0, 1, ..., D - 1), units sorted by degree, which see what has no larger one; dimension i sees degrees below i.
pub fn mask(architecture: &Architecture, dims: usize, context: usize) -> Vec<bool> {
    let degrees = |units: usize| -> Vec<usize> {
        let mut degrees: Vec<usize> = (0..units)
            .map(|unit| match units {
                _ if units >= dims => unit % dims,
                1 => 0,
                _ => unit * (dims - 1) / (units - 1),
            })
            .collect();
        degrees.sort_unstable();
        degrees
    };
    let mut inputs: Vec<usize> = [vec![0; 1 + context], (1..dims).collect()].concat();
    let mut mask = Vec::new();
    for &units in &architecture.hidden {
        let outputs = degrees(units);
        mask.extend(outputs.iter().flat_map(|out| inputs.iter().map(move |degree| degree <= out)));
        inputs = [vec![0], outputs].concat();
    }
    let per_dim = architecture.bijection.n_parameters();
    for dim in 1..=dims {
        for _ in 0..per_dim {
            mask.extend(inputs.iter().map(|degree| *degree < dim));
        }
    }
    mask
}

/// Rows at which densities of a flow are worth comparing: some inside, some far outside of splines.
pub fn pairs(flow: &Flow<f64>, n: usize, key: Key) -> (Array2<f64>, Array2<f64>) {
    let [y, c] = key.split();
    let rows = |columns: usize, standardisation: &Standardisation, spread: f64, key: Key| {
        let mut rows = spread * normal(n, columns, key);
        for (k, mut column) in rows.columns_mut().into_iter().enumerate() {
            column.mapv_inplace(|v| standardisation.mean()[k] + standardisation.sd()[k] * v);
        }
        rows
    };
    (rows(flow.dims(), flow.y(), 2.0, y), rows(flow.context(), flow.c(), 1.0, c))
}

/// No context.
#[test]
fn a_flow_without_context_is_a_flow() {
    let architecture = Architecture { hidden: vec![9], transforms: 2, ..Architecture::default() };
    let flow = flow(&architecture, 3, 0, Key::new(1));
    let density = flow.log_density(array![[0.1, 0.2, 0.3]].view(), Array2::zeros((1, 0)).view()).unwrap();
    assert!(density[0].is_finite());
}
