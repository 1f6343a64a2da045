//! Simulations made when they are read, and drawn into memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use imnn_data::{
    DataError, Derivatives, Microbatch, Noise, OnTheFly, Source, Transformed, simulate_exact, simulate_numerical,
};
use imnn_sim::{FiniteDifferences, GaussianMeanVariance, Key, Simulator};
use ndarray::{ArrayD, IxDyn};

const SIMULATOR: GaussianMeanVariance = GaussianMeanVariance { n_data: 5 };
const THETA: [f64; 2] = [0.5, 2.0];

fn key() -> Key {
    Key::new(11)
}

fn source() -> OnTheFly<GaussianMeanVariance> {
    OnTheFly::new(SIMULATOR, &THETA, 10, 6).unwrap()
}

#[test]
fn row_i_is_simulated_with_the_key_folded_with_i() {
    let mut batch = Microbatch::<f64>::new();
    let mut single = Microbatch::<f32>::new();
    source().read(2..6, key(), &mut batch).unwrap();
    source().read(2..6, key(), &mut single).unwrap();
    for i in 0..4 {
        let (data, derivative) = SIMULATOR.draw_with_derivative(key().fold_in(2 + i as u64), &THETA).unwrap();
        assert_eq!(batch.values[5 * i..5 * (i + 1)], data);
        assert_eq!(batch.derivatives[10 * i..10 * (i + 1)], derivative);
    }
    assert_eq!(single.values, batch.values.iter().map(|&x| x as f32).collect::<Vec<_>>());
    assert_eq!(single.derivatives, batch.derivatives.iter().map(|&x| x as f32).collect::<Vec<_>>());
}

#[test]
fn a_row_depends_on_nothing_but_its_key() {
    let mut whole = Microbatch::<f64>::new();
    let mut part = Microbatch::<f64>::new();
    source().read(0..6, key(), &mut whole).unwrap();
    for row in 0..6 {
        source().read(row..row + 1, key(), &mut part).unwrap();
        assert_eq!(part.values, whole.values[5 * row..5 * (row + 1)]);
        assert_eq!(part.derivatives, whole.derivatives[10 * row..10 * (row + 1)]);
    }
    source().read(6..10, key(), &mut part).unwrap();
    assert_eq!((part.n, part.values.len(), part.derivatives.len()), (4, 20, 0));
    // The same rows without derivatives are the same simulations.
    let alone = OnTheFly::new(SIMULATOR, &THETA, 10, 0).unwrap();
    alone.read(0..6, key(), &mut part).unwrap();
    assert_eq!(part.values, whole.values);
    alone.read(0..6, Key::new(12), &mut part).unwrap();
    assert_ne!(part.values, whole.values);
}

#[test]
fn a_drawn_set_is_what_is_made_on_the_fly() {
    let arrays = simulate_exact::<f64, _>(&SIMULATOR, &THETA, 10, 6, key()).unwrap();
    let (mut drawn, mut made) = (Microbatch::new(), Microbatch::new());
    for rows in [0..6, 6..10] {
        arrays.read(rows.clone(), Key::new(0), &mut drawn).unwrap();
        source().read(rows, key(), &mut made).unwrap();
        assert_eq!(drawn, made);
    }
    assert_eq!(arrays.derivative().shape(), [6, 5, 2]);
    let all = simulate_exact::<f32, _>(&SIMULATOR, &THETA, 6, 6, key()).unwrap();
    assert_eq!((all.n_s(), all.n_d()), (6, 6));
}

