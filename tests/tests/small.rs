//! Small runs that several modules use.

use imnn::data::{Arrays, Augmentation, Augmented, OnTheFly, Source, simulate_exact, simulate_numerical};
use imnn::device::Cpu;
use imnn::fit::{FitSettings, Imnn};
use imnn::models::{Adam, Element, Network, Padding, conv, dense, gelu, global_avg_pool, leaky_relu, serial};
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField};

pub const THETA_FID: [f64; 2] = [0.0, 1.0];
pub const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };

/// The kinds of simulations.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    OnTheFly,
    Exact,
    Numerical,
}

pub const KINDS: [Kind; 3] = [Kind::OnTheFly, Kind::Exact, Kind::Numerical];

/// Mean and variance of ten draws: `n_s` simulations, two thirds of them with derivatives.
pub fn draws<E: Element>(kind: Kind, n_s: usize, seed: u64) -> Box<dyn Source<E>> {
    let (n_d, key) = (2 * n_s / 3, Key::new(seed));
    match kind {
        Kind::OnTheFly => Box::new(OnTheFly::new(DRAWS, &THETA_FID, n_s, n_d).unwrap()),
        Kind::Exact => Box::new(simulate_exact::<E, _>(&DRAWS, &THETA_FID, n_s, n_d, key).unwrap()),
        Kind::Numerical => {
            Box::new(simulate_numerical::<E, _>(&DRAWS, &THETA_FID, &[0.1, 0.1], n_s, n_d, key).unwrap())
        }
    }
}

/// Fields of 8 x 8 pixels with every symmetry drawn anew.
pub fn fields<E: Element>(n_s: usize) -> Augmented<Arrays<E>> {
    let field = PowerLawField::new(8).unwrap();
    let arrays = simulate_exact::<E, _>(&field, &[1.0, 0.5], n_s, n_s / 2, Key::new(5)).unwrap();
    Augmented::new(arrays, Augmentation::all()).unwrap()
}

pub fn dense_network() -> Network {
    serial([dense(16), gelu(), dense(16), leaky_relu(), dense(2)])
}

pub fn conv_network() -> Network {
    serial([conv(4, &[3, 3], &[2, 2], Padding::Circular), gelu(), global_avg_pool(), dense(8), gelu(), dense(2)])
}

/// An IMNN on draws, with validation.
pub fn imnn<E: Element>(kind: Kind, threads: usize) -> Imnn<E> {
    Imnn::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(kind, 300, 1))
        .validation(draws(kind, 200, 2))
        .optimiser(Adam::new(1e-3).unwrap())
        .device(Cpu::new(threads).unwrap())
        .key(Key::new(3))
        .build()
        .unwrap()
}

pub fn settings(iterations: usize) -> FitSettings {
    FitSettings { max_iterations: iterations, patience: 1000, whiten: true, ..FitSettings::original() }
}
