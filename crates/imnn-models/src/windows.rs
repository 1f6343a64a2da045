//! Where the windows of a convolution or a pool read.
//!
//! One table serves one, two and three dimensions, every stride and every padding: for each output position, the input
//! position under each tap of the window.

use crate::error::Result;
use crate::layout::checked_size;
use crate::settings::{Setting, word_for};
use imnn_io::text::unravel;
use imnn_io::{ConfigError, Item};
use toml::Value;

/// What lies beyond the edge of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Output size `ceil(n / stride)`; zeros (for a pool: nothing) beyond the edge, `total / 2` of them before it.
    Same,
    /// Only windows inside the data.
    Valid,
    /// The data repeat, as on a periodic box; output size and offset as for [`Padding::Same`].
    Circular,
}

const PADDINGS: [(&str, Padding); 3] =
    [("same", Padding::Same), ("valid", Padding::Valid), ("circular", Padding::Circular)];

impl Setting for Padding {
    fn read(item: &Item<'_>) -> Result<Self, ConfigError> {
        item.choice(&PADDINGS)
    }

    fn write(&self) -> Value {
        word_for(self, &PADDINGS)
    }
}

/// An input position beyond the edge.
pub const OUTSIDE: u32 = u32::MAX;

/// The largest table: 2^31 entries, 8 GiB.
const MAX_TAPS: usize = 1 << 31;

/// For each output position the input positions that its window covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Size of the output along each axis.
    pub output: Vec<usize>,
    /// Number of positions of the input.
    pub n_inputs: usize,
    /// Number of taps of a window.
    pub n_taps: usize,
    /// `(positions of the output, taps)`: an input position, or [`OUTSIDE`]. Row-major in positions and in taps.
    pub taps: Vec<u32>,
}

impl Windows {
    /// The table of a window of size `kernel` that moves by `strides` over data of size `input`.
    ///
    /// With `Same` and `Circular` padding and size n, kernel k, stride s along an axis:
    ///
    /// ```text
    /// out = ceil(n / s),  total = max((out - 1) s + k - n, 0),  low = total / 2
    /// ```
    ///
    /// # Errors
    /// Says what is wrong: numbers of axes that differ, a zero, or a window larger than the data without padding.
    pub fn new(input: &[usize], kernel: &[usize], strides: &[usize], padding: Padding) -> Result<Self, String> {
        let strides = if strides.is_empty() { vec![1; kernel.len()] } else { strides.to_vec() };
        if kernel.len() != input.len() || strides.len() != input.len() {
            return Err(format!(
                "the data have {} spatial axes (all but the last, the channels), the window {kernel:?} has {} and the strides \
                 {strides:?} have {}; give one number per spatial axis",
                input.len(),
                kernel.len(),
                strides.len()
            ));
        }
        if kernel.iter().chain(&strides).chain(input).any(|&n| n == 0) {
            return Err(format!("sizes must be at least 1: window {kernel:?}, strides {strides:?}"));
        }
        if checked_size(input).is_none_or(|n| n >= OUTSIDE as usize) {
            return Err("more than 2^32 - 2 positions".into());
        }
        let mut output = Vec::new();
        let mut low = Vec::new();
        for ((&n, &k), &s) in input.iter().zip(kernel).zip(&strides) {
            match padding {
                Padding::Valid => {
                    if k > n {
                        return Err(format!(
                            "a window of {k} does not fit {n} positions without padding; use padding = \"same\""
                        ));
                    }
                    output.push((n - k) / s + 1);
                    low.push(0);
                }
                Padding::Same | Padding::Circular => {
                    let out = n.div_ceil(s);
                    output.push(out);
                    low.push((((out - 1) * s).saturating_add(k)).saturating_sub(n) / 2);
                }
            }
        }
        // Neither output is larger than the input, whose size was checked.
        let n_outputs: usize = output.iter().product();
        let n_taps = checked_size(kernel)
            .filter(|n_taps| n_taps.checked_mul(n_outputs).is_some_and(|n| n <= MAX_TAPS))
            .ok_or_else(|| format!("the window {kernel:?} over {input:?} positions reads more than 2^31 times"))?;
        let mut taps = Vec::with_capacity(n_outputs * n_taps);
        for o in 0..n_outputs {
            let o = unravel(o, &output, false);
            for t in 0..n_taps {
                let t = unravel(t, kernel, false);
                let mut position = Some(0);
                for axis in 0..input.len() {
                    let n = input[axis];
                    let at = (o[axis] * strides[axis] + t[axis]) as isize - low[axis] as isize;
                    let inside = match padding {
                        Padding::Circular => Some(at.rem_euclid(n as isize) as usize),
                        _ => usize::try_from(at).ok().filter(|&at| at < n),
                    };
                    position = position.zip(inside).map(|(p, at)| p * n + at);
                }
                taps.push(position.map_or(OUTSIDE, |p| p as u32));
            }
        }
        Ok(Windows { output, n_inputs: input.iter().product(), n_taps, taps })
    }

