//! The loss with its gradients, from the summaries of all simulations.

use criterion::{BenchmarkId, Criterion, Throughput};
use imnn::ndarray::{Array2, Array3};
use imnn::sim::Key;
use imnn::stats::Loss;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("loss_evaluate");
    let loss = Loss::new(10.0, 0.1).unwrap();
    for (n, n_summaries) in [(1000, 2), (100_000, 2), (1000, 10)] {
        let x = Array2::from_shape_vec((n, n_summaries), normal(0, n * n_summaries)).unwrap();
        let dx = Array3::from_shape_vec((n, n_summaries, 2), normal(1, n * n_summaries * 2)).unwrap();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{n}x{n_summaries}")), |bencher| {
            bencher.iter(|| loss.evaluate(x.view(), dx.view()).unwrap());
        });
    }
    group.finish();
}

fn normal(seed: u64, n: usize) -> Vec<f64> {
    let mut values = vec![0.0; n];
    Key::new(seed).fill_normal(&mut values);
    values
}
