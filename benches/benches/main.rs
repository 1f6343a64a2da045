//! Benchmarks of single kernels, through what the crates give to everybody: `cargo bench -p imnn-benches`.
//!
//! They tell where the time of an iteration goes, and how a change to one kernel fares; whole iterations are timed by
//! `cargo xtask bench`. Inputs come from fixed keys and are made outside the timing; sizes are in the names.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{criterion_group, criterion_main};

mod networks;
mod simulations;
mod statistics;
mod update;

criterion_group! {
    name = kernels;
    config = criterion::Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = statistics::bench, update::bench, simulations::bench, networks::bench
}
criterion_main!(kernels);
