//! Writes a posterior in all formats into a folder, for `cargo xtask python` to read with the packages they are for.

use imnn_infer::export::{GetDistOptions, ZarrOptions, getdist, npz, sbi_pairs, zarr};
use imnn_infer::{Invalid, Pairs, Posterior};
use imnn_sim::Key;
use ndarray::{Array1, Array2, array};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("give the folder to write into")?;
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let n = 4000;
    let mut z = vec![0.0; 2 * n];
    Key::new(0).fill_normal(&mut z);
    let samples = Array2::from_shape_fn((n, 2), |(k, i)| match i {
        0 => 0.3 + 0.02 * z[2 * k],
        _ => 0.8 - 0.01 * z[2 * k] + 0.03 * z[2 * k + 1],
    });
    let ln_density: Array1<f64> = (0..n).map(|k| -0.5 * (z[2 * k].powi(2) + z[2 * k + 1].powi(2))).collect();
    let names = ["Omega_c", "sigma_8"];
    let plain = Posterior::new("npe", &names, samples.clone())?
        .with_ln_density(ln_density.clone())?
        .with_ranges(vec![[0.1, 0.5], [f64::NEG_INFINITY, 1.3]])?;
    let weights: Array1<f64> = (0..n).map(|k| 1.0 + (k % 3) as f64).collect();
    let weighted = plain.clone().with_weights(weights)?;
    let chains = plain.clone().with_chains(4)?;
    let options = GetDistOptions { labels: Some(vec![r"\Omega_c".into(), r"\sigma_8".into()]), label: None };
    getdist(&plain, folder.join("plain"), &options)?;
    getdist(&weighted, folder.join("weighted"), &options)?;
    getdist(&chains, folder.join("chains"), &options)?;
    let observed = array![0.31, 0.79];
    let stamp = Some("2026-11-26T23:00:00+00:00".to_owned());
    let all = ZarrOptions { observed: Some(observed.view()), prior: Some(&plain), created_at: stamp };
    zarr(&chains, folder.join("chains.zarr"), &all)?;
    zarr(&weighted, folder.join("weighted.zarr"), &ZarrOptions::default())?;
    npz(&[plain.clone(), weighted], folder.join("posteriors.npz"))?;
    sbi_pairs(&Pairs::new(samples.clone(), samples, Invalid::Refuse)?, folder)?;
    Ok(())
}