#[test]
fn below_and_above_have_the_seed_of_the_fiducial() {
    let widths = [0.2, 0.01];
    let arrays = simulate_numerical::<f64, _>(&SIMULATOR, &THETA, &widths, 10, 6, key()).unwrap();
    assert_eq!(arrays.derivatives(), &Derivatives::Numerical { widths: widths.to_vec() });
    let exact = simulate_exact::<f64, _>(&SIMULATOR, &THETA, 10, 6, key()).unwrap();
    assert_eq!(arrays.fiducial(), exact.fiducial());
    let sides = arrays.derivative();
    let below = SIMULATOR.draw(key().fold_in(3), &[0.5, 1.995]).unwrap();
    assert_eq!((0..5).map(|i| sides[[3, 0, 1, i].as_slice()]).collect::<Vec<_>>(), below);
    let derivative = exact.derivative();
    for row in 0..6 {
        for (a, width) in widths.iter().enumerate() {
            for i in 0..5 {
                let side = |side| sides[[row, side, a, i].as_slice()];
                let error = (side(1) - side(0)) / width - derivative[[row, i, a].as_slice()];
                // The mean is linear; for the variance v, x width^2 v^(-5/2) / 64 is of order 1e-6 at most.
                assert!(error.abs() < 2e-6, "{error}");
            }
        }
    }
}

#[test]
fn theta_and_counts_are_checked() {
    let refused = |theta: &[f64], n_s, n_d| OnTheFly::new(SIMULATOR, theta, n_s, n_d).unwrap_err().to_string();
    assert!(
        refused(&[0.0, -1.0], 10, 5).starts_with("the simulator cannot simulate at theta = [0.0, -1.0]: parameter 1")
    );
    assert!(refused(&[0.0], 10, 5).contains("found 1 parameter value(s), expected 2"));
    assert!(refused(&[0.0, f64::NAN], 10, 5).contains("theta[1] is NaN"));
    assert_eq!(refused(&THETA, 0, 0), "n_s = 0: at least one simulation is needed");
    assert!(refused(&THETA, 4, 5).starts_with("n_d = 5 simulations with derivatives"));
    let numerical = |widths: &[f64], n_d| {
        simulate_numerical::<f64, _>(&SIMULATOR, &THETA, widths, 10, n_d, key()).unwrap_err().to_string()
    };
    assert!(numerical(&[0.1, 0.0], 5).starts_with("delta_theta[1] = 0"));
    assert_eq!(numerical(&[0.1], 5), "delta_theta has 1 parameter, theta_fid has 2 parameters");
    assert!(numerical(&[0.1, 4.0], 5).starts_with("the simulator cannot simulate at theta = [0.5, 0.0]"));
    assert!(numerical(&[0.1, 0.1], 11).starts_with("n_d = 11"));
    let rows = Source::<f64>::read(&source(), 5..7, key(), &mut Microbatch::new()).unwrap_err();
    assert!(matches!(rows, DataError::Rows { .. }));
}

/// Makes what it is told to.
#[derive(Debug)]
struct Constant {
    data: f64,
    derivative: f64,
    shape: Vec<usize>,
}

impl Simulator for Constant {
    fn n_params(&self) -> usize {
        1
    }

    fn data_shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn simulate(&self, _: Key, theta: &[f64], data: &mut [f64]) {
        data.fill(1.0);
        data[3] = if theta[0] > 0.5 { self.data } else { 1.0 };
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        self.simulate(key, theta, data);
        derivative.fill(self.derivative);
    }
}

#[test]
fn values_that_are_not_finite_name_row_and_theta() {
    let simulator = |data, derivative| Constant { data, derivative, shape: vec![2, 3] };
    let read = |simulator: Constant, rows| {
        let source = OnTheFly::new(simulator, &[1.0], 4, 2).unwrap();
        Source::<f32>::read(&source, rows, key(), &mut Microbatch::new()).unwrap_err().to_string()
    };
    assert_eq!(
        read(simulator(f64::NAN, 0.0), 3..4),
        "simulation 3 at theta = [1.0]: the data at [1, 0] is NaN: 1 of 6 values is not finite in f32"
    );
    assert_eq!(
        read(simulator(0.0, f64::INFINITY), 1..2),
        "simulation 1 at theta = [1.0]: the derivative with respect to parameter 0 at [0, 0] is inf: 6 of 6 values are not finite in f32"
    );
    assert!(read(simulator(1e39, 0.0), 0..1).contains("the data at [1, 0] is inf: "));
    let numerical = simulate_numerical::<f64, _>(&simulator(f64::NAN, 0.0), &[0.0], &[2.0], 4, 2, key());
    assert_eq!(
        numerical.unwrap_err().to_string(),
        "simulation 0 at theta = [1.0]: the data with parameter 0 above at [1, 0] is NaN: 1 of 6 values is not finite in f64"
    );
    let empty = Constant { data: 0.0, derivative: 0.0, shape: vec![2, 0] };
    assert!(OnTheFly::new(empty, &[1.0], 4, 2).unwrap_err().to_string().contains("at least one axis and one value"));
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
        vec![5]
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        self.alone.fetch_add(1, Ordering::Relaxed);
        SIMULATOR.simulate(key, theta, data);
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        self.with_derivative.fetch_add(1, Ordering::Relaxed);
        SIMULATOR.simulate_with_derivative(key, theta, data, derivative);
    }
}

