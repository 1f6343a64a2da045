//! Additive noise: drawn evenly, the same for all that belongs together, with the statistics of its bank.

use std::collections::HashMap;

use imnn_data::arrays::write_npy;
use imnn_data::{
    ArrayPath, Arrays, Augmentation, Augmented, DataError, HeldRows, Microbatch, Noise, OnTheFly, RowOptions,
    Simulation, Source, Transform, Transformed, open_rows, simulate_exact, simulate_numerical,
};
use imnn_sim::{GaussianMeanVariance, Key, Real, Simulator};
use ndarray::{Array2, ArrayD, Axis, IxDyn};

const SIMULATOR: GaussianMeanVariance = GaussianMeanVariance { n_data: 6 };
const THETA: [f64; 2] = [0.5, 2.0];

/// Samples whose values are their numbers.
fn numbered(n: usize, shape: &[usize]) -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[&[n], shape].concat()), |i| i[0] as f64)
}

fn normal(seed: u64, shape: &[usize]) -> ArrayD<f64> {
    let mut values = vec![0.0; shape.iter().product()];
    Key::new(seed).fill_normal(&mut values);
    ArrayD::from_shape_vec(IxDyn(shape), values).unwrap()
}

fn zeros<E: Real>(n_s: usize, shape: &[usize]) -> Arrays<E> {
    Arrays::data(ArrayD::from_elem(IxDyn(&[&[n_s], shape].concat()), E::zero()), "zeros").unwrap()
}

fn read<E: Real>(source: &dyn Source<E>, rows: std::ops::Range<usize>, seed: u64) -> Microbatch<E> {
    let mut batch = Microbatch::new();
    source.read(rows, Key::new(seed), &mut batch).unwrap();
    batch
}

#[test]
fn every_sample_is_drawn_equally_often_and_anew_for_each_key() {
    let source = Transformed::new(zeros(4000, &[3]), Noise::array("bank", numbered(20, &[3])).unwrap()).unwrap();
    let drawn = |seed| -> Vec<usize> {
        let values = read(&source, 0..4000, seed).values;
        values
            .chunks_exact(3)
            .map(|row| {
                assert!(row.iter().all(|value| *value == row[0]));
                row[0] as usize
            })
            .collect()
    };
    let (first, second) = (drawn(0), drawn(1));
    let mut counts = HashMap::<_, f64>::new();
    first.iter().chain(&second).for_each(|sample| *counts.entry(*sample).or_default() += 1.0);
    assert_eq!(counts.len(), 20);
    let chi2: f64 = counts.values().map(|n| (n - 400.0).powi(2) / 400.0).sum();
    // Mean 19, variance 38; four standard deviations.
    assert!(chi2 < 19.0 + 4.0 * 38f64.sqrt(), "{chi2}");
    // Rows of two keys agree as often as those drawn by chance.
    let same = first.iter().zip(&second).filter(|(a, b)| a == b).count() as f64;
    assert!((same - 200.0).abs() < 4.0 * (4000.0 * 0.05 * 0.95f64).sqrt(), "{same}");
    // A row has its draw whatever is read with it.
    let rows: Vec<f64> = [first[7], first[8]].iter().flat_map(|&sample| [sample as f64; 3]).collect();
    assert_eq!(read(&source, 7..9, 0).values, rows);
    // Pinned, so that runs stay reproducible from version to version.
    assert_eq!(first[..8], [19, 18, 10, 8, 13, 18, 5, 17]);
}

