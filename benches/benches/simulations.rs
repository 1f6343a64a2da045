//! Keys, simulators, and what a microbatch on the fly takes.

use criterion::{BenchmarkId, Criterion, Throughput};
use imnn::data::{Microbatch, OnTheFly, Source};
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField, Simulator};
use std::hint::black_box;

pub fn bench(criterion: &mut Criterion) {
    criterion.bench_function("key_fold_in", |bencher| {
        let key = Key::new(0);
        let mut index = 0;
        bencher.iter(|| {
            index += 1;
            black_box(key).fold_in(index)
        });
    });
    simulate(criterion, "mean_variance_10", &GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0]);
    read(criterion, "mean_variance_10", GaussianMeanVariance { n_data: 10 }, &[0.0, 1.0], 128);
    for n in [32, 128] {
        let name = format!("field_{n}x{n}");
        simulate(criterion, &name, &PowerLawField::new(n).unwrap(), &[1.0, 0.5]);
        read(criterion, &name, PowerLawField::new(n).unwrap(), &[1.0, 0.5], 4);
    }
}

/// One simulation, alone and with its derivatives.
fn simulate(criterion: &mut Criterion, name: &str, simulator: &dyn Simulator, theta: &[f64]) {
    let mut group = criterion.benchmark_group("simulate");
    let size = simulator.data_shape().iter().product();
    let (mut data, mut derivative) = (vec![0.0; size], vec![0.0; 2 * size]);
    group.bench_function(BenchmarkId::new("value", name), |bencher| {
        bencher.iter(|| simulator.simulate(Key::new(1), theta, &mut data));
    });
    group.bench_function(BenchmarkId::new("derivative", name), |bencher| {
        bencher.iter(|| simulator.simulate_with_derivative(Key::new(1), theta, &mut data, &mut derivative));
    });
    group.finish();
}

/// A microbatch of `n` simulations with their derivatives in f32.
fn read(criterion: &mut Criterion, name: &str, simulator: impl Simulator, theta: &[f64], n: usize) {
    let mut group = criterion.benchmark_group("on_the_fly_read");
    let source = OnTheFly::new(simulator, theta, n, n).unwrap();
    let mut batch = Microbatch::<f32>::new();
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::new(name, n), |bencher| {
        bencher.iter(|| source.read(0..n, Key::new(1), &mut batch).unwrap());
    });
    group.finish();
}
