//! Simulations as a device makes them itself.

use imnn_sim::Recipe;

/// How a source's simulations are made from the key of a pass.
///
/// With `p` parameters, row i is made with `key.fold_in(index(i, n_d))` at the fiducial, and for i < n_d with what lies
/// beside it in [`Leaf::derivatives`](crate::Leaf::derivatives): the derivatives with respect to each parameter, or the
/// simulations at each of `points`.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// What the simulator does with random numbers and parameters.
    pub recipe: Recipe,
    /// The fiducial parameter values.
    pub theta_fid: Vec<f64>,
    /// For numerical derivatives the parameter values below for each parameter, then those above; empty for exact ones.
    pub points: Vec<Vec<f64>>,
    /// What the key of row 0 is folded with.
    pub first: u64,
    /// What the key of row n_d is folded with, the first without derivatives.
    pub first_without: u64,
}

impl Simulated {
    /// What the key of a pass is folded with to be the key of `row`.
    pub fn index(&self, row: usize, n_d: usize) -> u64 {
        if row < n_d { self.first + row as u64 } else { self.first_without + (row - n_d) as u64 }
    }
}