    /// One window over all positions: a global pool.
    pub fn global(input: &[usize]) -> Result<Self, String> {
        let mut windows = Windows::new(input, input, &vec![1; input.len()], Padding::Valid)?;
        windows.output.clear();
        Ok(windows)
    }

    /// Number of positions of the output.
    pub fn n_outputs(&self) -> usize {
        self.output.iter().product()
    }

    /// Whether each position sees itself alone.
    pub(crate) fn is_identity(&self) -> bool {
        self.n_taps == 1
            && self.taps.len() == self.n_inputs
            && self.taps.iter().enumerate().all(|(o, &tap)| tap == o as u32)
    }

    /// The positions that windows read, in order.
    pub fn positions_read(&self) -> Vec<u32> {
        let mut read: Vec<u32> = self.taps.iter().copied().filter(|&tap| tap != OUTSIDE).collect();
        read.sort_unstable();
        read.dedup();
        read
    }

    /// The input positions under the window of output position `o`.
    pub fn window(&self, o: usize) -> &[u32] {
        &self.taps[o * self.n_taps..(o + 1) * self.n_taps]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the golden files' README: (n, k, s) -> (low, high).
    #[test]
    fn same_padding_splits_as_the_original() {
        for (n, k, s, low, high) in [(8, 3, 2, 0, 1), (4, 5, 2, 1, 2), (16, 3, 4, 0, 0), (16, 5, 4, 0, 1)] {
            let w = Windows::new(&[n], &[k], &[s], Padding::Same).unwrap();
            let before = w.window(0).iter().filter(|&&t| t == OUTSIDE).count();
            let after = w.window(w.n_outputs() - 1).iter().filter(|&&t| t == OUTSIDE).count();
            assert_eq!((before, after), (low, high), "n {n} k {k} s {s}");
            assert_eq!(w.n_outputs(), n.div_ceil(s));
        }
    }

    #[test]
    fn circular_windows_wrap_even_past_the_whole_box() {
        let w = Windows::new(&[3], &[5], &[1], Padding::Circular).unwrap();
        assert_eq!(w.window(0), &[1, 2, 0, 1, 2]);
        assert!(w.taps.iter().all(|&t| t != OUTSIDE));
    }

    #[test]
    fn valid_windows_stay_inside_and_refuse_what_does_not_fit() {
        let w = Windows::new(&[4, 3], &[2, 2], &[2, 1], Padding::Valid).unwrap();
        assert_eq!(w.output, [2, 2]);
        assert_eq!(w.window(3), &[7, 8, 10, 11]);
        assert!(Windows::new(&[2], &[3], &[1], Padding::Valid).unwrap_err().contains("does not fit"));
        assert!(Windows::new(&[4, 4], &[3], &[1], Padding::Same).unwrap_err().contains("one number per spatial axis"));
    }
}