#[test]
fn noise_cancels_in_differences_and_leaves_exact_derivatives() {
    let bank = normal(3, &[50, 6]);
    let widths = [0.2, 0.01];
    let numerical = simulate_numerical::<f64, _>(&SIMULATOR, &THETA, &widths, 30, 20, Key::new(1)).unwrap();
    let exact = simulate_exact::<f64, _>(&SIMULATOR, &THETA, 30, 20, Key::new(1)).unwrap();
    let noise = || Noise::array("bank", bank.clone()).unwrap().with_scale(3.0).unwrap();
    let (plain, noisy) = (read(&numerical, 0..20, 0), read(&Transformed::new(&numerical, noise()).unwrap(), 0..20, 0));
    assert!(plain.values.iter().zip(&noisy.values).all(|(a, b)| a != b));
    for (row, (behind, seen)) in plain.derivatives.chunks(24).zip(noisy.derivatives.chunks(24)).enumerate() {
        for k in 0..12 {
            // Two roundings, of below and above with the noise: none of them is as large as 32.
            let difference = (behind[12 + k] - behind[k]) - (seen[12 + k] - seen[k]);
            assert!(difference.abs() <= 2.0 * 16.0 * f64::EPSILON, "{difference:e}");
            // And what is added is the noise of the simulation, to the same rounding.
            let added = noisy.values[6 * row + k % 6] - plain.values[6 * row + k % 6];
            assert!((seen[k] - behind[k] - added).abs() <= 4.0 * 16.0 * f64::EPSILON);
        }
    }
    let (plain, noisy) = (read(&exact, 0..20, 0), read(&Transformed::new(&exact, noise()).unwrap(), 0..20, 0));
    assert!(plain.values.iter().zip(&noisy.values).all(|(a, b)| a != b));
    assert_eq!(plain.derivatives, noisy.derivatives);
    // Where nothing is rounded, the differences are the same to the last bit.
    let whole = |shape: &[usize], salt: usize| ArrayD::from_shape_fn(IxDyn(shape), |i| ((i[0] * 7 + salt) % 64) as f32);
    let sides = Arrays::numerical(whole(&[8, 4], 0), whole(&[8, 2, 3, 4], 5), vec![1.0; 3]).unwrap();
    let noise = Noise::array("bank", whole(&[30, 4], 9)).unwrap().with_scale(0.25).unwrap();
    let (plain, noisy) = (read(&sides, 0..8, 2), read(&Transformed::new(&sides, noise).unwrap(), 0..8, 2));
    for (behind, seen) in plain.derivatives.chunks(24).zip(noisy.derivatives.chunks(24)) {
        assert!((0..12).all(|k| behind[12 + k] - behind[k] == seen[12 + k] - seen[k]));
        assert!((0..12).any(|k| behind[k] != seen[k]));
    }
}

/// Mean and covariance, divisor n.
fn moments(rows: &Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let mean = rows.mean_axis(Axis(0)).unwrap();
    let centred = rows - &mean;
    (mean.to_vec(), centred.t().dot(&centred) / rows.nrows() as f64)
}

#[test]
fn summaries_have_the_mean_and_covariance_of_simulation_and_bank() {
    // A bank with a mean, and with correlated values.
    let mix = normal(8, &[6, 6]).into_dimensionality::<ndarray::Ix2>().unwrap();
    let bank = normal(9, &[40, 6]).into_dimensionality::<ndarray::Ix2>().unwrap().dot(&mix) + 2.0;
    let (bank_mean, bank_covariance) = moments(&bank);
    let scale = 0.5;
    let n = 60_000;
    let simulations = OnTheFly::new(SIMULATOR, &THETA, n, 0).unwrap();
    let noise = Noise::array("bank", bank.into_dyn()).unwrap().with_scale(scale).unwrap();
    let seen = read::<f64>(&Transformed::new(simulations, noise).unwrap(), 0..n, 4).values;
    let (mean, covariance) = moments(&Array2::from_shape_vec((n, 6), seen).unwrap());
    for i in 0..6 {
        let error = (covariance[[i, i]] / n as f64).sqrt();
        assert!((mean[i] - THETA[0] - scale * bank_mean[i]).abs() < 4.5 * error);
        for j in 0..6 {
            let expected = if i == j { THETA[1] } else { 0.0 } + scale * scale * bank_covariance[[i, j]];
            // As for normal data; a bank of few samples has tails no longer than these.
            let error = ((covariance[[i, i]] * covariance[[j, j]] + covariance[[i, j]].powi(2)) / n as f64).sqrt();
            assert!((covariance[[i, j]] - expected).abs() < 4.5 * error, "{i} {j}");
        }
    }
}

