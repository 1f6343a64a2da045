//! A simulator of your own: written once, with exact derivatives from dual numbers.
//!
//! ```sh
//! cargo run --release -p imnn-examples --example custom_simulator
//! ```
//!
//! The data are 16 readings of an exponential decay with unit noise. Where the noise does not depend on the parameters, the exact Fisher
//! information is `sum_i dm_i/dtheta_a dm_i/dtheta_b` of the model m.

use imnn::prelude::*;
use imnn::sim::num_dual::DualNum;
use imnn::sim::{SimError, check_parameters};
use ndarray::Array2;
use std::error::Error;

const N_DATA: usize = 16;
const THETA_FID: [f64; 2] = [10.0, 2.0];

/// `d_i = amplitude exp(-t_i / tau) + z_i` at the times `t_i = i / 2`.
struct Decay;

impl DualSimulator for Decay {
    fn n_params(&self) -> usize {
        2
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![N_DATA]
    }

    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        check_parameters(2, theta)?;
        if theta[1] <= 0.0 {
            let (name, allowed) = ("tau".into(), "a value above 0".into());
            return Err(SimError::ParameterOutOfRange { index: 1, name, value: theta[1], allowed });
        }
        Ok(())
    }

    // `D` is f64 for the data, and a dual number for data with their derivative. The noise is f64: it does not depend on
    // the parameters.
    fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
        let mut noise = [0.0; N_DATA];
        key.fill_normal(&mut noise);
        for (d, (model, z)) in data.iter_mut().zip(model(theta).into_iter().zip(noise)) {
            *d = model + z;
        }
    }
}

fn model<D: DualNum<Primitive = f64> + Copy>(theta: &[D]) -> [D; N_DATA] {
    std::array::from_fn(|i| theta[0] * (-theta[1].recip() * (0.5 * i as f64)).exp())
}

fn main() -> Result<(), Box<dyn Error>> {
    let simulator = ForwardMode(Decay);
    let (_, derivative) = simulator.draw_with_derivative(Key::new(0), &THETA_FID)?;
    let jacobian = Array2::from_shape_vec((2, N_DATA), derivative)?;
    let exact = jacobian.dot(&jacobian.t());

    // A plain function does too: its derivatives are then differences at the same random seed.
    let plain = |key: Key, theta: &[f64], data: &mut [f64]| Decay.simulate(key, theta, data);
    let plain = FiniteDifferences::new(2, vec![N_DATA], vec![1e-4, 1e-4], plain)?;
    let (_, differences) = plain.draw_with_derivative(Key::new(0), &THETA_FID)?;
    let largest = jacobian.iter().zip(&differences).fold(0.0_f64, |largest, (a, b)| largest.max((a - b).abs()));
    println!("exact derivatives and differences agree to {largest:.0e}");

    let mut imnn = Imnn::<f32>::builder(serial([dense(32), gelu(), dense(2)]))
        .theta_fid(THETA_FID)
        .names(["amplitude", "tau"])
        .training(OnTheFly::new(simulator, &THETA_FID, 1000, 1000)?)
        .optimiser(Adam::new(Schedule::Cosine { start: 1e-2, iterations: 400, end: 0.0 })?)
        .build()?;
    let settings = FitSettings { max_iterations: 400, patience: 400, best: false, ..FitSettings::default() };
    imnn.fit_with(&settings, &mut Bar::new())?;

    let fresh = OnTheFly::new(ForwardMode(Decay), &THETA_FID, 10_000, 10_000)?;
    let found = imnn.measure(Weights::Final, &fresh, Key::new(1))?;
    let det_exact = exact[[0, 0]] * exact[[1, 1]] - exact[[0, 1]] * exact[[1, 0]];
    println!("Fisher information on 10,000 fresh simulations\n{:.3}\nexact\n{exact:.3}", found.f);
    println!("det F {:.1} of {det_exact:.1}", found.det_f);
    Ok(())
}
