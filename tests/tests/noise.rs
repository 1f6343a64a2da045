//! Noise and simulators on the fly, as the trainer reads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::small::{DRAWS, Kind, THETA_FID, dense_network, draws, settings};
use imnn::data::{Augmentation, Augmented, Noise, OnTheFly, Source, Transformed};
use imnn::device::Cpu;
use imnn::fit::{Imnn, Start, Weights};
use imnn::models::{Adam, Model, Parameters, Schedule, dense, serial};
use imnn::sim::{Key, NoisyLine, Simulator};
use imnn::stats::Statistics;
use ndarray::{ArrayD, IxDyn};

const SLOPE: [f64; 1] = [4.0];

/// Twenty points, so that few simulations are enough.
fn line() -> (NoisyLine, Vec<f64>) {
    let x: Vec<f64> = (0..20).map(|i| 0.5 * f64::from(i)).collect();
    (NoisyLine::new(x.clone()).unwrap(), x)
}

/// An offset that all points have in common: of two samples, `-offset` and `+offset`.
fn offset(offset: f32) -> Noise<f32> {
    let bank = ArrayD::from_shape_fn(IxDyn(&[2, 20]), |i| [-1.0, 1.0][i[0]]);
    Noise::array("offset", bank).unwrap().with_scale(f64::from(offset)).unwrap()
}

fn simulations(n: usize, noise: Option<f32>) -> Box<dyn Source<f32>> {
    let source = OnTheFly::new(line().0, &SLOPE, n, n).unwrap();
    match noise {
        Some(size) => Box::new(Transformed::new(source, offset(size)).unwrap()),
        None => Box::new(source),
    }
}

fn fresh(imnn: &Imnn<f32>, noise: Option<f32>) -> Statistics {
    imnn.measure(Weights::Final, &simulations(20_000, noise), Key::new(77)).unwrap()
}

/// The summary `w . d` with these weights.
fn linear(w: &[f64]) -> Imnn<f32> {
    let network = serial([dense(1)]);
    let model = Model::new(network.clone(), &[20]).unwrap();
    let mut values: Vec<f32> = w.iter().map(|&w| w as f32).collect();
    values.resize(model.layout().len(), 0.0);
    let weights = Parameters::new(values, model.layout().clone()).unwrap();
    let builder = Imnn::builder(network).theta_fid(SLOPE).training(simulations(100, None));
    builder.start(Start::Parameters(weights)).build().unwrap()
}

/// With d = theta x + z and noise of covariance s^2 1 1^T, the Fisher information is, after Sherman and Morrison,
///
/// ```text
/// F = x^T (I + s^2 1 1^T)^-1 x = x.x - s^2 (1.x)^2 / (1 + s^2 n)
/// ```
///
/// and the summary w . d has (w.x)^2 / (w.w + s^2 (1.w)^2) of it.
#[test]
fn linear_summaries_have_the_exact_information_with_and_without_noise() {
    let (_, x) = line();
    let s = 0.7f32;
    let (s2, n) = (f64::from(s).powi(2), x.len() as f64);
    let (sum, square): (f64, f64) = (x.iter().sum(), x.iter().map(|x| x * x).sum());
    let exact = square - s2 * sum * sum / (1.0 + s2 * n);
    let best: Vec<f64> = x.iter().map(|x| x - s2 * sum / (1.0 + s2 * n)).collect();
    // The variance of 20,000 draws has a relative standard deviation of 1 %.
    let agrees = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.04, "{found} of {expected}");
    agrees(fresh(&linear(&x), None).det_f, square);
    agrees(fresh(&linear(&x), Some(s)).det_f, square * square / (square + s2 * sum * sum));
    agrees(fresh(&linear(&best), Some(s)).det_f, exact);
    let w: (f64, f64) = (best.iter().map(|w| w * w).sum(), best.iter().zip(&x).map(|(w, x)| w * x).sum());
    agrees(fresh(&linear(&best), None).det_f, w.1 * w.1 / w.0);
    assert!(exact < 0.45 * square, "noise should cost something: {exact} of {square}");

    // Training with the noise finds the summary that is best with it.
    let mut imnn = Imnn::<f32>::builder(serial([dense(1)]))
        .theta_fid(SLOPE)
        .training(simulations(500, Some(s)))
        .optimiser(Adam::new(Schedule::Cosine { start: 2e-2, iterations: 1500, end: 0.0 }).unwrap())
        .build()
        .unwrap();
    imnn.fit(&settings(1500)).unwrap();
    let found = fresh(&imnn, Some(s)).det_f;
    assert!(found > 0.95 * exact && found < 1.04 * exact, "{found} of {exact}");
}

