//! The densities of all parameters and pairs of them.

use super::{Density1, Density2, marginal, marginal_of_two};
use crate::error::Result;
use crate::posterior::Posterior;

/// What a corner plot shows: a density for each parameter and one for each pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Densities {
    /// For each parameter.
    pub one: Vec<Density1>,
    /// For each pair `(j, i)` with `j < i`: first all with `i = 1`, then those with `i = 2`, and so on.
    pub pairs: Vec<Density2>,
}

impl Densities {
    /// Kernel estimates from samples.
    ///
    /// # Errors
    /// As [`marginal`].
    pub fn of(posterior: &Posterior) -> Result<Self> {
        let p = posterior.n_params();
        let one = (0..p).map(|i| marginal(posterior, i)).collect::<Result<_>>()?;
        let pairs = (0..p).flat_map(|i| (0..i).map(move |j| (j, i)));
        let pairs = pairs.map(|(j, i)| marginal_of_two(posterior, j, i)).collect::<Result<_>>()?;
        Ok(Densities { one, pairs })
    }

    /// The density of parameters `j` (along) and `i` (upwards), `j < i`.
    pub fn two(&self, j: usize, i: usize) -> Option<&Density2> {
        if j < i { self.pairs.get(i * (i - 1) / 2 + j) } else { None }
    }
}
