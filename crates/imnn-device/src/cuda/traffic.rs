//! How many bytes commands move between a card's memory and its processors: for benchmarks.
//!
//! Counted is what cannot be avoided: each number that a command reads once, as if caches held it for all threads, and each
//! number that it writes once; what is added to is read and written. A span that a kernel walks in strides counts as the
//! numbers that are touched, not as what lies between. What only crosses between host and card is not counted, nor is what
//! cuBLAS moves to and from its workspace.

use super::backend::{Argument, Command};
#[cfg(feature = "cuda")]
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes moved by all cards of this process so far.
#[cfg(feature = "cuda")]
static MOVED: AtomicU64 = AtomicU64::new(0);

/// Adds to what was moved.
#[cfg(feature = "cuda")]
pub(super) fn add(bytes: u64) {
    MOVED.fetch_add(bytes, Ordering::Relaxed);
}

/// What was moved so far.
#[cfg(feature = "cuda")]
pub(super) fn moved() -> u64 {
    MOVED.load(Ordering::Relaxed)
}

/// Bytes that a command moves, for numbers of `size` bytes.
pub(super) fn bytes(command: &Command, size: usize) -> u64 {
    match command {
        Command::Zero(span) => (span.len * size) as u64,
        Command::Product(p) => {
            let written = if p.accumulate { 2 } else { 1 } * p.m * p.n;
            ((p.m * p.k + p.k * p.n + written) * size) as u64
        }
        Command::Launch { kernel, threads, arguments } => launch(kernel, *threads as usize, arguments, size),
    }
}

fn launch(kernel: &str, threads: usize, arguments: &[Argument], size: usize) -> u64 {
    let count = |k: usize| if let Some(Argument::Count(n)) = arguments.get(k) { *n as usize } else { 0 };
    // Kernels that can add say so in their last argument.
    let put = if count(arguments.len().saturating_sub(1)) > 0 { 2 } else { 1 };
    // Numbers of an argument that are touched, where those are not all numbers of its span once: see the kernels' text.
    let special = |k: usize, len: usize| match (kernel, k) {
        ("add_bias", 0) => 2 * threads,
        ("max_forward", 0) => threads / (count(2) * count(4)).max(1) * count(5),
        ("copy", 0) => threads,
        ("copy", 2) => put * threads,
        ("max_forward", 6) | ("select", 6) | ("mean_forward", 7) => threads,
        ("select", 0) => len.min(threads),
        ("piecewise_forward", 5) | ("add_parts", 2) => 2 * len,
        ("piecewise_backward", 5) => 2 * threads * count(1),
        ("smooth_forward", 5) => len + if count(4) > 0 { threads } else { 0 },
        ("fold_bias", 6) | ("fold_first", 7 | 8) | ("fold_second", 7) => 2 * len,
        ("adam" | "sgd" | "rms_prop", 6..) => 2 * len,
        ("column_sums", 0) => count(3) * count(4),
        ("column_sums", 6) if count(7) == 0 => 0,
        ("column_sums", 6) => len.min(count(4).div_ceil(count(7))),
        ("select_back", 0) => threads / count(7).max(1) * count(5) * count(6),
        ("mean_back", 0) => threads / count(8).max(1) * count(5) * count(7),
        ("smooth_backward", 5) | ("scatter", 6) | ("select_back", 10) | ("mean_back", 9) => put * len,
        _ => len,
    };
    let bytes = arguments.iter().enumerate().map(|(k, argument)| match argument {
        Argument::Numbers(span) => special(k, span.len) * size,
        Argument::Doubles(span) => special(k, span.len) * size_of::<f64>(),
        Argument::Indices(span) => special(k, span.len) * size_of::<u32>(),
        Argument::Count(_) => 0,
    });
    bytes.sum::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::backend::{Factor, Product, Span};

    const SPAN: Span = Span { memory: 0, start: 0, len: 100 };

    #[test]
    fn products_read_their_factors_and_write_or_add() {
        let factor = Factor { span: SPAN, ld: 9, transposed: false };
        let product = Product { m: 3, n: 4, k: 5, a: factor, b: factor, c: SPAN, ld: 8, accumulate: false };
        assert_eq!(bytes(&Command::Product(product), 4), 4 * (15 + 20 + 12));
        let added = Product { accumulate: true, ..product };
        assert_eq!(bytes(&Command::Product(added), 8), 8 * (15 + 20 + 24));
        assert_eq!(bytes(&Command::Zero(SPAN), 4), 400);
    }

    #[test]
    fn strides_count_as_what_is_touched() {
        let copy = |add| {
            let [from, to] = [Argument::Numbers(SPAN), Argument::Numbers(SPAN)];
            let counts = [7, 5, 2].map(Argument::Count);
            let arguments = vec![from, counts[0], to, counts[1], counts[2], Argument::Count(add)];
            bytes(&Command::Launch { kernel: "copy", threads: 10, arguments }, 4)
        };
        assert_eq!((copy(0), copy(1)), (4 * 20, 4 * 30));
    }
}
