//! Noise of your own: a transform in ten lines, and a bank of samples.
//!
//! ```sh
//! cargo run --release -p imnn-examples --example custom_noise
//! ```
//!
//! The data are 20 points on a line with unit noise; the parameter is the slope. A detector adds an offset that all points
//! have in common, with a standard deviation of 0.7. The exact Fisher information is `x^T (I + 0.49 1 1^T)^-1 x`, and a
//! network that is trained with the offset finds it.

use imnn::prelude::*;
use ndarray::{Array2, ArrayD, Axis};
use std::error::Error;

const N_DATA: usize = 20;
const SLOPE: [f64; 1] = [4.0];
const OFFSET: f64 = 0.7;

/// Adds a normal offset that all points have in common.
struct CommonOffset;

impl<E: Element> Transform<E> for CommonOffset {
    fn apply(&self, key: Key, simulation: &mut Simulation<'_, E>) -> Result<(), imnn::data::DataError> {
        let mut offset = [0.0];
        key.fill_normal(&mut offset);
        // Added to the data, and to simulations below and above were there any; exact derivatives stay as they are.
        simulation.data().flatten().for_each(|d| *d += E::of(OFFSET * offset[0]));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let x: Vec<f64> = (0..N_DATA).map(|i| 0.5 * i as f64).collect();
    let line = NoisyLine::new(x.clone())?;
    let simulations = |n| OnTheFly::new(line.clone(), &SLOPE, n, n);
    let (sum, square): (f64, f64) = (x.iter().sum(), x.iter().map(|x| x * x).sum());
    let exact = square - OFFSET.powi(2) * sum * sum / (1.0 + OFFSET.powi(2) * N_DATA as f64);

    // The same noise as a bank of 500 samples, as it may come from an instrument: `Noise::load` reads one from a file.
    let mut offsets = Array2::zeros((500, 1));
    Key::new(5).fill_normal(offsets.as_slice_mut().expect("a new array is contiguous"));
    offsets /= offsets.std_axis(Axis(0), 0.0)[0];
    let bank: ArrayD<f32> =
        offsets.mapv(|z| z as f32).broadcast((500, N_DATA)).expect("500 rows").to_owned().into_dyn();
    let bank = Noise::array("offsets", bank)?.with_scale(OFFSET)?;

    let fresh = Transformed::new::<f32>(simulations(20_000)?, CommonOffset)?;
    println!(
        "det F on 20,000 fresh simulations with an offset, of {exact:.1} exactly ({square:.1} without an offset):"
    );
    let trained_on: [(&str, Box<dyn Source<f32>>); 3] = [
        ("a transform", Box::new(Transformed::new::<f32>(simulations(500)?, CommonOffset)?)),
        ("a bank", Box::new(Transformed::new(simulations(500)?, bank)?)),
        ("nothing", Box::new(simulations(500)?)),
    ];
    for (name, training) in trained_on {
        let mut imnn = Imnn::<f32>::builder(serial([dense(1)]))
            .theta_fid(SLOPE)
            .training(training)
            .optimiser(Adam::new(Schedule::Cosine { start: 2e-2, iterations: 1500, end: 0.0 })?)
            .build()?;
        imnn.fit(&FitSettings { max_iterations: 1500, patience: 1500, best: false, ..FitSettings::default() })?;
        println!("{:.1} when trained with {name}", imnn.measure(Weights::Final, &fresh, Key::new(1))?.det_f);
    }
    Ok(())
}
