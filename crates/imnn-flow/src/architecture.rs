//! What a flow is made of: settings, in words of the papers.

use crate::error::{FlowError, Result};
use serde::{Deserialize, Serialize};

/// The one-dimensional map `z_i = f(u_i)` of an autoregressive transform, whose parameters the network gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Bijection {
    /// `z = e^a u + m`: two parameters, Gaussian conditionals per transform (MAF).
    ///
    /// # References
    /// Papamakarios, Pavlakou & Murray 2017, arXiv:1705.07057, eqs. 4 and 5.
    Affine,
    /// A monotonic rational-quadratic spline on `[-bound, bound]`, the identity outside: `3 bins - 1` parameters.
    ///
    /// # References
    /// Durkan, Bekasov, Murray & Papamakarios 2019, arXiv:1906.04032, eqs. 4 to 8.
    Spline {
        /// Number of bins K, 2 to 64.
        bins: usize,
        /// Half the width of the interval B, above 0.
        bound: f64,
    },
}

impl Bijection {
    /// The spline with 8 bins on `[-5, 5]`.
    pub const SPLINE: Bijection = Bijection::Spline { bins: 8, bound: 5.0 };

    /// Number of parameters for one dimension.
    pub fn n_parameters(self) -> usize {
        match self {
            Bijection::Affine => 2,
            Bijection::Spline { bins, .. } => 3 * bins - 1,
        }
    }
}

/// The transforms of a flow: how many, with which bijection, and the hidden layers of the network in each.
///
/// ```
/// use imnn_flow::{Architecture, Bijection};
/// let maf = Architecture { bijection: Bijection::Affine, ..Architecture::default() };
/// assert_eq!((maf.transforms, &maf.hidden[..]), (5, &[50, 50][..]));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Architecture {
    /// The one-dimensional map. Defaults to the spline with 8 bins on `[-5, 5]`.
    pub bijection: Bijection,
    /// Number of autoregressive transforms, 1 to 100. Defaults to 5.
    pub transforms: usize,
    /// Units of each hidden layer, 1 to 10000 in 1 to 10 layers. Defaults to two layers of 50.
    pub hidden: Vec<usize>,
}

impl Default for Architecture {
    fn default() -> Self {
        Architecture { bijection: Bijection::SPLINE, transforms: 5, hidden: vec![50, 50] }
    }
}

/// The most weights that a flow may have, 2^28: a gigabyte in single precision.
const MOST_WEIGHTS: u128 = 1 << 28;

impl Architecture {
    /// Whether all settings are in their ranges, for `dims` dimensions and `context` conditions.
    ///
    /// # Errors
    /// [`FlowError::Setting`] naming the first that is not.
    pub fn check(&self, dims: usize, context: usize) -> Result<()> {
        if let Bijection::Spline { bins, bound } = self.bijection {
            if !(2..=64).contains(&bins) {
                return Err(FlowError::setting("bins", bins, "2 to 64"));
            }
            if !(bound > 0.0 && bound <= 1e6) {
                return Err(FlowError::setting("bound", bound, "above 0 and at most 1e6"));
            }
        }
        if !(1..=100).contains(&self.transforms) {
            return Err(FlowError::setting("transforms", self.transforms, "1 to 100"));
        }
        if !(1..=10).contains(&self.hidden.len()) {
            return Err(FlowError::setting("hidden", format!("{} layers", self.hidden.len()), "1 to 10 layers"));
        }
        if let Some(units) = self.hidden.iter().find(|units| !(1..=10_000).contains(*units)) {
            return Err(FlowError::setting("hidden", units, "1 to 10000 units in a layer"));
        }
        if dims == 0 {
            return Err(FlowError::setting("the number of columns of y", 0, "at least 1"));
        }
        // As wide numbers: a damaged file may tell of any size.
        let wide = |n: usize| n as u128;
        let mut inputs = wide(dims) + wide(context);
        let mut weights = 0;
        for units in self.hidden.iter().map(|&units| wide(units)) {
            weights += units * (inputs + 1);
            inputs = units;
        }
        weights += wide(dims) * wide(self.bijection.n_parameters()) * (inputs + 1);
        let total = weights * wide(self.transforms);
        if total > MOST_WEIGHTS {
            return Err(FlowError::setting("the number of weights", total, format!("at most {MOST_WEIGHTS}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Architecture)) -> String {
        let mut architecture = Architecture::default();
        change(&mut architecture);
        architecture.check(2, 2).unwrap_err().to_string()
    }

    #[test]
    fn settings_out_of_range_are_named() {
        assert!(Architecture::default().check(2, 0).is_ok());
        assert_eq!(refused(|a| a.transforms = 0), "transforms is 0, it must be 1 to 100");
        assert_eq!(refused(|a| a.hidden = vec![]), "hidden is 0 layers, it must be 1 to 10 layers");
        assert_eq!(refused(|a| a.hidden = vec![50, 0]), "hidden is 0, it must be 1 to 10000 units in a layer");
        let spline = |bins, bound| move |a: &mut Architecture| a.bijection = Bijection::Spline { bins, bound };
        assert_eq!(refused(spline(1, 5.0)), "bins is 1, it must be 2 to 64");
        assert_eq!(refused(spline(8, f64::NAN)), "bound is NaN, it must be above 0 and at most 1e6");
        let wide = Architecture { hidden: vec![10_000; 10], ..Architecture::default() };
        assert!(wide.check(usize::MAX, usize::MAX).unwrap_err().to_string().contains("number of weights"));
    }

    #[test]
    fn settings_are_written_and_read_again() {
        for bijection in [Bijection::Affine, Bijection::SPLINE] {
            let architecture = Architecture { bijection, transforms: 3, hidden: vec![7] };
            let text = toml::to_string(&architecture).unwrap();
            assert_eq!(toml::from_str::<Architecture>(&text).unwrap(), architecture);
        }
    }
}
