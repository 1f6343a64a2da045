//! Data in TOML files: paths of arrays, and the parameters of simulations below and above the fiducial.

use imnn_io::config::{DeValue, Value};
use imnn_io::{ConfigError, Section};

use crate::{ArrayPath, ParameterSteps};

impl Value for ArrayPath {
    const NAME: &'static str = "the path of an array in quotes: file.npy or file.npz:key";
    const PLURAL: &'static str = "paths of arrays in quotes";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().filter(|text| !text.is_empty()).map(ArrayPath::from)
    }
}

/// One path, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayPaths(pub Vec<ArrayPath>);

impl Value for ArrayPaths {
    const NAME: &'static str = "the path of an array in quotes, or a list of them";
    const PLURAL: &'static str = "lists of paths";

    fn read(value: &DeValue<'_>) -> Option<Self> {
        Vec::read(value).or_else(|| Some(vec![ArrayPath::read(value)?])).map(ArrayPaths)
    }
}

/// Reads the keys `delta_theta`, or `theta_below` and `theta_above`, for simulations about this fiducial.
///
/// # Errors
/// As [`ParameterSteps::new`] and [`ParameterSteps::check_fiducial`], at the line of the key.
pub fn read_steps(section: &Section<'_>, theta_fid: &[f64]) -> Result<ParameterSteps, ConfigError> {
    let vector = |key: &str| section.optional::<Vec<f64>>(key);
    let (delta_theta, below, above) = (vector("delta_theta")?, vector("theta_below")?, vector("theta_above")?);
    let steps = ParameterSteps::new(delta_theta, below, above).and_then(|steps| {
        steps.check_fiducial(theta_fid)?;
        Ok(steps)
    });
    steps.map_err(|error| section.refused(error))
}
