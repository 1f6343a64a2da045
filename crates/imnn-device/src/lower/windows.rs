//! Tables as kernels read them: of windows, and of constants.

use imnn_models::{OUTSIDE, Windows};

/// What the kernels of one step look up: empty is what a step does not have.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// `(n_outputs, n_taps)`: input positions, or [`OUTSIDE`].
    pub(crate) taps: Vec<u32>,
    /// The first reader of each input position, and the end.
    pub(crate) first: Vec<u32>,
    /// Who reads a position: number `(o, k)` of the tap; for maxima the output `o`, once.
    pub(crate) readers: Vec<u32>,
    /// For means over windows one over the number of taps inside, for each output; for what is standardised the means of
    /// the channels and then their deviations.
    pub(crate) constants: Vec<f64>,
}

impl Table {
    /// The table for means over windows.
    pub(super) fn of_means(windows: &Windows) -> Self {
        let inside = |o| windows.window(o).iter().filter(|&&tap| tap != OUTSIDE).count();
        let constants = (0..windows.n_outputs()).map(|o| 1.0 / inside(o).max(1) as f64).collect();
        Table { constants, ..Table::new(windows, false) }
    }

    /// The table of windows; with `outputs_once` their readers are outputs, each of them once.
    pub(super) fn new(windows: &Windows, outputs_once: bool) -> Self {
        let mut lists: Vec<Vec<u32>> = vec![Vec::new(); windows.n_inputs];
        for (at, &tap) in windows.taps.iter().enumerate().filter(|&(_, &tap)| tap != OUTSIDE) {
            let reader = if outputs_once { at / windows.n_taps } else { at } as u32;
            let list = &mut lists[tap as usize];
            if list.last() != Some(&reader) {
                list.push(reader);
            }
        }
        let mut first = vec![0];
        let mut readers = Vec::new();
        for list in lists {
            readers.extend(list);
            first.push(readers.len() as u32);
        }
        Table { taps: windows.taps.clone(), first, readers, constants: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_those_whose_taps_look_there() {
        // Two outputs over three positions; the second sees position 2 twice, as small circular windows do.
        let windows = Windows { output: vec![2], n_inputs: 3, n_taps: 3, taps: vec![OUTSIDE, 0, 2, 2, 1, 2] };
        let table = Table::new(&windows, false);
        assert_eq!((table.first, table.readers), (vec![0, 1, 2, 5], vec![1, 4, 2, 3, 5]));
        let once = Table::new(&windows, true);
        assert_eq!((once.first, once.readers), (vec![0, 1, 2, 4], vec![0, 1, 0, 1]));
    }
}
