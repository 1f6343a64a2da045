//! The rate at which this machine multiplies matrices of f32: the yardstick.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use imnn_compute::matrix::{self, Matrix, MatrixMut};

/// Rows, inner size and columns: what a microbatch of the dense network multiplies, more rows at once, and a large square.
const SHAPES: [[usize; 3]; 3] = [[384, 128, 128], [1024, 128, 128], [1024, 1024, 1024]];

/// Operations per second of the best of several shapes, every thread with matrices of its own for `turn` in all.
pub fn rate(threads: usize, turn: Duration) -> f64 {
    SHAPES.iter().map(|&shape| rate_of(shape, threads, turn / SHAPES.len() as u32)).fold(0.0, f64::max)
}

fn rate_of([m, k, n]: [usize; 3], threads: usize, turn: Duration) -> f64 {
    let barrier = Barrier::new(threads);
    let products = AtomicU64::new(0);
    // The longest of the threads' own times: they start together, and none stops early.
    let seconds = thread::scope(|scope| {
        let run = || {
            let (lhs, rhs) = (vec![0.5; m * k], vec![0.25; k * n]);
            let mut product = vec![0.0; m * n];
            multiply(&lhs, &rhs, &mut product, [m, k, n]);
            barrier.wait();
            let start = Instant::now();
            let mut count = 0;
            while start.elapsed() < turn {
                multiply(&lhs, &rhs, &mut product, [m, k, n]);
                count += 1;
            }
            let seconds = start.elapsed().as_secs_f64();
            products.fetch_add(count, Ordering::Relaxed);
            seconds
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(f64::NAN)).fold(0.0, f64::max)
    });
    (2 * m * k * n) as f64 * products.into_inner() as f64 / seconds
}

/// `product = lhs rhs` on the calling thread, all row-major.
fn multiply(lhs: &[f32], rhs: &[f32], to: &mut [f32], [m, k, n]: [usize; 3]) {
    matrix::product(MatrixMut::new(to, m, n, n), false, Matrix::new(lhs, m, k, k), Matrix::new(rhs, k, n, n));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_is_that_of_the_definition() {
        let (m, k, n) = (5, 3, 4);
        let lhs: Vec<f32> = (0..m * k).map(|i| i as f32).collect();
        let rhs: Vec<f32> = (0..k * n).map(|i| 1.0 - i as f32).collect();
        let mut product = vec![f32::NAN; m * n];
        multiply(&lhs, &rhs, &mut product, [m, k, n]);
        for i in 0..m {
            for j in 0..n {
                let expected: f32 = (0..k).map(|l| lhs[i * k + l] * rhs[l * n + j]).sum();
                assert_eq!(product[i * n + j], expected);
            }
        }
    }

    #[test]
    fn rate_is_that_of_a_processor() {
        // From a slow core to far beyond any: a wrong count of operations or of time falls outside.
        let rate = rate(1, Duration::from_millis(60));
        assert!((1e8..1e14).contains(&rate), "{rate}");
    }
}
