//! What a card does at best, measured, and how many bytes its commands move: for benchmarks.

use crate::error::Result;
#[cfg(feature = "cuda")]
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that the commands of all cards of this process have moved so far.
#[cfg(feature = "cuda")]
static MOVED: AtomicU64 = AtomicU64::new(0);

/// Adds to what was moved.
#[cfg(feature = "cuda")]
pub(super) fn add(bytes: u64) {
    MOVED.fetch_add(bytes, Ordering::Relaxed);
}

/// Operations per second of large square products in f32, by the same calls as those of networks; with `tf32` rounded.
///
/// # Errors
/// If the GPU cannot be used.
pub fn product_rate(device: usize, tf32: bool) -> Result<f64> {
    #[cfg(feature = "cuda")]
    return measured::product_rate(&mut super::card::Card::new(device, size_of::<f32>(), tf32)?);
    #[cfg(not(feature = "cuda"))]
    Err(none(device, tf32))
}

/// Bytes per second that a kernel which copies reads and writes, both counted.
///
/// # Errors
/// If the GPU cannot be used.
pub fn bandwidth(device: usize) -> Result<f64> {
    #[cfg(feature = "cuda")]
    return measured::bandwidth(&mut super::card::Card::new(device, size_of::<f32>(), false)?);
    #[cfg(not(feature = "cuda"))]
    Err(none(device, false))
}

/// Bytes that commands of this process have moved in the memory of its cards so far, about: see `Command::bytes`.
pub fn moved() -> u64 {
    #[cfg(feature = "cuda")]
    return MOVED.load(Ordering::Relaxed);
    #[cfg(not(feature = "cuda"))]
    0
}

#[cfg(not(feature = "cuda"))]
fn none(_: usize, _: bool) -> crate::DeviceError {
    crate::DeviceError::NoCudaFeature
}

/// The measurements, on any backend.
#[cfg(any(test, feature = "cuda"))]
mod measured {
    use crate::commands::{Backend, Command, Factor, Product, Span, copy};
    use crate::cuda::memory::Held;
    use crate::error::{DeviceError, Result};
    use std::time::Instant;

    /// Sides of the products: the next larger one is tried for as long as one takes less than [`LONG`].
    const SIDES: [usize; 7] = [128, 256, 512, 1024, 2048, 4096, 8192];
    /// Numbers that are copied, in the same way; the largest are far more than caches hold.
    const COPIED: [usize; 5] = [1 << 16, 1 << 20, 1 << 24, 1 << 26, 1 << 28];
    /// Seconds of one run after which nothing larger is tried.
    const LONG: f64 = 0.02;
    /// Runs that are timed together.
    const RUNS: u32 = 10;
    /// Numbers that are uploaded at a time.
    const CHUNK: usize = 1 << 16;

    pub(super) fn product_rate(backend: &mut impl Backend) -> Result<f64> {
        let rate = |backend: &mut _, side: usize| {
            let product = |[a, b, c]: [Span; 3]| {
                let factor = |span| Factor { span, ld: side, transposed: false };
                let (m, n, k) = (side, side, side);
                let (a, b) = (factor(a), factor(b));
                Command::Product(Product { m, n, k, a, b, c, ld: side, accumulate: false })
            };
            let seconds = seconds(backend, side * side, product)?;
            Ok((seconds, 2.0 * (side as f64).powi(3) / seconds))
        };
        // The best: a card may be faster on one of the smaller ones.
        Ok(climb(backend, &SIDES, rate)?.into_iter().fold(0.0, f64::max))
    }

    pub(super) fn bandwidth(backend: &mut impl Backend) -> Result<f64> {
        let rate = |backend: &mut _, len: usize| {
            let seconds = seconds(backend, len, |[from, to, _]| copy(from, to))?;
            Ok((seconds, (2 * len * size_of::<f32>()) as f64 / seconds))
        };
        // The largest: smaller ones may stay in a cache.
        Ok(climb(backend, &COPIED, rate)?.pop().unwrap_or(0.0))
    }

