//! Networks, simulations and passes of several tests.

#![allow(dead_code)] // Each test uses some of it.

use imnn_data::{
    Arrays, Augmentation, Augmented, DataError, DatasetSpec, Microbatch, OnTheFly, Source, simulate_exact,
    simulate_numerical,
};
use imnn_device::{Cotangents, Session, Summaries, Task};
use imnn_models::{Model, Network, Padding, Parameters, conv, dense, flatten, gelu, serial};
use imnn_sim::{GaussianMeanVariance, Key, PowerLawField};
use ndarray::Array2;
use std::ops::Range;
use std::time::Duration;

pub const THETA_FID: [f64; 2] = [0.0, 1.0];
pub const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
pub const KEY: Key = Key::from_bytes([7; 32]);

pub fn dense_network() -> Network {
    serial([dense(16), gelu(), dense(16), gelu(), dense(2)])
}

pub fn field_network() -> Network {
    serial([conv(4, &[3, 3], &[2, 2], Padding::Circular), gelu(), flatten(), dense(2)])
}

pub fn sources(n_s: usize, n_d: usize) -> Vec<(&'static str, Network, Box<dyn Source<f32>>)> {
    let field = simulate_exact::<f32, _>(&PowerLawField::new(8).unwrap(), &[1.0, 0.5], n_s, n_d, KEY).unwrap();
    vec![
        ("fly", dense_network(), Box::new(OnTheFly::new(DRAWS, &THETA_FID, n_s, n_d).unwrap())),
        ("exact", dense_network(), Box::new(simulate_exact::<f32, _>(&DRAWS, &THETA_FID, n_s, n_d, KEY).unwrap())),
        (
            "numerical",
            dense_network(),
            Box::new(simulate_numerical::<f32, _>(&DRAWS, &THETA_FID, &[0.1, 0.1], n_s, n_d, KEY).unwrap()),
        ),
        ("augmented", field_network(), Box::new(Augmented::new::<f32>(field, Augmentation::all()).unwrap())),
    ]
}

pub fn ready(network: &Network, source: &dyn Source<f32>) -> (Model, Parameters<f32>) {
    let model = Model::new(network.clone(), source.input_shape()).unwrap();
    let weights = model.initialise(Key::new(1));
    (model, weights)
}

/// Summaries, and the gradient for cotangents that differ from row to row.
pub fn passes(session: &mut dyn Session<f32>, weights: &[f32], source: &dyn Source<f32>) -> (Summaries, Vec<f32>) {
    let task = Task { weights, source, key: KEY };
    let summaries = session.forward(&task, true).unwrap().clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f32::NAN; weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
    (summaries, gradient)
}

/// Simulations of which one row cannot be read, and which take their time.
pub struct Sick {
    inner: Arrays<f32>,
    bad: Option<usize>,
    pause: Duration,
}

impl Source<f32> for Sick {
    fn spec(&self) -> &DatasetSpec {
        self.inner.spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<f32>) -> Result<(), DataError> {
        std::thread::sleep(self.pause);
        match self.bad {
            Some(bad) if rows.contains(&bad) => Err(DataError::NoRows { name: "the bad row" }),
            _ => self.inner.read(rows, key, microbatch),
        }
    }
}

pub fn sick(bad: Option<usize>, milliseconds: u64) -> Sick {
    let inner = simulate_exact(&DRAWS, &THETA_FID, 499, 211, KEY).unwrap();
    Sick { inner, bad, pause: Duration::from_millis(milliseconds) }
}
