//! Branches without layers: each gives its input as it is, so that the same tensor is joined with itself.

use imnn_models::{
    Batch, Dual, Element, Layer, Model, ModelError, Network, Output, Result, UserLayer, Vector, backward,
};
use imnn_models::{concat, custom, dense, flatten, forward, residual, serial, sum};
use imnn_sim::Key;

/// Simulations, parameters, numbers per simulation and summaries.
const N: usize = 3;
const N_PARAMS: usize = 2;
const SIZE: usize = 4;
const N_SUMMARIES: usize = 3;

/// Numbers of the first dense layer, whose weights come first.
const FIRST: usize = SIZE * SIZE + SIZE;

/// Values, tangents and gradient.
type Results = [Vec<f64>; 3];

fn normals(purpose: u64, n: usize) -> Vec<f64> {
    let mut values = vec![0.0; n];
    Key::new(7).fold_in(purpose).fill_normal(&mut values);
    values
}

/// What a layer between two dense layers makes of the same data and cotangents.
fn run<E: Element>(layer: Option<Layer>, weights: &[f64]) -> Results {
    let narrow = |values: &[f64]| -> Vec<E> { values.iter().map(|&v| E::of(v)).collect() };
    let wide = |values: Vec<E>| -> Vec<f64> { values.into_iter().map(|v| v.f64()).collect() };
    let layers = [Some(dense(SIZE)), layer, Some(dense(N_SUMMARIES))];
    let model = Model::new(serial(layers.into_iter().flatten()), &[SIZE]).unwrap();
    assert_eq!(model.layout().len(), weights.len());
    let (values, tangents) = (narrow(&normals(1, N * SIZE)), narrow(&normals(2, N * N_PARAMS * SIZE)));
    let batch = Batch { n: N, values: &values, tangents: &tangents };
    let cotangents = Output {
        values: narrow(&normals(3, N * N_SUMMARIES)),
        tangents: narrow(&normals(4, N * N_PARAMS * N_SUMMARIES)),
    };
    let weights = narrow(weights);
    let output = forward(&model, &weights, &batch).unwrap();
    let mut gradient = vec![E::zero(); weights.len()];
    backward(&model, &weights, &batch, &cotangents, &mut gradient).unwrap();
    [wide(output.values), wide(output.tangents), wide(gradient)]
}

fn assert_equal<E: Element>(found: &Results, expected: &Results) {
    for (name, (found, expected)) in ["values", "tangents", "gradient"].iter().zip(found.iter().zip(expected)) {
        assert_eq!(found.len(), expected.len(), "{name} in {}", E::NAME);
        let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        for (k, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() <= 32.0 * E::epsilon().f64() * scale, "{name} {k} in {}: {f} not {e}", E::NAME);
        }
    }
}

/// That a layer is `factor x`: without it, but with a first layer that gives as many times as much, all is the same, and
/// the gradient of the first layer's own weights is as many times as large.
fn multiplies<E: Element>(layer: &Layer, factor: f64) {
    let mut weights = normals(0, FIRST + SIZE * N_SUMMARIES + N_SUMMARIES);
    let found = run::<E>(Some(layer.clone()), &weights);
    weights[..FIRST].iter_mut().for_each(|w| *w *= factor);
    let mut expected = run::<E>(None, &weights);
    expected[2][..FIRST].iter_mut().for_each(|g| *g *= factor);
    assert_equal::<E>(&found, &expected);
}

/// That a layer is `x` and `x` side by side: the layer behind it sees as much as one with the sum of the two halves of its
/// weights, and both halves have that one's gradient.
fn doubles_channels<E: Element>(layer: &Layer) {
    let half = SIZE * N_SUMMARIES;
    let weights = normals(0, FIRST + 2 * half + N_SUMMARIES);
    let found = run::<E>(Some(layer.clone()), &weights);
    let (low, high, bias) = (&weights[FIRST..][..half], &weights[FIRST + half..][..half], &weights[FIRST + 2 * half..]);
    let both: Vec<f64> = low.iter().zip(high).map(|(a, b)| a + b).collect();
    let mut expected = run::<E>(None, &[&weights[..FIRST], &both, bias].concat());
    let gradient = &expected[2];
    expected[2] = [&gradient[..FIRST + half], &gradient[FIRST..]].concat();
    assert_equal::<E>(&found, &expected);
}

fn empty() -> Network {
    serial([])
}

#[test]
fn sums_of_branches_without_layers_multiply() {
    let twice = || residual(empty());
    let cases = [
        (sum([empty()]), 1.0),
        (sum([empty(), empty()]), 2.0),
        (twice(), 2.0),
        (sum([empty(), empty(), empty()]), 3.0),
        (sum([serial([flatten()]), empty()]), 2.0),
        (residual(serial([twice()])), 3.0),
        (sum([serial([twice()]), serial([twice()]), empty(), empty()]), 6.0),
    ];
    for (layer, factor) in &cases {
        multiplies::<f64>(layer, *factor);
        multiplies::<f32>(layer, *factor);
    }
}

#[test]
fn branches_without_layers_lie_side_by_side() {
    for layer in [concat([empty(), empty()]), concat([serial([flatten()]), serial([sum([empty()])])])] {
        doubles_channels::<f64>(&layer);
        doubles_channels::<f32>(&layer);
    }
}

#[test]
fn a_network_may_be_a_sum_of_branches_without_layers() {
    let model = Model::new(serial([sum([empty(), empty()])]), &[SIZE]).unwrap();
    let (values, tangents) = (normals(1, N * SIZE), normals(2, N * N_PARAMS * SIZE));
    let output = forward(&model, &[], &Batch { n: N, values: &values, tangents: &tangents }).unwrap();
    let twice = |values: &[f64]| -> Vec<f64> { values.iter().map(|v| 2.0 * v).collect() };
    assert_eq!(output, Output { values: twice(&values), tangents: twice(&tangents) });
    let batch = Batch { n: N, values: &values, tangents: &tangents };
    backward(&model, &[], &batch, &output, &mut []).unwrap();
}

/// Forgets the tangents.
#[derive(Debug)]
struct Forgetful;

impl UserLayer for Forgetful {
    fn name(&self) -> &str {
        "forgetful"
    }
    fn output_shape(&self, input: &[usize]) -> std::result::Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }
    fn parameters(&self, _: &[usize]) -> Vec<imnn_models::ParameterSpec> {
        vec![]
    }
    fn forward<E: Element>(&self, _: &[Vector<E>], input: Dual<E>) -> Result<Dual<E>>
    where
        dfdx::tensor::Cpu: dfdx::tensor_ops::Device<E>,
    {
        Dual::new(input.into_parts().0, None)
    }
}

#[test]
fn a_branch_that_makes_other_tangents_than_it_was_given_is_refused() {
    let model = Model::new(serial([sum([empty(), serial([custom(Forgetful)])])]), &[SIZE]).unwrap();
    let (values, tangents) = (normals(1, N * SIZE), normals(2, N * N_PARAMS * SIZE));
    let error = forward(&model, &[], &Batch { n: N, values: &values, tangents: &tangents }).unwrap_err();
    assert!(matches!(error, ModelError::Custom { .. }));
    assert!(error.to_string().contains("no tangents, for 6 tangents that came in"), "{error}");
    assert!(forward(&model, &[], &Batch { n: N, values: &values, tangents: &[] }).is_ok());
}
