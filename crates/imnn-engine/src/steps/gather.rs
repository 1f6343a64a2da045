//! Windows laid side by side, so that a convolution is a matrix product, and the way back.
//!
//! ```text
//! gather    patch[o, (k, c)] = x[position(o, k), c], 0 beyond the edge
//! scatter   g_x[position(o, k), c] += g_patch[o, (k, c)]
//! ```
//!
//! Taps that are neighbours in memory are copied as one run: a 5 x 5 window over channels-last data is five runs.

use imnn_compute::{Number, vectorised};
use imnn_models::{OUTSIDE, Windows};
use std::ops::Range;
use std::sync::Arc;

/// Numbers of a short run.
const SHORT: usize = 8;

/// A table of windows over data of some number of channels, as runs of memory.
#[derive(Clone, Debug)]
pub struct Gather {
    windows: Arc<Windows>,
    runs: Vec<Run>,
    /// The first run of each output position, and the end.
    first: Vec<u32>,
    /// Numbers of a row of input.
    size: usize,
    /// Numbers of a patch.
    width: usize,
}

/// Consecutive numbers of a patch that are consecutive in the input too, or all lie outside.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    len: u32,
}

impl Gather {
    pub(crate) fn new(windows: Arc<Windows>, channels: usize) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut first = vec![0];
        for o in 0..windows.n_outputs() {
            let begin = runs.len();
            for &tap in windows.window(o) {
                let (start, len) = (if tap == OUTSIDE { OUTSIDE } else { tap * channels as u32 }, channels as u32);
                match runs[begin..].last_mut() {
                    Some(run) if start == OUTSIDE && run.start == OUTSIDE => run.len += len,
                    Some(run) if start != OUTSIDE && run.start != OUTSIDE && run.start + run.len == start => {
                        run.len += len
                    }
                    _ => runs.push(Run { start, len }),
                }
            }
            first.push(runs.len() as u32);
        }
        let (size, width) = (windows.n_inputs * channels, windows.n_taps * channels);
        Gather { windows, runs, first, size, width }
    }

    /// The table of windows.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Numbers of a patch.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The patches `range` of all rows of `x`: number `row * n_outputs + o` is that of output position o.
    pub(crate) fn gather<E: Number>(&self, x: &[E], range: Range<usize>, patches: &mut [E]) {
        let mut at = 0;
        for (row, runs) in self.patches(range) {
            let x = &x[row * self.size..];
            for run in runs {
                let len = run.len as usize;
                if run.start == OUTSIDE {
                    patches[at..at + len].fill(E::zero());
                } else {
                    copy(&x[run.start as usize..], &mut patches[at..], len);
                }
                at += len;
            }
        }
    }

    /// Adds the patches `range` to the rows of `x` that they came from.
    pub(crate) fn scatter<E: Number>(&self, patches: &[E], range: Range<usize>, x: &mut [E]) {
        scatter(self, patches, range, x);
    }

    /// The row and the runs of each patch.
    fn patches(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &[Run])> {
        let n_outputs = self.first.len() - 1;
        let (mut row, mut o) = (range.start / n_outputs, range.start % n_outputs);
        range.map(move |_| {
            let window = (row, &self.runs[self.first[o] as usize..self.first[o + 1] as usize]);
            o += 1;
            if o == n_outputs {
                (row, o) = (row + 1, 0);
            }
            window
        })
    }
}

/// Copies the first `len` numbers. Of a short run so many that the length is known, where there is room: what comes too much
/// lies where the next run is going to be.
#[inline(always)]
fn copy<E: Number>(from: &[E], to: &mut [E], len: usize) {
    match (from.first_chunk::<SHORT>(), to.first_chunk_mut::<SHORT>()) {
        (Some(from), Some(to)) if len <= SHORT => *to = *from,
        _ => to[..len].copy_from_slice(&from[..len]),
    }
}

vectorised! {
    /// [`Gather::scatter`].
    fn scatter<'a, E>(gather: &'a Gather, patches: &'a [E], range: Range<usize>, x: &'a mut [E]) {
        for ((row, runs), patch) in gather.patches(range).zip(patches.chunks_exact(gather.width)) {
            let x = &mut x[row * gather.size..][..gather.size];
            let mut at = 0;
            for run in runs {
                let (start, len) = (run.start as usize, run.len as usize);
                if run.start != OUTSIDE {
                    x[start..start + len].iter_mut().zip(&patch[at..at + len]).for_each(|(x, &p)| *x += p);
                }
                at += len;
            }
        }
    }
}
