//! Summaries of simulations row by row, for what moments do not tell.

use crate::error::Result;
use imnn_device::Summaries;
use imnn_stats::FisherEstimate;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Slice, concatenate};

/// Summaries of some simulations after others, of which some have derivatives and stand first.
pub(crate) struct Rows {
    most: usize,
    numbers: usize,
    with: Vec<(Array2<f64>, Array3<f64>)>,
    without: Vec<Array2<f64>>,
}

impl Rows {
    /// Those that come until there are so many numbers; the first ones in any case.
    pub(crate) fn up_to(most: usize) -> Self {
        Rows { most, numbers: 0, with: vec![], without: vec![] }
    }

    pub(crate) fn add(&mut self, Summaries { x, dx }: &Summaries) {
        // A pass has those with derivatives before those without, which both are needed.
        if self.numbers >= self.most {
            return;
        }
        self.numbers += x.len() + dx.len();
        let n_d = dx.len_of(Axis(0));
        let rows = |from: usize, to: usize| x.slice_axis(Axis(0), Slice::from(from..to)).to_owned();
        if n_d > 0 {
            self.with.push((rows(0, n_d), dx.clone()));
        }
        if n_d < x.nrows() {
            self.without.push(rows(n_d, x.nrows()));
        }
    }

    /// The Fisher information of all of them.
    ///
    /// # Errors
    /// If the covariance of the summaries is singular.
    pub(crate) fn information(&self) -> Result<FisherEstimate> {
        let with = self.with.iter().map(|(x, _)| x.view());
        let x: Vec<ArrayView2<'_, f64>> = with.chain(self.without.iter().map(|x| x.view())).collect();
        let dx: Vec<ArrayView3<'_, f64>> = self.with.iter().map(|(_, dx)| dx.view()).collect();
        // All are of one network, and there is one at least.
        let x = concatenate(Axis(0), &x).unwrap_or_default();
        let dx = concatenate(Axis(0), &dx).unwrap_or_default();
        Ok(FisherEstimate::new(x.view(), dx.view())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries(n_s: usize, n_d: usize, first: usize) -> Summaries {
        let number = |i: usize, k: usize| (((i * i + 3) as f64 * (k + 2) as f64).sqrt() * 1e3).fract();
        Summaries {
            x: Array2::from_shape_fn((n_s, 2), |(i, k)| number(first + i, k)),
            dx: Array3::from_shape_fn((n_d, 2, 1), |(i, k, _)| 1.0 + number(first + i, k + 5)),
        }
    }

    #[test]
    fn those_with_derivatives_come_first() {
        let (one, two) = (summaries(9, 4, 0), summaries(7, 7, 100));
        let mut rows = Rows::up_to(usize::MAX);
        [&one, &two].into_iter().for_each(|part| rows.add(part));
        let cut = |from: usize, to: usize| one.x.slice_axis(Axis(0), Slice::from(from..to));
        let x = concatenate![Axis(0), cut(0, 4), two.x, cut(4, 9)];
        let dx = concatenate![Axis(0), one.dx, two.dx];
        assert_eq!(rows.information().unwrap(), FisherEstimate::new(x.view(), dx.view()).unwrap());
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut rows = Rows::up_to(10);
        rows.add(&summaries(9, 9, 0));
        rows.add(&summaries(7, 7, 100));
        assert_eq!(rows.information().unwrap().n_s, 9);
    }
}