impl Counted {
    fn taken(&self) -> (usize, usize) {
        (self.alone.swap(0, Ordering::Relaxed), self.with_derivative.swap(0, Ordering::Relaxed))
    }
}

#[test]
fn rows_beyond_n_d_make_no_derivatives() {
    let counted = Counted::default();
    let pass = |source: &dyn Source<f32>| {
        let mut batch = Microbatch::new();
        for rows in [0..4, 4..6, 6..9, 9..30] {
            source.read(rows, key(), &mut batch).unwrap();
        }
        counted.taken()
    };
    assert_eq!(pass(&OnTheFly::new(&counted, &THETA, 30, 6).unwrap()), (24, 6));
    assert_eq!(pass(&OnTheFly::new(&counted, &THETA, 30, 30).unwrap()), (0, 30));
    assert_eq!(pass(&OnTheFly::new(&counted, &THETA, 30, 0).unwrap()), (30, 0));
    // Below and above in two parameters.
    let widths = [0.2, 0.01];
    assert_eq!(pass(&OnTheFly::numerical(&counted, &THETA, &widths, 30, 6).unwrap()), (30 + 4 * 6, 0));
    // A plain function with differences: as many calls.
    let simulate = |key: Key, theta: &[f64], data: &mut [f64]| counted.simulate(key, theta, data);
    let plain = FiniteDifferences::new(2, vec![5], widths.to_vec(), simulate).unwrap();
    assert_eq!(pass(&OnTheFly::new(plain, &THETA, 30, 6).unwrap()), (30 + 4 * 6, 0));
    // Noise and transforms make none of them again.
    let noisy = Transformed::new(
        OnTheFly::numerical(&counted, &THETA, &widths, 30, 6).unwrap(),
        Noise::array("noise", ArrayD::zeros(IxDyn(&[3, 5]))).unwrap(),
    );
    assert_eq!(pass(&noisy.unwrap()), (30 + 4 * 6, 0));
    simulate_exact::<f32, _>(&counted, &THETA, 30, 6, key()).unwrap();
    assert_eq!(counted.taken(), (24, 6));
}

#[test]
fn below_and_above_on_the_fly_are_those_of_a_drawn_set() {
    let widths = [0.2, 0.01];
    let source = OnTheFly::numerical(SIMULATOR, &THETA, &widths, 10, 6).unwrap();
    let drawn = simulate_numerical::<f64, _>(&SIMULATOR, &THETA, &widths, 10, 6, key()).unwrap();
    assert_eq!(Source::<f64>::derivatives(&source), &Derivatives::Numerical { widths: widths.to_vec() });
    let (mut made, mut held) = (Microbatch::new(), Microbatch::new());
    for rows in [0..6, 2..5, 6..10, 10..10] {
        source.read(rows.clone(), key(), &mut made).unwrap();
        drawn.read(rows, Key::new(0), &mut held).unwrap();
        assert_eq!(made, held);
    }
    source.read(0..6, Key::new(12), &mut made).unwrap();
    drawn.read(0..6, key(), &mut held).unwrap();
    assert_ne!(made, held);
    let lost = OnTheFly::numerical(SIMULATOR, &[1e18, 2.0], &[1.0, 0.1], 10, 6).unwrap_err().to_string();
    assert_eq!(lost, "delta_theta[0] = 1: it is lost in the rounding of theta_fid[0] = 1000000000000000000; widen it");
}