    /// The rates of one size after the other, until a run takes long or memory runs out.
    fn climb<B: Backend>(
        backend: &mut B,
        sizes: &[usize],
        rate: impl Fn(&mut B, usize) -> Result<(f64, f64)>,
    ) -> Result<Vec<f64>> {
        let mut rates = Vec::new();
        for &size in sizes {
            match rate(backend, size) {
                Ok((seconds, rate)) => {
                    rates.push(rate);
                    if seconds > LONG {
                        break;
                    }
                }
                Err(DeviceError::OutOfMemory { .. }) if !rates.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(rates)
    }

    /// Seconds of one run of a command on three matrices of so many zeros.
    fn seconds(backend: &mut impl Backend, len: usize, command: impl Fn([Span; 3]) -> Command) -> Result<f64> {
        let mut held = Held::default();
        let timed = timed(backend, &mut held, len, command);
        held.release(backend)?;
        timed
    }

    fn timed(
        backend: &mut impl Backend,
        held: &mut Held,
        len: usize,
        command: impl Fn([Span; 3]) -> Command,
    ) -> Result<f64> {
        let mut take = || held.allocate::<f32>(backend, len);
        let [a, b, c] = [take()?, take()?, take()?];
        [a, b].iter().try_for_each(|&span| fill(backend, span))?;
        let sequence = held.prepare(backend, vec![command([a, b, c])])?;
        // Warm, and captured as a graph; then one run says whether there is time for more.
        repeat(backend, sequence, c, 2)?;
        match repeat(backend, sequence, c, 1)? {
            seconds if seconds < LONG => repeat(backend, sequence, c, RUNS),
            seconds => Ok(seconds),
        }
    }

    /// Seconds of each of some runs, of which the last is done when a number of `end` has come.
    fn repeat(backend: &mut impl Backend, sequence: usize, end: Span, runs: u32) -> Result<f64> {
        let start = Instant::now();
        for _ in 0..runs {
            backend.run(sequence)?;
        }
        backend.download(end.memory, 0, &mut [0; size_of::<f32>()])?;
        Ok(start.elapsed().as_secs_f64() / f64::from(runs))
    }

    /// Puts numbers there: a card needs less power for zeros, and may be faster.
    fn fill(backend: &mut impl Backend, span: Span) -> Result<()> {
        let part: Vec<u8> = (0..CHUNK).flat_map(|i| (i as f32 / CHUNK as f32 - 0.3).to_ne_bytes()).collect();
        for start in (0..span.len).step_by(CHUNK) {
            let len = CHUNK.min(span.len - start) * size_of::<f32>();
            backend.upload(span.memory, start * size_of::<f32>(), &part[..len])?;
        }
        Ok(())
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::commands::emulated::Emulated;

        #[test]
        fn rates_are_positive_and_memory_is_given_back() {
            let mut card = Emulated::new(size_of::<f32>());
            for rate in [product_rate, bandwidth] {
                let rate = rate(&mut card).unwrap();
                assert!(rate > 0.0 && rate.is_finite(), "{rate}");
                assert_eq!(card.used, 0);
            }
        }

        #[test]
        fn what_has_no_room_ends_the_climb() {
            let mut card = Emulated::new(size_of::<f32>());
            let rates = |sizes: &[usize], card: &mut Emulated| {
                climb(card, sizes, |_, size| match size {
                    3 => Err(DeviceError::OutOfMemory { device: 0, bytes: 3 }),
                    _ => Ok((1e-3 * size as f64, size as f64)),
                })
            };
            assert_eq!(rates(&[1, 2, 3, 4], &mut card).unwrap(), [1.0, 2.0]);
            assert_eq!(rates(&[1, 20, 21, 22], &mut card).unwrap(), [1.0, 20.0, 21.0]);
            assert!(matches!(rates(&[3, 4], &mut card), Err(DeviceError::OutOfMemory { .. })));
            card.really = 100;
            assert!(matches!(bandwidth(&mut card), Err(DeviceError::OutOfMemory { .. })));
            assert_eq!(card.used, 0);
        }
    }
}