#[test]
fn noise_does_not_depend_on_threads_or_memory() {
    for kind in [Kind::OnTheFly, Kind::Exact, Kind::Numerical] {
        let run = |threads, memory| {
            let bank = ArrayD::from_shape_fn(IxDyn(&[30, 10]), |i| ((7 * i[0] + 3 * i[1]) % 11) as f32 - 5.0);
            let shift = Augmentation { shift: true, ..Augmentation::default() };
            let noise = Noise::array("noise", bank).unwrap().with_scale(0.1).unwrap().with_symmetries(shift).unwrap();
            let training = Augmented::new(draws::<f32>(kind, 300, 1), shift).unwrap();
            let mut imnn = Imnn::<f32>::builder(dense_network())
                .theta_fid(THETA_FID)
                .training(Transformed::new(training, noise.clone()).unwrap())
                .validation(Transformed::new(draws::<f32>(kind, 200, 2), noise).unwrap())
                .optimiser(Adam::new(1e-3).unwrap())
                .device(Cpu::new(threads).unwrap().with_memory(memory))
                .key(Key::new(3))
                .build()
                .unwrap();
            imnn.fit(&settings(6)).unwrap();
            let history = imnn.history();
            let validation = history.validation.as_ref().unwrap().det_f.clone();
            (history.training.det_f.clone(), validation, imnn.weights(Weights::Final).unwrap().values().to_vec())
        };
        let one = run(1, 1 << 30);
        assert_eq!(one.0.len(), 6);
        for (threads, memory) in [(2, 1 << 30), (4, 1 << 30), (2, 0)] {
            assert_eq!(run(threads, memory), one, "{kind:?}, {threads} threads, {memory} bytes");
        }
    }
}

/// Counts how often it simulates, and how often with derivatives.
#[derive(Default)]
struct Counted {
    alone: AtomicUsize,
    with_derivative: AtomicUsize,
}

impl Simulator for Counted {
    fn n_params(&self) -> usize {
        2
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![10]
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        self.alone.fetch_add(1, Ordering::Relaxed);
        DRAWS.simulate(key, theta, data);
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        self.with_derivative.fetch_add(1, Ordering::Relaxed);
        DRAWS.simulate_with_derivative(key, theta, data, derivative);
    }
}

#[test]
fn training_makes_no_derivatives_that_it_does_not_use() {
    let (n_s, n_d, iterations) = (150, 40, 5);
    let calls = |numerical: bool| {
        let counted = Arc::new(Counted::default());
        let source = match numerical {
            true => OnTheFly::numerical(counted.clone(), &THETA_FID, &[0.1, 0.1], n_s, n_d),
            false => OnTheFly::new(counted.clone(), &THETA_FID, n_s, n_d),
        };
        let mut imnn = Imnn::<f32>::builder(dense_network())
            .theta_fid(THETA_FID)
            .training(source.unwrap())
            .optimiser(Adam::new(1e-3).unwrap())
            .device(Cpu::new(2).unwrap())
            .build()
            .unwrap();
        imnn.fit(&settings(iterations)).unwrap();
        (counted.alone.load(Ordering::Relaxed), counted.with_derivative.load(Ordering::Relaxed))
    };
    // So often all simulations were made: in each iteration once, for the whitened start, 40 times for statistics, and once to
    // keep what they look like.
    let (alone, with_derivative) = calls(false);
    let passes = with_derivative / n_d;
    assert_eq!((alone, with_derivative), (passes * (n_s - n_d), passes * n_d));
    assert_eq!(passes, iterations + 1 + 40 + 1);
    // Below and above in two parameters.
    assert_eq!(calls(true), (passes * (n_s + 4 * n_d), 0));
}
