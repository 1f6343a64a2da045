//! Patches as columns: one row for each number of a patch, with the positions side by side.
//!
//! ```text
//! columns[(k, c), o] = x[position(o, k), c], 0 beyond the edge
//! ```
//!
//! Of windows that move by one, neighbouring positions read neighbours: where there is one channel, a row is copied in as many
//! pieces as the data have lines, a third of the time of copying patch by patch.

use imnn_compute::Number;
use imnn_models::{OUTSIDE, Windows};
use std::ops::Range;

/// Fewer numbers are copied one by one.
const SHORT: usize = 8;

/// A table of windows over data of some number of channels, tap by tap.
#[derive(Clone, Debug)]
pub struct Columns {
    /// The runs of each tap, in the order of the output positions.
    taps: Vec<Vec<Run>>,
    channels: usize,
    /// Numbers of a row of input.
    size: usize,
    n_outputs: usize,
}

/// Consecutive output positions, under whose tap lie consecutive positions of the input, or none.
#[derive(Clone, Copy, Debug)]
struct Run {
    output: usize,
    len: usize,
    input: Option<usize>,
}

impl Columns {
    pub(crate) fn new(windows: &Windows, channels: usize) -> Self {
        let n_outputs = windows.n_outputs();
        let taps = (0..windows.n_taps).map(|k| runs((0..n_outputs).map(|o| windows.window(o)[k]))).collect();
        Columns { taps, channels, size: windows.n_inputs * channels, n_outputs }
    }

    /// Number of output positions.
    pub(crate) fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Numbers of a patch.
    pub(crate) fn width(&self) -> usize {
        self.taps.len() * self.channels
    }

    /// The columns of some output positions of a row of `x`.
    pub(crate) fn fill<E: Number>(&self, x: &[E], row: usize, positions: Range<usize>, columns: &mut [E]) {
        let (x, c) = (&x[row * self.size..][..self.size], self.channels);
        for (runs, columns) in self.taps.iter().zip(columns.chunks_exact_mut(c * positions.len())) {
            let first = runs.partition_point(|run| run.output + run.len <= positions.start);
            for run in runs[first..].iter().take_while(|run| run.output < positions.end) {
                let outputs = run.output.max(positions.start)..positions.end.min(run.output + run.len);
                for (channel, column) in columns.chunks_exact_mut(positions.len()).enumerate() {
                    let to = &mut column[outputs.start - positions.start..outputs.end - positions.start];
                    match run.input {
                        None => to.fill(E::zero()),
                        Some(input) => {
                            let from = &x[(input + outputs.start - run.output) * c + channel..];
                            copy(from, c, to);
                        }
                    }
                }
            }
        }
    }
}

/// The runs of one tap, from the input positions under it.
fn runs(inputs: impl Iterator<Item = u32>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (output, input) in inputs.enumerate() {
        let input = (input != OUTSIDE).then_some(input as usize);
        match runs.last_mut() {
            Some(run) if input == run.input.map(|first| first + run.len) => run.len += 1,
            _ => runs.push(Run { output, len: 1, input }),
        }
    }
    runs
}

/// Copies every `stride`-th number. What an edge leaves of a line is too short for a call.
#[inline(always)]
fn copy<E: Number>(from: &[E], stride: usize, to: &mut [E]) {
    if stride == 1 && to.len() >= SHORT {
        to.copy_from_slice(&from[..to.len()]);
    } else {
        to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, &from)| *to = from);
    }
}