#[test]
fn banks_in_files_and_in_memory_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let bank = normal(2, &[30, 4, 4, 1]);
    let file = folder.path().join("noise.npy");
    write_npy(&file, bank.view()).unwrap();
    for (k, sample) in bank.outer_iter().enumerate() {
        write_npy(folder.path().join(format!("noise_{k}.npy")), sample).unwrap();
    }
    let open = |name: &str| {
        let rows = open_rows::<f32>(&ArrayPath::from(folder.path().join(name)), &RowOptions::default()).unwrap();
        Noise::bank(rows).unwrap()
    };
    let held = || Noise::array("noise", bank.mapv(|x| x as f32)).unwrap();
    let banks = [
        held(),
        Noise::bank(Box::new(HeldRows::new("noise", bank.mapv(|x| x as f32)))).unwrap(),
        open("noise.npy"),
        open("noise_{seed}.npy"),
    ];
    let [held_memory, _, streamed_memory, _] = [0, 1, 2, 3].map(|k: usize| banks[k].memory());
    assert_eq!((held_memory, streamed_memory), (30 * 16 * 4, 0));
    let ready = |noise: Noise<f32>| {
        let noise = noise.with_scale(0.3).unwrap().with_symmetries(Augmentation::all()).unwrap();
        Transformed::new(zeros(100, &[4, 4, 1]), noise).unwrap()
    };
    let expected = read(&ready(held()), 0..100, 6);
    for bank in banks {
        let source = ready(bank);
        assert_eq!(read(&source, 0..100, 6), expected);
        // From several threads at once, a few rows each.
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..4)
                .map(|k| {
                    scope.spawn({
                        let source = &source;
                        move || {
                            (0..25).flat_map(|i| read(source, 25 * k + i..25 * k + i + 1, 6).values).collect::<Vec<_>>()
                        }
                    })
                })
                .collect();
            let values: Vec<f32> = parts.into_iter().flat_map(|part| part.join().unwrap()).collect();
            assert_eq!(values, expected.values);
        });
    }
}

#[test]
fn samples_are_seen_through_symmetries_of_their_own() {
    let places = ArrayD::from_shape_fn(IxDyn(&[1, 3, 3, 1]), |i| (3 * i[1] + i[2]) as f64);
    let simulations =
        Arrays::data(ArrayD::from_shape_fn(IxDyn(&[3000, 3, 3, 1]), |i| 100.0 * (3 * i[1] + i[2]) as f64), "places")
            .unwrap();
    let shift = Augmentation { shift: true, ..Augmentation::default() };
    let noise = Noise::array("places", places).unwrap().with_symmetries(shift).unwrap();
    let source = Transformed::new(Augmented::new(simulations, shift).unwrap(), noise).unwrap();
    let mut pairs = HashMap::<_, f64>::new();
    for row in read(&source, 0..3000, 0).values.chunks_exact(9) {
        let (simulation, noise) = ((row[0] / 100.0).floor() as usize, row[0] as usize % 100);
        // Both are shifted as a whole.
        for (i, value) in row.iter().enumerate() {
            let moved = |by: usize| 3 * ((by / 3 + i / 3) % 3) + (by % 3 + i % 3) % 3;
            assert_eq!(*value, (100 * moved(simulation) + moved(noise)) as f64);
        }
        *pairs.entry((simulation, noise)).or_default() += 1.0;
    }
    // All 81 pairs are as likely: the draws are independent.
    let expected = 3000.0 / 81.0;
    let chi2: f64 =
        pairs.values().map(|n| (n - expected).powi(2) / expected).sum::<f64>() + (81 - pairs.len()) as f64 * expected;
    assert!(chi2 < 80.0 + 4.0 * 160f64.sqrt(), "{chi2}");
}

#[test]
fn a_simulator_makes_noise() {
    let source = Transformed::new(zeros(5, &[6]), Noise::simulated(SIMULATOR, &THETA).unwrap()).unwrap();
    let values = read::<f64>(&source, 0..5, 3).values;
    for row in 0..5 {
        let key = Key::new(3).fold_in(u64::from_be_bytes(*b"transfor")).fold_in(row);
        let [sample, _] = key.split();
        assert_eq!(values[6 * row as usize..6 * (row as usize + 1)], SIMULATOR.draw(sample, &THETA).unwrap());
    }
    assert_eq!(source.transform().memory(), 0);
}

