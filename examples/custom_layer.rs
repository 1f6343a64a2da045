//! A layer of your own, written with dfdx operations.
//!
//! ```sh
//! cargo run --release -p imnn-examples --example custom_layer
//! ```
//!
//! Mean and variance of ten draws are carried by the sums of the data and of their squares. A layer that squares its
//! input, beside the input itself and followed by a dense one, is therefore all the network that is needed: 52 weights,
//! det F = 50.

use dfdx::shapes::{Axis, HasShape};
use dfdx::tensor_ops::{BroadcastTo, Device};
use imnn::models::{Dual, Matrix, ParameterSpec, Result as ModelResult, Vector};
use imnn::prelude::*;
use std::error::Error;

/// `y_j = (x_j - c_j)^2`, with one trained `c_j` for each input.
#[derive(Debug)]
struct SquaredDistance;

impl UserLayer for SquaredDistance {
    fn name(&self) -> &str {
        "squared_distance"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterSpec> {
        let shape = vec![input.iter().product()];
        let initialiser = Initialiser::Normal(0.1);
        vec![ParameterSpec { name: "centre".into(), shape, initialiser, fan_in: 1, fan_out: 1 }]
    }

    // The values, and the slope that multiplies tangents; the gradient of both comes from dfdx's tape, so that the layer
    // trains without another line.
    fn forward<E: Element>(&self, weights: &[Vector<E>], input: Dual<E>) -> ModelResult<Dual<E>>
    where
        dfdx::tensor::Cpu: Device<E>,
    {
        let distance = |x: Matrix<E>| -> ModelResult<Matrix<E>> {
            let centre = weights[0].clone().try_broadcast_like::<_, Axis<0>>(x.shape())?;
            Ok(x - centre)
        };
        input.chain(|x| Ok(distance(x)?.square()), |x| Ok(distance(x)? * E::of(2.0)))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let simulator = GaussianMeanVariance { n_data: 10 };
    let theta_fid = [0.0, 1.0];
    let squares = concat([serial([]), serial([custom(SquaredDistance)])]);
    let mut imnn = Imnn::<f64>::builder(serial([squares, dense(2)]))
        .theta_fid(theta_fid)
        .names(["mean", "variance"])
        .training(OnTheFly::new(simulator, &theta_fid, 1000, 1000)?)
        .optimiser(Adam::new(Schedule::Cosine { start: 1e-2, iterations: 1000, end: 0.0 })?)
        .build()?;
    println!("{} weights", imnn.model().layout().len());
    let settings = FitSettings { max_iterations: 1000, patience: 1000, best: false, ..FitSettings::default() };
    imnn.fit_with(&settings, &mut Bar::new())?;

    let fresh = OnTheFly::new(simulator, &theta_fid, 100_000, 100_000)?;
    let found = imnn.measure(Weights::Final, &fresh, Key::new(1))?;
    println!("det F on 100,000 fresh simulations {:.2}, exact 50", found.det_f);
    Ok(())
}
