//! An update by Adam: of a dense network's weights, and of many.

use criterion::{BenchmarkId, Criterion, Throughput};
use imnn::models::{Adam, Optimiser};
use imnn::sim::Key;

pub fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("adam_update");
    for n in [34_690, 1_000_000] {
        let adam = Adam::new(1e-3).unwrap();
        let mut normal = vec![0.0; n];
        Key::new(0).fill_normal(&mut normal);
        let mut gradient: Vec<f32> = normal.iter().map(|&value| value as f32).collect();
        let mut weights = gradient.clone();
        let mut state = adam.initialise(n);
        let mut iteration = 0;
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| {
                adam.update(iteration, &mut gradient, &mut state, &mut weights);
                iteration += 1;
            });
        });
    }
    group.finish();
}