#[test]
fn shapes_scales_and_values_are_checked() {
    let array = |shape: &[usize]| Noise::array("noise.npy", numbered(shape[0], &shape[1..]));
    let fits = |noise: Noise<f64>, input: &[usize]| Transformed::new(zeros(3, input), noise).map(drop);
    let message = |result: Result<(), DataError>| result.unwrap_err().to_string();
    assert_eq!(
        message(fits(array(&[9, 8, 8]).unwrap(), &[8, 8, 1])),
        "noise.npy has shape (9, 8, 8), expected (n_noise, 8, 8, 1): a simulation has shape (8, 8, 1), and noise is added to each value of it"
    );
    fits(array(&[9, 8, 8]).unwrap().reshape(&[8, 8, 1]).unwrap(), &[8, 8, 1]).unwrap();
    assert_eq!(
        message(array(&[9, 8, 8]).unwrap().reshape(&[8, 9]).map(drop)),
        "noise.npy: simulations of shape (8, 8) (64 values) cannot be viewed as (8, 9) (72 values)"
    );
    assert_eq!(message(array(&[0, 4]).map(drop)), "n_noise = 0: at least one simulation is needed");
    assert!(message(array(&[3, 0]).map(drop)).starts_with("noise.npy has shape (3, 0), expected (n_noise, *input)"));
    assert!(
        message(Noise::<f64>::array("x", ArrayD::zeros(IxDyn(&[]))).map(drop)).starts_with("x has shape (), expected")
    );
    assert!(message(fits(array(&[3]).unwrap(), &[1])).starts_with("noise.npy has shape (3,), expected (n_noise, 1)"));
    assert_eq!(
        message(fits(Noise::simulated(SIMULATOR, &THETA).unwrap(), &[5])),
        "the noise of the simulator has shape (6,), expected (5,): a simulation has shape (5,), and noise is added to each value of it"
    );
    assert!(
        message(Noise::<f64>::simulated(SIMULATOR, &[0.0, -1.0]).map(drop))
            .starts_with("the simulator cannot simulate")
    );
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            message(array(&[3, 4]).unwrap().with_scale(scale).map(drop)),
            format!("noise.npy: scale = {scale}, expected a positive, finite number")
        );
    }
    let transpose = Augmentation { transpose: true, ..Augmentation::default() };
    assert!(message(array(&[3, 4, 5, 1]).unwrap().with_symmetries(transpose).map(drop)).contains("differ in length"));
    let square = array(&[3, 4, 4, 1]).unwrap().with_symmetries(transpose).unwrap();
    assert!(message(square.reshape(&[2, 8, 1]).map(drop)).contains("differ in length"));
    // A transform that hands simulations on without asking first.
    let noise = array(&[9, 8]).unwrap();
    let handing_on = |key: Key, simulation: &mut Simulation<'_, f64>| {
        assert!(
            noise.apply(key, simulation).unwrap_err().to_string().starts_with("noise.npy has shape (9, 8), expected")
        );
    };
    read(&Transformed::new(zeros(3, &[4]), handing_on).unwrap(), 0..3, 0);

    let mut wrong = numbered(4, &[3]);
    wrong[[2, 1].as_slice()] = f64::NAN;
    assert_eq!(
        message(Noise::array("noise.npy", wrong.clone()).map(drop)),
        "noise.npy[2, 1] is NaN: 1 of 12 values is not finite; remove or replace it"
    );
    let late = Noise::bank(Box::new(HeldRows::new("noise.npy", wrong))).unwrap();
    let source = Transformed::new(zeros(50, &[3]), late).unwrap();
    let error = source.read(0..50, Key::new(0), &mut Microbatch::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "noise.npy[2, 1] is NaN: 1 of 3 values is not finite in rows 2..3; remove or replace it"
    );
    let large =
        Noise::array("noise.npy", ArrayD::from_elem(IxDyn(&[1, 2]), 1e38f32)).unwrap().with_scale(10.0).unwrap();
    let error = Transformed::new(zeros(2, &[2]), large).unwrap().read(0..2, Key::new(0), &mut Microbatch::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        "simulation 0 after noise.npy: the data at [0] is inf: 2 of 2 values are not finite in f32"
    );
}
