//! A few simulations forward and backward through a network, on one thread.

use criterion::{BenchmarkId, Criterion, Throughput};
use imnn::data::{Source, simulate_exact, simulate_numerical};
use imnn::device::{Cotangents, Cpu, Device, Task};
use imnn::models::{Activation, Model, Network};
use imnn::ndarray::Array2;
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField};
use imnn_benches::flops::Flops;
use imnn_benches::networks::{FILTERS, dense_128, inception, pooled};

pub fn bench(criterion: &mut Criterion) {
    let (draws, theta) = (GaussianMeanVariance { n_data: 10 }, [0.0, 1.0]);
    let exact = simulate_exact(&draws, &theta, 128, 128, Key::new(1)).unwrap();
    passes(criterion, "dense_exact_128", dense_128(Activation::LeakyRelu), &exact, 3);
    let numerical = simulate_numerical(&draws, &theta, &[0.1, 0.1], 128, 128, Key::new(1)).unwrap();
    passes(criterion, "dense_numerical_128", dense_128(Activation::LeakyRelu), &numerical, 5);
    passes(criterion, "dense_gelu_exact_128", dense_128(Activation::Gelu), &exact, 3);
    let fields = PowerLawField::new(32).unwrap();
    let few = simulate_exact(&fields, &[1.0, 0.5], 8, 8, Key::new(1)).unwrap();
    passes(criterion, "pooled_32_exact_8", pooled(32), &few, 3);
    for (side, n) in [(32, 8), (128, 2)] {
        let fields = PowerLawField::new(side).unwrap();
        let exact = simulate_exact(&fields, &[1.0, 0.5], n, n, Key::new(1)).unwrap();
        passes(criterion, &format!("inception_{side}_exact_{n}"), inception(side, FILTERS), &exact, 3);
    }
}

/// The throughput is in operations of the plain algorithm.
fn passes(criterion: &mut Criterion, name: &str, network: Network, source: &dyn Source<f32>, rows: usize) {
    let model = Model::new(network, source.input_shape()).unwrap();
    let flops = Flops::of(&model);
    let n_rows = (source.n_s() * rows) as u64;
    let parameters = model.initialise::<f32>(Key::new(0));
    let mut session = Cpu::new(1).unwrap().load(&model).unwrap();
    let task = Task { weights: parameters.values(), source, key: Key::new(2) };
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(n_rows * flops.forward));
    group.bench_function(BenchmarkId::new("forward", name), |bencher| {
        bencher.iter(|| session.forward(&task, true).map(|summaries| summaries.x.len()).unwrap());
    });
    let x = Array2::from_elem((source.n_s(), 2), 0.1);
    let dx = Array2::from_elem((2, 2), 0.2);
    let cotangents = Cotangents { x: x.view(), dx: dx.view() };
    let mut gradient = vec![0.0; parameters.values().len()];
    group.throughput(Throughput::Elements(n_rows * flops.backward));
    group.bench_function(BenchmarkId::new("backward", name), |bencher| {
        bencher.iter(|| session.backward(&task, &cotangents, &mut gradient).unwrap());
    });
    group.finish();
}
