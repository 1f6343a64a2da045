//! Simulations and their exact derivatives in files: train with a validation set, save the run, and estimate.
//!
//! ```sh
//! cargo run --release -p imnn-examples --example exact_files
//! ```
//!
//! The files are written here, as a simulation code would write them; yours are read in the same way, and the program
//! `imnn` does all of this from a run file. The data are 20 points on a noisy line through the origin, the parameter is its slope,
//! the exact Fisher information `sum x_i^2`.

use imnn::data::arrays;
use imnn::prelude::*;
use std::error::Error;
use std::path::Path;

const THETA_FID: [f64; 1] = [1.0];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("imnn-exact-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let line = NoisyLine::new((1..=20).map(|i| 0.1 * f64::from(i)).collect())?;
    let [train, validation, test] = Key::new(0).split();
    write(&line, train, &folder.join("train.npz"))?;
    write(&line, validation, &folder.join("validation.npz"))?;

    // `file.npz:key` names one array of an archive; `file.npy` is an array by itself.
    let source = |name: &str| {
        let path = |key: &str| ArrayPath::with_key(folder.join(name), key);
        Files::new(path("fiducial"), path("derivative"), FilesKind::Exact).load::<f32>()
    };
    let mut imnn = Imnn::<f32>::builder(serial([dense(8), tanh(), dense(1)]))
        .theta_fid(THETA_FID)
        .names(["slope"])
        .training(source("train.npz")?)
        .validation(source("validation.npz")?)
        .optimiser(Adam::new(3e-3)?)
        .key(Key::new(1))
        .build()?;
    let settings = FitSettings { patience: 50, max_iterations: 1000, ..FitSettings::default() };
    let outcome = imnn.fit_with(&settings, &mut Bar::new())?;
    println!("{} iterations, then {:?}", outcome.iterations, outcome.stop);

    let exact = line.fisher(&THETA_FID)?[0];
    let on_validation = imnn.statistics().map_or(f64::NAN, |statistics| statistics.det_f);
    println!("Fisher information on the validation set {on_validation:.2}, exact {exact:.2}");

    // A saved run is all that is needed elsewhere: the simulations are not.
    imnn.save(folder.join("run"))?;
    let compressor = Compressor::<f32>::load(folder.join("run"), Cpu::new(1)?)?;
    println!("true slope    estimate");
    for (k, slope) in [0.8, 1.0, 1.2].into_iter().enumerate() {
        let data = line.draw(test.fold_in(k as u64), &[slope])?;
        println!("{slope:10.2}    {:.3} +- {:.3}", compressor.estimate(data)?[[0, 0]], compressor.errors()[0]);
    }
    Ok(())
}

/// Writes 2000 simulations, 1000 of them with derivatives: `fiducial` (2000, 20) and `derivative` (1000, 20, 1).
fn write(line: &NoisyLine, key: Key, path: &Path) -> Result<(), Box<dyn Error>> {
    let simulations = simulate_exact::<f32, _>(line, &THETA_FID, 2000, 1000, key)?;
    let derivative = simulations.derivative();
    arrays::write_npz(path, &[("fiducial", simulations.fiducial().into()), ("derivative", derivative.view().into())])?;
    Ok(())
}
