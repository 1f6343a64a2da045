//! An activation, by its name in run files, in a network that is trained.
//!
//! `cargo xtask test` runs this a second time, on a copy of the sources with the additions of `tests/additions`;
//! `IMNN_ADDED` is the name of the activation among them then.

#![allow(clippy::unwrap_used)]

use imnn::data::OnTheFly;
use imnn::fit::{FitSettings, Imnn, Weights};
use imnn::models::{Activation, Adam, Network};
use imnn::sim::{GaussianMeanVariance, Key};
use serde_json::json;

#[test]
fn a_network_with_the_activation_trains() {
    let name = std::env::var("IMNN_ADDED").unwrap_or_else(|_| "softplus".into());
    assert!(Activation::ALL.iter().any(|activation| activation.name() == name), "there is no activation {name}");
    let layers = json!([{ "dense": 32 }, name, { "dense": 32 }, name, { "dense": 2 }]);
    let network: Network = serde_json::from_value(layers).unwrap();
    let source = || OnTheFly::new(GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 300, 200).unwrap();
    let mut imnn = Imnn::<f64>::builder(network)
        .theta_fid([0.0, 1.0])
        .training(source())
        .optimiser(Adam::new(1e-2).unwrap())
        .key(Key::new(1))
        .build()
        .unwrap();
    let before = imnn.measure(Weights::Final, &source(), Key::new(2)).unwrap().det_f;
    imnn.fit(&FitSettings { max_iterations: 200, ..FitSettings::default() }).unwrap();
    let after = imnn.measure(Weights::Final, &source(), Key::new(2)).unwrap().det_f;
    // The data hold 50.
    assert!(after > 2.0 * before && after > 15.0, "{name}: det F {before} before training, {after} after it");
}
